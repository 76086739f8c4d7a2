"""Buuta and raw COPY under measure; each returns scans a second of its steady part."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from benchmarks.ground import PARTITIONS, Ground, fresh_database
from buuta.contracts.columns import batch_of
from buuta.embedded.processes import Child, free_port
from buuta.model.scan import Scan
from buuta.storage.copying import copy_batch
from services.tracker.history import scan_table

CHUNK = 4000
POSITIONS = "select coalesce(sum(position), 0), count(*) from progress where topic = $1"


@dataclass(frozen=True)
class Run:
    """One way to run the tracker; `name` names its topic of milestones."""

    name: str
    topic: str
    count: int
    processes: int = 1


async def buuta(ground: Ground, run: Run) -> float:
    """The tracker as it is deployed: from taking its partitions over to the last committed scan."""
    milestones = f"{run.name}-milestones"
    await ground.create_topic(milestones)
    con = await fresh_database(ground)
    env = ground.variables(run.topic, milestones)
    trackers = [_tracker(ground, f"{run.name}-{number}", env) for number in range(run.processes)]
    try:
        # Kafka waits for three seconds for members of a new group, so all of them start together.
        started = await _until(con, run.topic, lambda position, taken: taken == PARTITIONS, trackers)
        ended = await _until(con, run.topic, lambda position, taken: position >= run.count, trackers)
        await _until_told(ground, con, milestones)
    finally:
        for tracker in trackers:
            tracker.stop()
        await con.close()
    return run.count / (ended - started)


def _tracker(ground: Ground, name: str, env: Mapping[str, str]) -> Child:
    port = {"BUUTA_OPERATIONS_PORT": str(free_port())}
    return Child([sys.executable, "-m", "services.tracker"], ground.folder / f"{name}.log", {**env, **port})


async def _until(con: Any, topic: str, true: Any, trackers: Sequence[Child]) -> float:
    while True:
        position, taken = await con.fetchrow(POSITIONS, topic)
        if true(position, taken):
            return time.perf_counter()
        for tracker in trackers:
            if not tracker.alive:
                raise RuntimeError(f"a tracker ended: {tracker.output.read_text()[-2000:]}")
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
