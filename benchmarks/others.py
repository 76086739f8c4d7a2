"""The peers under measure, each a process of its own; each returns scans a second of its steady part."""

import asyncio
import os
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.ground import Ground
from buuta.contracts.schemas import folder
from buuta.embedded.maven import CACHE, fetch
from buuta.embedded.processes import Child

PEERS: Final = Path(__file__).parent / "peers"
PATIENCE_SECONDS: Final = 900


async def faust_usual(ground: Ground, name: str, count: int) -> float:
    """A Faust app as its tutorial writes it: agent, table, `send`; timed by itself."""
    env = {**ground.variables("usual", name), "BENCH_COUNT": str(count)}
    [told] = await _told(ground, name, [[sys.executable, "-m", "benchmarks.peers.faust_usual"]], env)
    return float(told.rsplit("SPEED ", 1)[1].split()[0])


async def kafka_streams(ground: Ground, name: str, guarantee: str, count: int) -> float:
    """Kafka Streams with two threads, RocksDB and its changelog; timed by itself."""
    jars, classes = await asyncio.to_thread(_compiled)
    command = [
        "java", "-cp", f"{classes}:{jars}/*", "ParcelPeer", ground.kafka, "plain", name, guarantee,
        str(count), str(folder()), str(ground.folder / f"{name}-state"),
    ]  # fmt: skip
    [told] = await _told(ground, name, [command], os.environ)
    return float(told.rsplit("SPEED ", 1)[1].split()[0])


async def quix_streams(ground: Ground, name: str, count: int) -> float:
    """Quix Streams in two processes, from the first record of either to the last."""
    python = await asyncio.to_thread(_quix_python)
    commands = [
        [str(python), str(PEERS / "quix.py"), ground.kafka, "plain", name, str(folder()),
         str(ground.folder / f"{name}-state-{number}")]
        for number in range(2)
    ]  # fmt: skip
    spans = [
        each.rsplit("SPAN ", 1)[1].split()[:3] for each in await _told(ground, name, commands, os.environ)
    ]
    busy = [(float(first), float(last), int(records)) for first, last, records in spans if int(records)]
    assert sum(records for _, _, records in busy) == count, busy
    return count / (max(last for _, last, _ in busy) - min(first for first, _, _ in busy))


def _compiled() -> tuple[Path, Path]:
    """The jars of Kafka Streams, and the peer's classes, made anew."""
    jars = fetch(PEERS / "kafka_streams" / "pom.xml", "kafka-streams-4.1.1")
    classes = CACHE / "kafka-streams-peer"
    source = PEERS / "kafka_streams" / "ParcelPeer.java"
    subprocess.run(["javac", "-cp", f"{jars}/*", "-d", str(classes), str(source)], check=True)
    return jars, classes


def _quix_python() -> Path:
    """An environment with what `peers/quix.lock` pins; Quix Streams wants other versions than we."""
    home = CACHE / "quix"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True)
        lock = ["-r", str(PEERS / "quix.lock")]
        subprocess.run([python, "-m", "pip", "install", "-q", "--require-hashes", *lock], check=True)
        (home / "complete").touch()
    return python


async def _told(
    ground: Ground, name: str, commands: Sequence[Sequence[str]], env: Mapping[str, str]
) -> list[str]:
    """What peers print until all of them have ended.

    Raises:
        RuntimeError: one failed, or did not end in time; the message holds its last lines.
    """
    await ground.create_topic(name)
    logs = [ground.folder / f"{name}-{number}.log" for number in range(len(commands))]
    children = [Child(command, log, env) for command, log in zip(commands, logs, strict=True)]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(child.alive for child in children) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    texts = [log.read_text(encoding="utf-8") for log in logs]
    for child, text in zip(children, texts, strict=True):
        if child.alive or child.process.returncode:
            child.kill()
            raise RuntimeError(f"{name} did not finish: {text[-2000:]}")
    return texts
