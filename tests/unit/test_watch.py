"""The demo's watch: what ends is told at once, with why and its last words, and started again, or all stops."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from buuta.demo.stack import Stack
from buuta.demo.watch import TIMES, Watch, ending
from buuta.embedded.processes import Child
from buuta.errors import Stop
from tests.waiting import until

SLEEP = [sys.executable, "-c", "import time; print('its last word', flush=True); time.sleep(60)"]
FAIL = [sys.executable, "-c", "print('cannot go on', flush=True); raise SystemExit(3)"]


class OneService(Stack):
    """A stack of one process, beside a broker and a database that only listen."""

    command = SLEEP

    def start(self, service: str, name: str | None = None) -> None:
        """Start it."""
        self.children[service] = Child(self.command, self.folder / f"{service}.log", os.environ)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as made:
        yield made


@pytest.fixture
def stack(tmp_path: Path, listener: socket.socket) -> Iterator[OneService]:
    port = listener.getsockname()[1]
    broker: Any = SimpleNamespace(address=f"127.0.0.1:{port}", settings={})
    database: Any = SimpleNamespace(port=port, log=tmp_path / "server.log")
    database.log.write_text("shutting down")
    (tmp_path / "broker.log").write_text("out of memory")
    nobody: Any = None
    made = OneService({}, database, broker, nobody, nobody, {}, tmp_path)
    yield made
    for child in made.children.values():
        child.kill()


async def test_a_killed_service_is_told_with_why_and_its_last_words_and_started_again(
    stack: OneService,
) -> None:
    said: list[str] = []
    stack.start("tracker")
    first = stack.children["tracker"]
    await until(lambda: _wrote(stack, "its last word"), "it has begun")
    watching = asyncio.ensure_future(Watch(stack, said.append).run())
    os.kill(first.process.pid, signal.SIGKILL)
    await until(lambda: _told(said), "somebody is told")
    watching.cancel()
    [told] = said
    assert told.startswith(
        "tracker was ended by SIGKILL (killed, or out of memory). The last lines of its log:"
    )
    assert "its last word" in told
    assert stack.children["tracker"] is not first
    assert stack.children["tracker"].alive


async def test_a_service_that_ends_again_and_again_stops_the_demo(stack: OneService) -> None:
    said: list[str] = []
    stack.command = FAIL
    stack.start("portal")
    with pytest.raises(
        Stop, match=r"portal ended with exit code 3.(.|\n)*cannot go on(.|\n)*the demo stops"
    ):
        await Watch(stack, said.append).run()
    assert len(said) == TIMES


async def test_without_the_broker_the_demo_stops_at_once(
    stack: OneService, listener: socket.socket
) -> None:
    listener.close()
    with pytest.raises(Stop, match=r"The broker on port .* is gone, (.|\n)*out of memory"):
        await Watch(stack, print).run()


def test_an_end_is_told_in_words() -> None:
    assert ending(0) == "ended with exit code 0"
    assert ending(-15) == "was ended by SIGTERM"


async def _wrote(stack: OneService, text: str) -> bool:
    return text in stack.tail("tracker")


async def _told(said: list[str]) -> bool:
    return bool(said)
