"""The tracker, wired: the only place that knows which parts it stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI

from buuta.contracts import registry
from buuta.storage.pool import open_pool
from buuta.streaming.dead_letters import DeadLetters
from buuta.streaming.producer import Producer
from buuta.streaming.progress import ProgressRows
from buuta.streaming.stream import running
from buuta.streaming.worker import ChunkWorker, Parts
from buuta.telemetry.health import Readiness
from buuta.telemetry.routes import operations
from services.tracker.chunks import EXPECTED, ChunkFold
from services.tracker.domain.rules import VERSION
from services.tracker.settings import TrackerSettings

CONSUMER = "tracker"


@contextlib.asynccontextmanager
async def wire(settings: TrackerSettings) -> AsyncIterator[tuple[Any, "asyncio.Future[None]"]]:
    """The running tracker: its HTTP app, and a future that fails when it cannot go on."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    readiness = Readiness("database", "kafka", "partitions")
    app = FastAPI(title="Buuta tracker", openapi_url=None)
    app.include_router(operations("tracker", readiness, VERSION))
    producer = Producer(settings, readiness)
    async with (
        open_pool(settings, CONSUMER, readiness) as pool,
        registry.opened(settings.schema_registry_url) as codec,
    ):
        await producer.start()
        parts = Parts(
            pool, producer, codec, ProgressRows(CONSUMER, settings.events_topic),
            DeadLetters(producer, settings.dead_letters_topic), settings.milestones_topic,
            EXPECTED, readiness,
        )  # fmt: skip
        worker = ChunkWorker(parts, ChunkFold(codec).apply, failed)
        try:
            async with running(settings, worker, failed):
                yield app, failed
        finally:
            await producer.stop()
