"""The tracker, wired: the only place that knows which parts it stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from buuta.storage.background import run_forever, running
from buuta.streaming import stream
from buuta.streaming.stream import Route
from buuta.streaming.worker import ChunkWorker
from buuta.telemetry.health import Readiness
from buuta.web.operations import operations_app
from services.tracker.chunks import EXPECTED, ChunkFold
from services.tracker.deadlines import Timekeeper
from services.tracker.domain.rules import VERSION
from services.tracker.latest import Publisher
from services.tracker.retention import Retention
from services.tracker.settings import TrackerSettings

CONSUMER = "tracker"
RETENTION_SECONDS = 600.0


@contextlib.asynccontextmanager
async def wire(settings: TrackerSettings) -> AsyncIterator[tuple[Any, "asyncio.Future[None]"]]:
    """The running tracker: its HTTP app, and a future that fails when it cannot go on."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    readiness = Readiness("database", "kafka", "partitions")
    app = operations_app("tracker", readiness, VERSION)
    route = Route(CONSUMER, settings.events_topic, EXPECTED, settings.milestones_topic)
    async with stream.opened(settings, route, readiness) as parts:
        fold = ChunkFold(parts.codec, settings.epoch_gaps, mark_parcels=settings.publish_parcels)
        worker = ChunkWorker(parts, fold.prepare, failed)
        timekeeper = Timekeeper(worker, settings.events_topic, settings.sweep_interval)
        async with stream.running(settings, worker):
            publisher = Publisher(parts, settings.rates_topic, settings.parcels_topic)
            old = Retention(parts.pool, settings)
            forgetting = run_forever("retention", old.turn, RETENTION_SECONDS, within=None)
            async with running(timekeeper.run(), publisher.run(), forgetting):
                yield app, failed
