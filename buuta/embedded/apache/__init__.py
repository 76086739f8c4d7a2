"""Apache Kafka from Maven Central, one broker on loopback: for contract tests and benchmarks.

Needs Java 17 and Maven.
"""

import os
import subprocess
import uuid
from pathlib import Path
from typing import Final

from buuta.embedded.maven import fetch
from buuta.embedded.processes import Child, accepts, free_port, wait_until

POM: Final = Path(__file__).parent / "pom.xml"
PROPERTIES: Final = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={logs}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms={delay}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
"""


class ApacheKafka:
    """One broker that is its own controller; `address` is its bootstrap server."""

    def __init__(self, folder: Path, memory: str = "1g", first_rebalance_ms: int = 0) -> None:
        self._folder = folder
        self._memory = memory
        self._jars = fetch(POM, "kafka-4.1.0")
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._properties = folder / "kafka.properties"
        self._properties.write_text(
            PROPERTIES.format(
                port=self._port,
                controller=free_port(),
                logs=folder / "kafka-logs",
                delay=first_rebalance_ms,
            )
        )
        cluster = uuid.uuid4().hex[:22]
        self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties))
        self.start()

    def start(self) -> None:
        """Start the broker, or start it again with what it had."""
        command = [*self._command("kafka.Kafka"), str(self._properties)]
        self._child = Child(command, self._folder / "kafka.log", os.environ)
        wait_until(lambda: accepts(self._port), f"Apache Kafka on port {self._port}", 60)

    def _command(self, main: str) -> list[str]:
        return [
            "java",
            f"-Xmx{self._memory}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            f"{self._jars}/*",
            main,
        ]

    def _java(self, main: str, *arguments: str) -> None:
        subprocess.run([*self._command(main), *arguments], check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """End the broker; its log stays in the folder."""
        self._child.stop(15)

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()
