"""Child processes that end with their parent, and free ports."""

import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def free_port() -> int:
    """A TCP port on loopback that nobody uses at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Whether something listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true in time; the message names it.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


class Child:
    """A process of ours, its output in a file."""

    def __init__(
        self, command: Sequence[str], output: Path, env: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        self.output = output
        with output.open("ab") as sink:
            self.process = subprocess.Popen(
                command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, env=dict(env), cwd=cwd,
                # A group of its own: a terminal's Ctrl-C is the parent's to hear, who ends it in order.
                process_group=0,
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM, then SIGKILL after the grace; returns the exit code."""
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait()
