"""The portal, wired: the only place that knows which parts it stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from buuta.contracts import registry
from buuta.storage.background import run_forever, running
from buuta.storage.bounded import LOAN_SECONDS, BoundedPool, Silence
from buuta.storage.outbox import Relay
from buuta.storage.pool import open_pool
from buuta.storage.unlocking import locked_vault, unlock_at_start, unlock_soon
from buuta.streaming.producer import Producer
from buuta.telemetry.health import Readiness
from buuta.web.edge import edge_app
from buuta.web.limits import HttpLimits
from buuta.web.operations import with_operations
from services.portal import figures
from services.portal.doors import pages, rates, rates_page, registrations, tracking
from services.portal.live import LiveBoard
from services.portal.rates import RateReader
from services.portal.registrations import Registrar
from services.portal.settings import PortalSettings
from services.portal.transit import Transit

NAMINGS_SECONDS: Final = 1.0
LIMITS: Final = HttpLimits(body_bytes=64_000, inside_bytes=16_000_000)
"""A registration has some hundred bytes."""


@contextlib.asynccontextmanager
async def wire(settings: PortalSettings) -> AsyncIterator[tuple[Any, "asyncio.Future[None]"]]:
    """The running service: its HTTP app, and a future that fails when it cannot go on."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    readiness = Readiness("database", "kafka")
    vault = locked_vault(settings)
    producer = Producer(settings, readiness)
    silence = Silence(str(settings.database))
    async with (
        open_pool(settings, "portal", readiness) as pool,
        figures.opened(settings, silence) as reading,
        registry.opened(settings.schema_registry_url) as codec,
    ):
        await unlock_at_start(pool, vault)
        await producer.start()
        edge = BoundedPool(pool, settings.database_timeout, silence)
        background = edge.patient(LOAN_SECONDS)
        board = LiveBoard(edge)
        transit = Transit(reading)
        app = edge_app("Buuta portal", "Register and track parcels.", LIMITS, strict_content_type=False)
        registrar = Registrar(vault, codec, settings)
        app.include_router(registrations.router(edge, registrar, vault))
        app.include_router(tracking.router(edge, board))
        reader = RateReader(reading, transit, settings)
        app.include_router(rates.router(reader, reading, settings))
        app.include_router(rates_page.router(reader))
        app.state.problem_page = pages.problem_page
        app.mount("/static", pages.static())
        with_operations(app, "portal", readiness, docs=settings.public_docs)
        try:
            namings = run_forever("namings", partial(registrar.follow_namings, background), NAMINGS_SECONDS)
            async with running(
                Relay(background, producer).run(),
                board.run(),
                transit.run(),
                unlock_soon(pool, vault, failed),
                namings,
            ):
                yield app, failed
        finally:
            await transit.close()
            await producer.stop()
