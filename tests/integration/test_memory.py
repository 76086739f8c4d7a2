"""Memory is bounded by process, not by partition; and a take-over of many blocks nobody (the guards watch)."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from buuta.contracts.codec import Codec
from buuta.settings import SharedSettings
from buuta.streaming import stream
from buuta.streaming.budget import RECORD_BYTES, Budget
from buuta.streaming.chunk import fewest
from buuta.streaming.topics import create_topics
from buuta.streaming.worker import ChunkWorker
from services.tracker.chunks import ChunkFold
from tests.integration.parts import FakeRecord, producer_on, tracker_parts
from tests.integration.test_broker_contract import has
from tests.scans import scan
from tests.waiting import until

PARTITIONS = 64
EACH = 1_000
BUDGET = 16 * 1024 * 1024


@pytest.fixture
async def in_arrears(settings: SharedSettings) -> SharedSettings:
    """A log of 64 partitions with more records than the budget holds."""
    name = f"many-{settings.events_topic}"
    own = settings.model_copy(
        update={
            "partitions": PARTITIONS,
            "events_topic": name,
            "milestones_topic": f"m-{name}",
            "stream_bytes": BUDGET,
        }
    )
    await create_topics(own)
    codec = Codec()
    async with producer_on(own) as producer:
        for partition in range(PARTITIONS):
            scans = [scan("accepted", 0, number=f"P{partition}N{each}") for each in range(EACH)]
            pairs = [
                (f"ghn:{each.number}".encode(), codec.encode("ScanEvent", each._asdict())) for each in scans
            ]
            await producer.send_to(name, partition, pairs)
            await asyncio.sleep(0)
    return own


class Gate:
    """The tracker's work, which waits until it may go on."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self._fold = ChunkFold(Codec())

    async def prepare(self, source: Any, chunk: Any, decoded: Any) -> Any:
        await self.opened.wait()
        return await self._fold.prepare(source, chunk, decoded)


@pytest.mark.timeout(300)
async def test_partitions_in_arrears_share_one_budget_and_are_all_caught_up(
    in_arrears: SharedSettings, pool: Any
) -> None:
    gate, most = Gate(), 0
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with producer_on(in_arrears) as producer:
        parts = tracker_parts(in_arrears, pool, producer, f"tracker-{in_arrears.events_topic}")
        worker = ChunkWorker(parts, gate.prepare, failed)
        async with stream.running(in_arrears, worker) as app:

            async def full() -> bool:
                nonlocal most
                most = max(most, app.budget.used)
                owned = [TP(in_arrears.events_topic, partition) for partition in worker.positions]
                return len(owned) == PARTITIONS and not app.budget.hungry(owned)

            await until(full, "every partition holds its share", 90)
            assert app.budget.fetch_bytes * PARTITIONS <= BUDGET / 8
            gate.opened.set()

            async def all_stored() -> bool:
                await full()
                return await has(pool, PARTITIONS * EACH)

            await until(all_stored, "all are caught up", 150)
            assert BUDGET / 2 <= most <= BUDGET * 3 / 4

            async def given_back() -> bool:
                return bool(app.budget.used == 0)

            await until(given_back, "the budget is given back")
    if failed.done():
        failed.result()


class Place:
    topic, partition = "t", 0


def test_a_part_of_the_budget_is_given_back_once_by_whoever_has_it_last() -> None:
    place, budget = Place(), Budget(1_000_000, 4_000)
    records = [FakeRecord(at, b"v" * 100) for at in range(10)]
    one, two = budget.chunk(place, records[:5]), budget.chunk(place, records[5:])
    assert budget.used == 10 * (RECORD_BYTES + 103)
    [joined] = fewest(one, [two], 100)
    joined.trim(3).release()
    joined.release()
    assert budget.used == 0
    dropped = budget.chunk(place, records)
    assert budget.used > 0
    del dropped
    assert budget.used == 0


def test_what_was_held_before_partitions_were_given_out_anew_holds_nobody_up() -> None:
    place, budget = Place(), Budget(1_000, 4_000)
    before = budget.chunk(place, [FakeRecord(0, b"v" * 600)])
    assert budget.hungry([place]) == set()
    budget.own(1)
    assert budget.hungry([place]) == {place}
    after = budget.chunk(place, [FakeRecord(0, b"v" * 10)])
    before.release()
    assert budget.used == RECORD_BYTES + 13
    after.release()


def test_a_partition_that_stands_still_takes_nothing_from_the_others() -> None:
    budget = Budget(1_000_000, 4_000)
    budget.own(2)
    full, other = Place(), Place()
    chunks = [budget.chunk(full, [FakeRecord(at, b"v" * 300_000)]) for at in range(1)]
    assert budget.hungry([full, other]) == {other}
    assert chunks
