"""A chunk worker on the test's broker and database, and chunks made by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from buuta.contracts.codec import Codec
from buuta.model.scan import Registration, Scan
from buuta.settings import SharedSettings
from buuta.streaming.chunk import Chunk, chunk_of
from buuta.streaming.dead_letters import DeadLetters
from buuta.streaming.ends import read_ends
from buuta.streaming.limit import DeadLimit
from buuta.streaming.origin import Bounds
from buuta.streaming.parts import AskBounds, Parts
from buuta.streaming.producer import Producer
from buuta.streaming.progress import ProgressRows
from buuta.streaming.work import Prepare
from buuta.streaming.worker import ChunkWorker
from buuta.telemetry.health import Readiness
from services.tracker.chunks import EXPECTED, ChunkFold

EMPTY: Final = """
truncate scans, parcels, past_parcels, rate_cells, transit_cells, lateness_cells, deadlines, declarations,
  unpublished_cells, unpublished_parcels
"""
"""Forgets all that the log said, but not how far it was applied."""


@dataclass
class FakeRecord:
    """A Kafka record as a chunk needs it."""

    offset: int
    value: bytes | None
    key: bytes | None = b"key"
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class FakeLog:
    """Notes what the worker asks of the consumer."""

    first: int = 0
    end: int = 10**9
    owned: bool = True
    rereads: list[int] = field(default_factory=list)

    def owns(self, chunk: Chunk) -> bool:
        return self.owned

    async def behind(self, positions: Mapping[int, int]) -> dict[int, int]:
        return dict.fromkeys(positions, 0)

    async def bounds(self, chunk: Chunk) -> dict[int, Bounds]:
        return {chunk.partition: (self.first, self.end)}

    async def reread(self, chunk: Chunk, position: int) -> None:
        self.rereads.append(position)

    async def hint(self, chunk: Chunk) -> int:
        return 0


def asked(bounds: Mapping[int, Bounds]) -> AskBounds:
    """Answers what a worker asks when it takes partitions over."""

    async def ask() -> Mapping[int, Bounds]:
        return bounds

    return ask


def standing(now: int) -> Callable[[Any], Awaitable[int]]:
    """A clock that stands still."""

    async def tell(_: Any) -> int:
        return now

    return tell


def encode(record: Scan | Registration | bytes | None) -> bytes | None:
    if isinstance(record, bytes) or record is None:
        return record
    name = "ScanEvent" if isinstance(record, Scan) else "ParcelRegistration"
    return Codec().encode(name, record._asdict())


def chunk(
    settings: SharedSettings, start: int, records: Iterable[Scan | Registration | bytes | None]
) -> Chunk:
    """A chunk of partition 0 that begins at `start`."""
    values = [FakeRecord(start + place, encode(each)) for place, each in enumerate(records)]
    return chunk_of(settings.events_topic, 0, values)


@contextlib.asynccontextmanager
async def producer_on(
    settings: SharedSettings, readiness: Readiness | None = None
) -> AsyncIterator[Producer]:
    """A connected producer."""
    made = Producer(settings, readiness or Readiness())
    await made.start()
    await made.connected()
    try:
        yield made
    finally:
        await made.stop()


def tracker_parts(
    settings: SharedSettings, pool: Any, producer: Producer, consumer: str = "tracker", session: float = 0.5
) -> Parts:
    """What a tracker's worker stands on."""
    return Parts(
        pool, producer, Codec(), ProgressRows(consumer, settings.events_topic),
        DeadLetters(producer, settings.dead_letters_topic), settings.milestones_topic, EXPECTED, Readiness(),
        DeadLimit(settings.dead_letter_run, settings.dead_letter_share), session=session,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def worker(
    settings: SharedSettings,
    pool: Any,
    prepare: Prepare | None = None,
    *,
    partitions: int = 1,
    bounds: Bounds = (0, 10**9),
) -> AsyncIterator[ChunkWorker]:
    """A worker that owns partition 0, or more; `bounds` are those of the log."""
    readiness = Readiness()
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    # Looked at, so that a reason that a test expects is not printed when the run is over.
    failed.add_done_callback(lambda done: done.exception())
    async with producer_on(settings, readiness) as producer:
        parts = replace(tracker_parts(settings, pool, producer, session=0.01), readiness=readiness)
        made = ChunkWorker(parts, prepare or ChunkFold(Codec()).prepare, failed)
        made.log = FakeLog(*bounds)
        await made.take_over(asked(dict.fromkeys(range(partitions), bounds)))
        yield made
        await made.stop()
    if failed.done():
        failed.result()


async def waits_for_a_lock(pool: Any) -> bool:
    """Whether somebody waits for a lock in the test's database."""
    return bool(
        await pool.fetchval(
            "select exists (select from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database())"
        )
    )


@contextlib.asynccontextmanager
async def database_away(settings: SharedSettings) -> AsyncIterator[None]:
    """The test's database lets nobody in, and puts out whoever is in."""
    server, _, name = str(settings.database).rpartition("/")
    admin = await asyncpg.connect(f"{server}/postgres")
    try:
        await admin.execute(f'alter database "{name}" allow_connections false')
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
        )
        yield
    finally:
        await admin.execute(f'alter database "{name}" allow_connections true')
        await admin.close()


async def everything(settings: SharedSettings, topic: str, partitions: Sequence[int] = (0,)) -> list[Any]:
    """All records of a topic's partitions, in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    tps = [TopicPartition(topic, partition) for partition in partitions]
    consumer.assign(tps)
    ends = await read_ends(consumer, tps)
    records: list[Any] = []
    await consumer.seek_to_beginning(*tps)
    while len(records) < sum(ends.values()):
        for fetched in (await consumer.getmany(timeout_ms=500)).values():
            records += fetched
    await consumer.stop()
    return records


async def latest(settings: SharedSettings, topic: str) -> dict[str, dict[str, Any]]:
    """What a reader of a compacted topic holds in the end."""
    partitions = range(settings.partitions)
    records = [each for place in partitions for each in await everything(settings, topic, [place])]
    values = {record.key.decode(): record.value for record in records}
    return {key: Codec().decode(value)[1] for key, value in values.items() if value is not None}


async def milestones(settings: SharedSettings, partitions: Sequence[int] = (0,)) -> list[dict[str, Any]]:
    """What was told, decoded."""
    codec = Codec()
    return [
        codec.decode(record.value)[1]
        for record in await everything(settings, settings.milestones_topic, partitions)
    ]
