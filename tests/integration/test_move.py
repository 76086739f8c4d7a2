"""Growing: a new log with more partitions takes the place of the old one; nothing is lost, none counts twice."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from buuta.audit.archive import Archive
from buuta.audit.move import Move, Target
from buuta.audit.recompute import audit
from buuta.contracts.codec import Codec
from buuta.embedded.apache import ApacheKafka
from buuta.errors import BadItem, KafkaAway
from buuta.model.identifiers import parcel_key
from buuta.model.scan import Scan
from buuta.settings import SharedSettings
from buuta.streaming.dead_letters import letters
from buuta.streaming.producer import Producer, partition_of
from buuta.streaming.stream import running
from buuta.streaming.topics import create_topics
from buuta.streaming.worker import ChunkWorker
from services.tracker.chunks import ChunkFold
from tests.integration.parts import milestones, producer_on, tracker_parts
from tests.scans import scan
from tests.waiting import until

NUMBERS = [f"N{each:03}" for each in range(60)]


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[str]:
    made = ApacheKafka(tmp_path)
    yield made.address
    made.stop()


@pytest.fixture
async def producer(own: SharedSettings) -> Any:
    async with producer_on(own) as made:
        yield made


@pytest.fixture
async def own(settings: SharedSettings, kafka: str) -> SharedSettings:
    """The test's settings on Apache Kafka, with two partitions."""
    made = settings.model_copy(update={"kafka": kafka, "kafka_idempotence": True})
    await create_topics(made)
    return made


async def report(producer: Producer, topic: str, status: str, hour: int) -> list[Scan]:
    made = [scan(status, hour, number) for number in NUMBERS]
    await producer.send_keyed(
        topic,
        [
            (parcel_key("ghn", each.number).encode(), Codec().encode("ScanEvent", each._asdict()))
            for each in made
        ],
    )
    return made


async def track(settings: SharedSettings, pool: Any, producer: Producer, scans: int) -> None:
    """Run a tracker on Faust until so many scans are stored."""
    parts = tracker_parts(settings, pool, producer)
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def stored() -> bool:
        return failed.done() or await pool.fetchval("select count(*) from scans") == scans

    async with running(settings, ChunkWorker(parts, ChunkFold(Codec()).prepare, failed)):
        await until(stored, f"{scans} scans are stored", 60)
    if failed.done():
        failed.result()


@pytest.mark.java
@pytest.mark.timeout(300)
async def test_a_log_moves_to_more_partitions(
    own: SharedSettings, pool: Any, producer: Producer, tmp_path: Path
) -> None:
    target = Target(f"{own.events_topic}-2", f"{own.milestones_topic}-2", 8)
    new = own.model_copy(update={"events_topic": target.events, "milestones_topic": target.milestones})
    move = Move(own, pool, producer, target, Codec())
    await report(producer, own.events_topic, "accepted", 0)
    await track(own, pool, producer, 60)
    assert await move.copy() == 60
    await report(producer, own.events_topic, "in_transit", 1)
    with pytest.raises(BadItem, match=r"^60 records of"):
        await move.move()
    with pytest.raises(KafkaAway):
        await report(producer, own.events_topic, "held", 2)
    await track(own, pool, producer, 120)
    await move.move()
    await report(producer, new.events_topic, "delivered", 3)
    await track(new, pool, producer, 180)
    slots: Sequence[Any] = await pool.fetch("select parcel_key, slot, status, sequence from parcels")
    assert {(row["status"], row["sequence"]) for row in slots} == {("delivered", 3)}
    assert all(row["slot"] == partition_of(row["parcel_key"].encode(), 8) for row in slots)
    assert len({row["slot"] for row in slots}) > 2
    told = [each["kind"] for each in await milestones(new, range(8))]
    assert set(told) == {"delivered"}
    assert (await audit(new, pool, Archive(tmp_path / "archive", new.events_topic), Codec())).agrees
    paused = await pool.fetchval("select distinct paused from progress where topic = $1", own.events_topic)
    assert paused == f"moved to {target.events}"


@pytest.mark.java
async def test_a_scan_that_no_door_would_take_is_left_behind_as_a_dead_letter(
    own: SharedSettings, pool: Any, producer: Producer
) -> None:
    target = Target(f"{own.events_topic}-2", f"{own.milestones_topic}-2", 8)
    wrong = scan("held", 1, NUMBERS[0])._replace(offset_minutes=30_000)
    await producer.send_keyed(
        own.events_topic, [(b"ghn:N000", Codec().encode("ScanEvent", wrong._asdict()))]
    )
    await report(producer, own.events_topic, "accepted", 0)
    assert await Move(own, pool, producer, target, Codec()).copy() == len(NUMBERS)
    assert [each.reason async for each in letters(own)] == [
        "offset_minutes must be an offset from UTC from -14:00 to +14:00"
    ]
