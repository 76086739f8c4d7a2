"""What Buuta needs of a broker, held by the embedded one and by Apache Kafka alike."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from buuta.contracts.codec import Codec
from buuta.embedded.apache import ApacheKafka
from buuta.model.identifiers import parcel_key
from buuta.settings import SharedSettings
from buuta.streaming.chunk import Chunk
from buuta.streaming.ends import bounds
from buuta.streaming.stream import running
from buuta.streaming.topics import create_topics
from buuta.streaming.worker import ChunkWorker
from services.tracker.chunks import ChunkFold
from tests.integration.parts import everything, producer_on, tracker_parts
from tests.scans import scan
from tests.waiting import until


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    kafka = ApacheKafka(tmp_path_factory.mktemp("apache"))
    yield kafka.address
    kafka.stop()


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.java)])
async def on_broker(request: pytest.FixtureRequest, settings: SharedSettings) -> SharedSettings:
    """The test's settings on each broker in turn."""
    if request.param == "embedded":
        return settings
    address = request.getfixturevalue("apache")
    own = settings.model_copy(update={"kafka": address, "kafka_idempotence": True})
    await create_topics(own)
    return own


class Noting:
    """The tracker's work, noting each chunk."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.worker: ChunkWorker
        self._fold = ChunkFold(Codec())

    async def prepare(self, source: Any, chunk: Chunk, decoded: Any) -> Any:
        self.chunks.append(chunk)
        return await self._fold.prepare(source, chunk, decoded)


@contextlib.asynccontextmanager
async def tracking(settings: SharedSettings, pool: Any) -> AsyncIterator[Noting]:
    """A tracker on Faust, in this process."""
    noting = Noting()
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with producer_on(settings) as producer:
        parts = tracker_parts(settings, pool, producer, f"tracker-{settings.events_topic}")
        noting.worker = ChunkWorker(parts, noting.prepare, failed)
        async with running(settings, noting.worker):
            yield noting
    if failed.done():
        failed.result()


def pairs(parcels: int, hour: int) -> list[tuple[bytes, bytes]]:
    made = [
        scan("accepted" if hour == 0 else "in_transit", hour, number=f"N{each:04}")
        for each in range(parcels)
    ]
    return [
        (parcel_key(each.carrier, each.number).encode(), Codec().encode("ScanEvent", each._asdict()))
        for each in made
    ]


async def count(pool: Any) -> int:
    found: int = await pool.fetchval("select count(*) from scans")
    return found


async def test_topics_are_created_once(on_broker: SharedSettings) -> None:
    assert await create_topics(on_broker) == []


async def test_a_key_always_goes_to_one_partition_in_order(on_broker: SharedSettings) -> None:
    async with producer_on(on_broker) as producer:
        for number in range(3):
            await producer.send_keyed(
                on_broker.events_topic, [(f"k{each}".encode(), b"%d" % number) for each in range(8)]
            )
    records = await everything(on_broker, on_broker.events_topic, range(2))
    assert len(records) == 24
    for each in range(8):
        mine = [record for record in records if record.key == f"k{each}".encode()]
        assert len({record.partition for record in mine}) == 1
        assert [record.value for record in mine] == [b"0", b"1", b"2"]
    assert {record.partition for record in records} == {0, 1}


async def test_batches_keep_their_order_and_their_partition_whatever_their_size(
    on_broker: SharedSettings,
) -> None:
    sent = [(b"k", uuid.uuid4().bytes * 50) for _ in range(1500)]
    async with producer_on(on_broker) as producer:
        await producer.send_to(on_broker.milestones_topic, 1, sent)
    records = await everything(on_broker, on_broker.milestones_topic, (1,))
    assert [record.value for record in records] == [value for _, value in sent]


async def test_headers_and_missing_values_arrive_as_sent(on_broker: SharedSettings) -> None:
    async with producer_on(on_broker) as producer:
        await producer.send(
            on_broker.dead_letters_topic, b"k", None, [("reason", "đọc không được".encode())]
        )
    [record] = await everything(on_broker, on_broker.dead_letters_topic)
    assert (record.key, record.value) == (b"k", None)
    assert dict(record.headers) == {"reason": "đọc không được".encode()}


async def test_the_transport_delivers_chunks_that_follow_one_another(
    on_broker: SharedSettings, pool: Any
) -> None:
    async with producer_on(on_broker) as producer, tracking(on_broker, pool) as noting:
        for hour in range(3):
            await producer.send_keyed(on_broker.events_topic, pairs(50, hour))
        await until(lambda: has(pool, 150), "all scans are stored")
    for partition in (0, 1):
        mine = [chunk for chunk in noting.chunks if chunk.partition == partition]
        assert mine[0].start == 0
        assert all(one.next == other.start for one, other in pairwise(mine))


async def has(pool: Any, wanted: int) -> bool:
    return await count(pool) == wanted


async def test_a_worker_goes_on_where_postgresql_says(on_broker: SharedSettings, pool: Any) -> None:
    async with producer_on(on_broker) as producer:
        await producer.send_keyed(on_broker.events_topic, pairs(40, 0))
        async with tracking(on_broker, pool):
            await until(lambda: has(pool, 40), "the first scans are stored")
        await producer.send_keyed(on_broker.events_topic, pairs(40, 1))
        async with tracking(on_broker, pool) as noting:
            await until(lambda: has(pool, 80), "the second scans are stored")
    assert sum(len(chunk.records) for chunk in noting.chunks) == 40


async def test_a_fence_that_somebody_else_raised_does_not_stop_the_owner(
    on_broker: SharedSettings, pool: Any
) -> None:
    async with producer_on(on_broker) as producer, tracking(on_broker, pool):
        await producer.send_keyed(on_broker.events_topic, pairs(40, 0))
        await until(lambda: has(pool, 40), "the first scans are stored")
        await pool.execute("update progress set fence = fence + 1")
        for hour in (1, 2):
            await producer.send_keyed(on_broker.events_topic, pairs(40, hour))
        await until(lambda: has(pool, 120), "the owner took its partitions back")


async def test_a_partition_that_the_group_has_taken_away_meanwhile_is_no_error(
    on_broker: SharedSettings, pool: Any
) -> None:
    """A chunk in flight asks the consumer's thread, which has learnt of the loss before (a chaos run found it)."""
    async with producer_on(on_broker) as producer, tracking(on_broker, pool) as noting:
        await producer.send_keyed(on_broker.events_topic, pairs(40, 0))
        await until(lambda: has(pool, 40), "the first scans are stored")
        foreign = replace(noting.chunks[0], partition=99)
        assert noting.worker.log is not None
        assert await noting.worker.log.hint(foreign) == 0
        await noting.worker.log.reread(foreign, 0)


async def test_partitions_move_to_a_second_worker_and_nothing_counts_twice(
    on_broker: SharedSettings, pool: Any
) -> None:
    async with producer_on(on_broker) as producer, tracking(on_broker, pool) as first:
        await producer.send_keyed(on_broker.events_topic, pairs(40, 0))
        await until(lambda: has(pool, 40), "the first scans are stored")
        async with tracking(on_broker, pool) as second:
            for hour in range(1, 40):
                await producer.send_keyed(on_broker.events_topic, pairs(40, hour))
                await until(lambda hour=hour: has(pool, 40 * (hour + 1)), f"hour {hour} is stored")  # type: ignore[misc]
                if {chunk.partition for chunk in second.chunks} and len(second.chunks) > 3:
                    break
            assert second.chunks, "the second worker got a partition"
    assert first.chunks
    sequences = await pool.fetch("select distinct sequence, live from parcels")
    assert [tuple(row) for row in sequences] == [(2, "AT")]


async def test_the_end_of_a_log_lies_behind_its_last_batch(on_broker: SharedSettings) -> None:
    """The embedded broker's own answer is short by all but the first record of that batch."""
    place = TopicPartition(on_broker.milestones_topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=on_broker.kafka)
    await consumer.start()
    try:
        async with producer_on(on_broker) as producer:
            for records, end in ((1, 1), (5, 6), (20, 26)):
                await producer.send_to(on_broker.milestones_topic, 0, [(b"k", b"v")] * records)
                assert await bounds(consumer, [place]) == {place: (0, end)}
    finally:
        await consumer.stop()
