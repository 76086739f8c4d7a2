"""The portal on a port of its own, with a story for each kind of page, and Chromium."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from buuta.settings import SharedSettings
from buuta.telemetry.service import http
from services.ingest.domain.facility import Facility
from services.ingest.registry import facilities
from services.ingest.storage import Carrier, add_carrier
from services.portal.app import wire
from services.portal.settings import PortalSettings
from tests.e2e.stories import POINT, STORIES
from tests.integration.parts import chunk, worker
from tests.scans import scan

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium, as this machine has it."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield opened
        await opened.close()


@pytest.fixture
async def site(settings: SharedSettings, pool: Any) -> AsyncIterator[str]:
    """Where the portal is, all stories told."""
    for code, name in (("ghn", "Giao Hàng Nhanh"), ("ghtk", "Giao Hàng Tiết Kiệm")):
        await add_carrier(pool, Carrier(code, name, "buuta"))
    point = Facility(
        code=POINT, name="Bưu cục Hàng Trống", commune="00070", province="01",
        opening_hours="07:30–19:00, thứ Hai đến thứ Bảy", holds_days=7,
    )  # fmt: skip
    async with pool.acquire() as con, con.transaction():
        await facilities.register(con, "ghn", [point])
    twice = [scan("accepted", 0, "TWICE1", carrier=carrier) for carrier in ("ghn", "ghtk")]
    records = [each for story in STORIES.values() for each in story]
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [*records, *twice]))
    own = PortalSettings(**settings.model_dump() | {"public_docs": True})
    async with wire(own) as (app, _), http(app, own) as port:
        yield f"http://127.0.0.1:{port}"
