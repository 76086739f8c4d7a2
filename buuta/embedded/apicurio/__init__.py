"""A Confluent-compatible schema registry (Apicurio) on loopback, for the contract tests; Java 21+."""

import os
import tarfile
from pathlib import Path
from typing import Final

from buuta.embedded.maven import available, fetch, java_of_at_least
from buuta.embedded.processes import Child, accepts, free_port, wait_until

POM: Final = Path(__file__).parent / "pom.xml"
JAVA: Final = 21


def runs_here() -> bool:
    """Whether Maven and a new enough Java are on this machine."""
    return available() and java_of_at_least(JAVA) is not None


class Apicurio:
    """One registry in memory; `url` is its Confluent API."""

    def __init__(self, folder: Path) -> None:
        archive = next(fetch(POM, "apicurio-3.3.3").glob("*.tar.gz"))
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        java = java_of_at_least(JAVA)
        assert java is not None
        command = [
            java,
            f"-Dquarkus.http.port={port}",
            "-Dquarkus.http.host=127.0.0.1",
            "-jar",
            "quarkus-run.jar",
        ]
        env = {**os.environ, "PWD": str(folder)}
        self._child = Child(command, folder / "apicurio.log", env, cwd=folder)
        wait_until(lambda: accepts(port), f"Apicurio on port {port}", 90)

    def stop(self) -> None:
        """End the registry; its schemas are gone."""
        self._child.stop()
