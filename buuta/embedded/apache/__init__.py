"""Apache Kafka from Maven Central on loopback: for contract tests, benchmarks and failure tests.

Needs Java 17 and Maven.
"""

import os
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from buuta.embedded.maven import fetch
from buuta.embedded.processes import Child, accepts, free_port, wait_until

POM: Final = Path(__file__).parent / "pom.xml"
PROPERTIES: Final = """
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}
controller.listener.names=CONTROLLER
log.dirs={logs}
offsets.topic.replication.factor={copies}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr=1
min.insync.replicas={in_sync}
group.initial.rebalance.delay.ms={delay}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
"""

Behind = tuple[int, int]
"""The port of a broker, and that of the proxy before it, to which clients are sent."""


@dataclass(frozen=True)
class NodeSpec:
    """A node's number and ports; `advertised` is where clients are told to come."""

    number: int
    port: int
    controller: int
    advertised: int


class Node:
    """One broker that is a controller, too."""

    def __init__(self, folder: Path, spec: NodeSpec, memory: str, properties: Mapping[str, Any]) -> None:
        self._folder = folder
        self._port = spec.port
        self._number = spec.number
        self._memory = memory
        self._jars = fetch(POM, "kafka-4.1.0")
        self._properties = folder / f"kafka-{spec.number}.properties"
        self._properties.write_text(
            PROPERTIES.format(
                number=spec.number, port=spec.port, controller=spec.controller, advertised=spec.advertised,
                logs=folder / f"kafka-logs-{spec.number}", **properties,
            )
        )  # fmt: skip

    def format(self, cluster: str) -> None:
        """Make the node's folder."""
        arguments = ["format", "-t", cluster, "-c", str(self._properties)]
        subprocess.run(
            [*self._command("kafka.tools.StorageTool"), *arguments], check=True, stdout=subprocess.DEVNULL
        )

    def launch(self) -> None:
        """Start the node without waiting for it."""
        command = [*self._command("kafka.Kafka"), str(self._properties)]
        self._child = Child(command, self._folder / f"kafka-{self._number}.log", os.environ)

    def wait(self) -> None:
        """Wait until the node listens."""
        wait_until(lambda: accepts(self._port), f"Apache Kafka on port {self._port}", 90)

    def start(self) -> None:
        """Start the node, or start it again with what it had."""
        self.launch()
        self.wait()

    def _command(self, main: str) -> list[str]:
        return [
            "java", f"-Xmx{self._memory}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-cp", f"{self._jars}/*", main,
        ]  # fmt: skip

    def stop(self) -> None:
        """End the node; its log stays in the folder."""
        self._child.stop(15)

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()


class ApacheKafka:
    """One broker; `address` is its bootstrap server, at the port of a proxy before it if there is one."""

    def __init__(
        self, folder: Path, memory: str = "1g", first_rebalance_ms: int = 0, behind: Behind | None = None
    ) -> None:
        controller = free_port()
        port, advertised = behind or (free_port(),) * 2
        self.address = f"127.0.0.1:{advertised}"
        self.settings: dict[str, Any] = {}
        properties = {
            "voters": f"1@127.0.0.1:{controller}", "copies": 1, "in_sync": 1, "delay": first_rebalance_ms,
        }  # fmt: skip
        self._node = Node(folder, NodeSpec(1, port, controller, advertised), memory, properties)
        self._node.format(uuid.uuid4().hex[:22])
        self.start()

    def start(self) -> None:
        """Start the broker, or start it again with what it had."""
        self._node.start()

    def stop(self) -> None:
        """End the broker; its log stays in the folder."""
        self._node.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._node.kill()


class ApacheCluster:
    """Three brokers, every partition on all of them, two of which must acknowledge.

    `advertised` are the ports that clients are sent to: those of proxies in front of the brokers.
    """

    def __init__(self, folder: Path, ports: Sequence[int], advertised: Sequence[int]) -> None:
        controllers = [free_port() for _ in ports]
        voters = ",".join(f"{place}@127.0.0.1:{port}" for place, port in enumerate(controllers, 1))
        properties = {"voters": voters, "copies": 3, "in_sync": 2, "delay": 0}
        self.address = ",".join(f"127.0.0.1:{port}" for port in advertised)
        self.settings: dict[str, Any] = {"replication": 3}
        specs = map(NodeSpec, range(1, len(ports) + 1), ports, controllers, advertised)
        self.nodes = [Node(folder, spec, "384m", properties) for spec in specs]
        cluster = uuid.uuid4().hex[:22]
        for node in self.nodes:
            node.format(cluster)
            node.launch()
        for node in self.nodes:
            node.wait()

    def stop(self) -> None:
        """End all brokers."""
        for node in self.nodes:
            node.kill()
