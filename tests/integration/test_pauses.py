"""A partition that is paused, by hand or by the limit, waits and loses nothing."""

import asyncio
from typing import Any

from buuta.settings import SharedSettings
from buuta.streaming.limit import DeadLimit
from buuta.streaming.worker import ChunkWorker
from tests.integration.parts import chunk, everything, worker
from tests.scans import scan
from tests.waiting import until

GARBAGE = [b"\xc3\x01garbage" + bytes([number]) for number in range(8)]


async def position(pool: Any) -> int:
    at: int = await pool.fetchval("select position from progress")
    return at


async def waits(tracker: ChunkWorker) -> str:
    return tracker.parts.readiness.waiting.get("partition 0", "")


async def test_what_a_bad_deploy_cannot_read_is_not_buried(settings: SharedSettings, pool: Any) -> None:
    own = settings.model_copy(update={"dead_letter_run": 5})
    async with worker(own, pool) as tracker:
        await tracker.handle(chunk(own, 0, [scan("accepted", 0), *GARBAGE[:3]]))
        handling = asyncio.create_task(tracker.handle(chunk(own, 4, GARBAGE[3:6])))
        said = await until(lambda: waits(tracker), "the partition is paused")
        assert "6 records in a row cannot be decoded (limit 5)" in said
        assert "fingerprint" in said
        assert await position(pool) == 4
        await pool.execute("update progress set paused = null, dead_run = 0, dead_allowed = 3")
        await handling
        assert await waits(tracker) == ""
    assert await position(pool) == 7
    assert len(await everything(own, own.dead_letters_topic)) == 6


async def test_a_run_is_known_to_the_heir(settings: SharedSettings, pool: Any) -> None:
    own = settings.model_copy(update={"dead_letter_run": 5})
    for start in (0, 3):
        async with worker(own, pool) as tracker:
            handling = asyncio.create_task(tracker.handle(chunk(own, start, GARBAGE[start : start + 3])))
            if start:
                await until(lambda: waits(tracker), "the heir pauses")
                handling.cancel()
            else:
                await handling
    assert await position(pool) == 3


async def test_a_hand_pauses_a_partition_and_lets_it_go_on(settings: SharedSettings, pool: Any) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted", 0)]))
        await pool.execute("update progress set paused = 'the database is moved'")
        handling = asyncio.create_task(tracker.handle(chunk(settings, 1, [scan("in_transit", 1)])))
        assert "the database is moved" in await until(lambda: waits(tracker), "it is paused")
        assert await position(pool) == 1
        await pool.execute("update progress set paused = null")
        await handling
    assert await position(pool) == 2


def test_the_limit_of_the_settings_is_sane() -> None:
    settings = SharedSettings()
    assert DeadLimit(settings.dead_letter_run, settings.dead_letter_share).broken(0, 100, {1}) is None
