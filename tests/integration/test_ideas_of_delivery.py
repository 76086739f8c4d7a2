"""Ideas 1 to 3, 7 and 9 of design.md, on a real database and broker: docs/delivery.md explains them."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg
import pytest

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded
from buuta.settings import SharedSettings
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.streaming.work import Work
from services.tracker.chunks import ChunkFold
from tests.integration.parts import FakeLog, chunk, everything, milestones, worker
from tests.scans import letters, scan

JOURNEY = [scan("accepted", 0), scan("in_transit", 1), scan("out_for_delivery", 2), scan("delivered", 3)]


async def history(pool: Any) -> int:
    count: int = await pool.fetchval("select count(*) from scans")
    return count


async def position(pool: Any) -> int:
    at: int = await pool.fetchval(
        "select position from progress where consumer = 'tracker' and partition = 0"
    )
    return at


async def test_idea_1_a_chunk_is_the_unit_of_work(settings: SharedSettings, pool: Any) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, JOURNEY))
    assert (await history(pool), await position(pool)) == (4, 4)
    parcel = await pool.fetchrow("select * from parcels")
    assert (parcel["status"], letters(parcel["live"]), parcel["slot"]) == ("delivered", "ATOD", 0)


async def test_idea_1_one_record_that_cannot_be_read_is_a_dead_letter_alone(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [JOURNEY[0], b"\xc3\x01garbage", None, JOURNEY[1]]))
    assert (await history(pool), await position(pool)) == (2, 4)
    dead = await everything(settings, settings.dead_letters_topic)
    assert [record.value for record in dead] == [b"\xc3\x01garbage", None]
    headers = dict(dead[0].headers)
    assert headers["offset"] == b"1"
    assert headers["topic"] == settings.events_topic.encode()
    assert b"fingerprint" in headers["reason"]


async def test_idea_2_a_chunk_that_comes_again_counts_once(settings: SharedSettings, pool: Any) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, JOURNEY))
        await tracker.handle(chunk(settings, 0, JOURNEY))
        await tracker.handle(chunk(settings, 2, [*JOURNEY[2:], scan("returned", 4)]))
    assert (await history(pool), await position(pool)) == (5, 5)
    told = await milestones(settings)
    assert [each["sequence"] for each in told] == [1, 2, 3, 4, 5]


async def test_idea_2_a_crash_before_the_commit_leaves_nothing(settings: SharedSettings, pool: Any) -> None:
    fold = ChunkFold(Codec())
    crashes = [True]

    class Crashing(NamedTuple):
        work: Work

        async def write(self, con: Any) -> Sequence[Pair]:
            told = await self.work.write(con)
            if crashes.pop() if crashes else False:
                raise ConnectionError("the cable was pulled after the writes")
            return told

    async def crash_once(source: Any, part: Chunk, decoded: Decoded) -> Work:
        return Crashing(await fold.prepare(source, part, decoded))

    async with worker(settings, pool, crash_once) as tracker:
        await tracker.handle(chunk(settings, 0, JOURNEY))
    assert (await history(pool), await position(pool)) == (4, 4)
    assert len(await milestones(settings)) == 4


async def test_idea_2_a_zombie_finds_itself_fenced_and_writes_nothing(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool) as zombie, worker(settings, pool) as heir:
        zombie.log = FakeLog(owned=False)
        await zombie.handle(chunk(settings, 0, JOURNEY[:2]))
        assert (await history(pool), await position(pool)) == (0, 0)
        await heir.handle(chunk(settings, 0, JOURNEY))
        await zombie.handle(chunk(settings, 4, [scan("returned", 5)]))
    assert (await history(pool), await position(pool)) == (4, 4)


async def test_idea_2_an_owner_that_was_wrongly_fenced_off_takes_its_partition_back(
    settings: SharedSettings, pool: Any
) -> None:
    """Someone who had lost the partition raised its fence late; the group still says that it is ours."""
    async with worker(settings, pool) as owner:
        log = owner.log
        assert isinstance(log, FakeLog)
        await owner.handle(chunk(settings, 0, JOURNEY[:2]))
        await pool.execute("update progress set fence = fence + 1")
        await owner.handle(chunk(settings, 2, JOURNEY[2:]))
        assert (log.rereads, await history(pool)) == ([1], 2)
        await owner.handle(chunk(settings, 1, JOURNEY[1:]))
    assert (await history(pool), await position(pool)) == (4, 4)


async def test_idea_2_a_zombie_frozen_inside_its_transaction_is_cut_off(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool):
        pass
    """With a connection for each partition, as a worker has; none of them idle long enough to be ended."""
    await pool.execute(
        "insert into progress (consumer, topic, partition, position, fence) select 'tracker', $1, 1, 0, 1",
        settings.events_topic,
    )
    zombies = [await asyncpg.connect(str(settings.database)) for _ in range(2)]
    for partition, zombie in enumerate(zombies):
        await zombie.execute(f"begin; update progress set position = 99 where partition = {partition}")
    async with worker(settings, pool, partitions=2) as heir:
        await heir.handle(chunk(settings, 0, JOURNEY))
    assert all(zombie.is_closed() for zombie in zombies)
    assert (await history(pool), await position(pool)) == (4, 4)


async def test_idea_2_a_take_over_needs_one_connection_only(settings: SharedSettings, pool: Any) -> None:
    """Or it waits for itself when all others of the pool are out."""
    async with worker(settings, pool):
        pass
    zombie = await asyncpg.connect(str(settings.database))
    await zombie.execute("begin; update progress set position = 99")
    async with (
        asyncpg.create_pool(str(settings.database), min_size=0, max_size=1) as own,
        asyncio.timeout(30),
        worker(settings, own) as heir,
    ):
        await heir.handle(chunk(settings, 0, JOURNEY))
    assert zombie.is_closed()
    assert (await history(pool), await position(pool)) == (4, 4)


async def test_idea_2_a_chunk_ahead_of_the_position_makes_it_seek_back(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool) as tracker:
        log = tracker.log
        assert isinstance(log, FakeLog)
        await tracker.handle(chunk(settings, 3, JOURNEY[3:]))
        assert (log.rereads, await history(pool)) == ([0], 0)
        await tracker.handle(chunk(settings, 0, JOURNEY[:3]))
        await tracker.handle(chunk(settings, 3, JOURNEY[3:]))
    assert (await history(pool), await position(pool)) == (4, 4)


async def test_idea_2_a_gap_that_is_there_at_the_second_reading_is_the_logs_own(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool) as tracker:
        for _ in range(2):
            await tracker.handle(chunk(settings, 3, JOURNEY))
    assert (await history(pool), await position(pool)) == (4, 7)


async def test_idea_3_what_was_committed_and_not_told_is_told_by_the_next_owner(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool) as tracker:
        tracker._tell = lambda partition, pairs: None  # type: ignore[method-assign]  # dies after the commit
        await tracker.handle(chunk(settings, 0, JOURNEY))
    assert await milestones(settings) == []
    async with worker(settings, pool):
        pass
    assert [each["milestone_id"] for each in await milestones(settings)] == [
        f"ghn:Z82BS#{number}" for number in (1, 2, 3, 4)
    ]


async def test_idea_3_what_is_told_twice_carries_the_same_id(settings: SharedSettings, pool: Any) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, JOURNEY))
    async with worker(settings, pool):
        pass
    ids = [each["milestone_id"] for each in await milestones(settings)]
    assert ids[:4] == ids[4:]


async def test_idea_9_what_decodes_and_cannot_be_stored_is_found_and_set_aside_alone(
    settings: SharedSettings, pool: Any
) -> None:
    """Through a carrier's own door in Kafka anything may come: a NUL, an attempt beyond the column."""
    poison = [
        scan("held", 1, facility="B\x00C"),
        scan("held", 2, offset_minutes=99_999),
        scan("held", 3, event_id="xyz"),
    ]
    good = [scan("accepted", hour, number=f"N{hour:03}") for hour in range(20)]
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [*good[:7], poison[0], *good[7:], *poison[1:]]))
    assert (await history(pool), await position(pool)) == (20, 23)
    dead = await everything(settings, settings.dead_letters_topic)
    assert [dict(record.headers)["offset"] for record in dead] == [b"7", b"21", b"22"]
    assert all(b"cannot store" in dict(record.headers)["reason"] for record in dead)


async def test_a_bug_stops_the_worker_and_skips_nothing(settings: SharedSettings, pool: Any) -> None:
    async def broken(source: Any, part: Chunk, decoded: Decoded) -> Work:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with worker(settings, pool, broken) as tracker:
            await tracker.handle(chunk(settings, 0, JOURNEY))
    assert (await history(pool), await position(pool)) == (0, 0)
