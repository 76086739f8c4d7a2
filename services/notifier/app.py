"""The notifier, wired: the only place that knows which parts it stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from buuta.storage.background import run_forever, running
from buuta.storage.outbox import Relay
from buuta.storage.unlocking import locked_vault, unlock_at_start, unlock_soon
from buuta.streaming import stream
from buuta.streaming.stream import Route
from buuta.streaming.worker import ChunkWorker
from buuta.telemetry.health import Readiness
from buuta.web.operations import operations_app
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.sms import SmsChannel
from services.notifier.chunks import EXPECTED, ChunkPlan
from services.notifier.domain.rules import VERSION
from services.notifier.office import Office
from services.notifier.sender import Sender, draining
from services.notifier.settings import NotifierSettings

CONSUMER = "notifier"
WATCH_SECONDS = 0.5


@contextlib.asynccontextmanager
async def wire(settings: NotifierSettings) -> AsyncIterator[tuple[Any, "asyncio.Future[None]"]]:
    """The running notifier: its HTTP app, and a future that fails when it cannot go on."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    readiness = Readiness("database", "kafka", "partitions", "sms")
    vault = locked_vault(settings)
    app = operations_app(CONSUMER, readiness, VERSION)
    route = Route(CONSUMER, settings.milestones_topic, EXPECTED, settings.notifications_topic)
    async with stream.opened(settings, route, readiness) as parts:
        await unlock_at_start(parts.pool, vault)
        worker = ChunkWorker(parts, ChunkPlan(vault, settings).prepare, failed)
        sms = SmsChannel(settings)
        await sms.start()
        office = Office(parts.pool, vault, parts.codec, settings)
        senders = [Sender(office, each) for each in (sms, EmailChannel(settings))]
        work = [*(sender.run() for sender in senders), unlock_soon(parts.pool, vault, failed)]
        watch = run_forever("sms_watch", partial(_watch, sms, readiness), WATCH_SECONDS)
        try:
            async with (
                running(*work, Relay(parts.pool, parts.producer).run(), watch),
                stream.running(settings, worker),
                # Innermost: at the end senders stop first, while all that they stand on is there.
                draining(senders),
            ):
                yield app, failed
        finally:
            await sms.stop()


async def _watch(sms: SmsChannel, readiness: Readiness) -> None:
    why = sms.waits_for
    if why is None:
        readiness.reached("sms")
    else:
        readiness.waits("sms", why)
