"""Wiring Faust to a chunk worker: one agent, one actor a partition."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from buuta.contracts import registry
from buuta.settings import SharedSettings
from buuta.storage.bounded import LOAN_SECONDS, BoundedPool, Silence
from buuta.storage.pool import open_pool
from buuta.streaming.budget import MOST_FETCH, Budget
from buuta.streaming.chunk import Chunk, fewest
from buuta.streaming.dead_letters import DeadLetters
from buuta.streaming.lag import LagMeter
from buuta.streaming.limit import DeadLimit
from buuta.streaming.parts import Parts
from buuta.streaming.producer import Producer
from buuta.streaming.progress import ProgressRows
from buuta.streaming.transport import ChunkApp, ChunkSchema
from buuta.streaming.worker import ChunkWorker
from buuta.telemetry.ending import end
from buuta.telemetry.health import Readiness

log = structlog.get_logger()
CHUNK_RECORDS = 4000
CHUNKS_AHEAD = 16


def build_app(settings: SharedSettings, worker: ChunkWorker, meter: LagMeter) -> ChunkApp:
    """A Faust app whose one agent hands each partition's chunks to the worker."""
    progress = worker.parts.progress
    servers = ";".join(f"chunks://{server}" for server in settings.kafka.split(","))
    session = settings.kafka_session_timeout
    app = ChunkApp(
        f"buuta-{progress.consumer}",
        broker=servers,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        broker_max_poll_records=CHUNK_RECORDS,
        consumer_max_fetch_size=MOST_FETCH,
        stream_buffer_maxsize=CHUNKS_AHEAD,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
        broker_request_timeout=max(30.0, 2 * session),
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
    )
    app.budget = Budget(settings.stream_bytes, CHUNK_RECORDS)
    app.take_over, app.answer_seconds = worker.take_over, settings.kafka_timeout
    topic = app.topic(progress.topic, schema=ChunkSchema(), acks=False)

    @app.agent(topic, name=progress.consumer, isolated_partitions=True)  # type: ignore[untyped-decorator]
    async def chunks(stream: Any) -> None:
        worker.log = app.consumer
        async for chunk in stream:
            for whole in fewest(chunk, _waiting(stream.channel.queue), CHUNK_RECORDS):
                meter.takes(whole)
                await worker.handle(whole)
                meter.done(whole)
                whole.release()

    return app


def _waiting(queue: Any) -> Iterator[Chunk]:
    """The chunks that Faust has put into an actor's queue already."""
    while not queue.empty():
        yield queue.get_nowait().value


@dataclass(frozen=True)
class Route:
    """What a consumer reads, what belongs there, and where it tells on what it found."""

    consumer: str
    topic: str
    expected: frozenset[str]
    told_topic: str


@contextlib.asynccontextmanager
async def opened(settings: SharedSettings, route: Route, readiness: Readiness) -> AsyncIterator[Parts]:
    """All that a chunk worker stands on, closed again at the end."""
    producer = Producer(settings, readiness)
    async with (
        open_pool(settings, route.consumer, readiness) as pool,
        registry.opened(settings.schema_registry_url) as codec,
    ):
        lent = BoundedPool(pool, LOAN_SECONDS, Silence(str(settings.database)))
        await producer.start()
        try:
            yield Parts(
                lent, producer, codec, ProgressRows(route.consumer, route.topic),
                DeadLetters(producer, settings.dead_letters_topic), route.told_topic, route.expected,
                readiness, DeadLimit(settings.dead_letter_run, settings.dead_letter_share),
                settings.kafka_session_timeout,
            )  # fmt: skip
        finally:
            await producer.stop()


@contextlib.asynccontextmanager
async def running(settings: SharedSettings, worker: ChunkWorker) -> AsyncIterator[ChunkApp]:
    """Run the worker on Faust; if Faust crashes, the worker fails with its reason."""
    meter = LagMeter(worker)
    app = build_app(settings, worker, meter)
    app.finalize()
    tasks = [asyncio.create_task(work) for work in (_watch(app, worker), _start(app, worker), meter.run())]
    try:
        yield app
    finally:
        await end(*tasks)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await app.stop()
        await worker.stop()


async def _start(app: ChunkApp, worker: ChunkWorker) -> None:
    """Faust gives up on a broker that does not answer at the start, so wait until one does."""
    await worker.parts.producer.connected()
    try:
        await worker.claim()
    except Exception as why:
        worker.fail(why)
        return
    await app.maybe_start()


async def _watch(app: ChunkApp, worker: ChunkWorker) -> None:
    await app.wait_until_stopped()
    worker.fail(app.crash_reason or RuntimeError("the stream processor ended"))
