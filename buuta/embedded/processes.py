"""Child processes that end with their parent, and free ports."""

import contextlib
import itertools
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

PORTS: Final = range(20_000, 32_000)
"""Linux lends clients those from 32,768 on, others from 49,152 (RFC 6335)."""
_CANDIDATES: Final[Iterator[int]] = itertools.cycle(random.sample(PORTS, len(PORTS)))


def free_port() -> int:
    """A TCP port on loopback that nobody uses at this moment.

    It lies below those that the system lends to clients: whoever is started again must find its port free. None is
    named twice before all were.

    Raises:
        OSError: so many are taken that there is hardly one.
    """
    for port in itertools.islice(_CANDIDATES, 1_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no free port on loopback")


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
