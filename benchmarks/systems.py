"""The systems under measure; each returns scans a second of its steady part."""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from benchmarks.ground import PARTITIONS, Ground, fresh_database
from buuta.contracts.columns import batch_of
from buuta.embedded.processes import Child, free_port
from buuta.model.scan import Scan
from buuta.storage.copying import copy_batch
from services.tracker.storage import scan_table

CHUNK = 4000
POSITIONS = "select coalesce(sum(position), 0), count(*) from progress where topic = $1"


async def buuta(ground: Ground, topic: str, count: int) -> float:
    """The tracker as it is deployed: from taking its partitions over to the last committed scan."""
    milestones = f"{topic}-milestones"
    await ground.create_topic(milestones)
    con = await fresh_database(ground)
    env = {**ground.variables(topic, milestones), "BUUTA_PORT": str(free_port())}
    tracker = Child([sys.executable, "-m", "services.tracker"], ground.folder / f"{topic}.log", env)
    try:
        started = await _until(con, topic, lambda position, taken: taken == PARTITIONS, tracker)
        ended = await _until(con, topic, lambda position, taken: position >= count, tracker)
        await _until_told(ground, con, milestones)
    finally:
        tracker.stop()
        await con.close()
    return count / (ended - started)


async def _until(con: Any, topic: str, true: Any, child: Child) -> float:
    while True:
        position, taken = await con.fetchrow(POSITIONS, topic)
        if true(position, taken):
            return time.perf_counter()
        if not child.alive:
            raise RuntimeError(f"the tracker ended: {child.output.read_text()[-2000:]}")
        await asyncio.sleep(0.02)


async def _until_told(ground: Ground, con: Any, milestones: str) -> None:
    """Every milestone that the states number must lie in the topic, or the measure is void."""
    expected = await con.fetchval("select sum(sequence) from parcels")
    for _ in range(100):
        if await ground.end(milestones) >= expected:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("milestones are missing in the topic")


async def raw_copy(ground: Ground, arriving: Sequence[Scan], connections: int) -> float:
    """COPY of the same rows into the same table with its primary key, in chunks of the same size.

    The rows are encoded by the tracker's own way of columns, beforehand: what is timed is COPY.
    """
    await (await fresh_database(ground)).close()
    scans = list({scan.event_id: scan for scan in arriving}.values())
    chunks = [
        scan_table(batch_of("ScanEvent", scans[place : place + CHUNK]))
        for place in range(0, len(scans), CHUNK)
    ]
    pool = await asyncpg.create_pool(ground.database, min_size=connections, max_size=connections)
    started = time.perf_counter()
    await asyncio.gather(*(_copy(pool, chunks[place::connections]) for place in range(connections)))
    elapsed = time.perf_counter() - started
    await pool.close()
    return len(scans) / elapsed


async def _copy(pool: Any, chunks: Sequence[Any]) -> None:
    async with pool.acquire() as con:
        for chunk in chunks:
            await copy_batch(con, "scans", chunk)


async def faust_usual(ground: Ground, topic: str, count: int) -> float:
    """A Faust app as its tutorial writes it: agent, table, `send`; timed by itself."""
    await ground.create_topic(f"{topic}-usual")
    log = ground.folder / "faust-usual.log"
    env = {**ground.variables(topic, f"{topic}-usual"), "BENCH_COUNT": str(count)}
    child = Child([sys.executable, "-m", "benchmarks.faust_usual"], log, env)
    deadline = time.monotonic() + 600
    while child.alive and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    text = log.read_text(encoding="utf-8")
    if child.alive or "SPEED " not in text:
        child.kill()
        raise RuntimeError(f"the usual Faust app did not finish: {text[-2000:]}")
    return float(text.rsplit("SPEED ", 1)[1].split()[0])
