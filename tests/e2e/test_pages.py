"""The tracking page in real Chromium, at the width of a phone."""

from typing import Any

import pytest
from playwright.async_api import async_playwright

from buuta.settings import SharedSettings
from buuta.telemetry.service import http
from services.ingest.storage import Carrier, add_carrier
from services.portal.app import wire
from services.portal.settings import PortalSettings
from tests.integration.parts import chunk, worker
from tests.scans import scan

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


@pytest.mark.browser
async def test_a_customer_with_a_phone_follows_a_parcel(settings: SharedSettings, pool: Any) -> None:
    await add_carrier(pool, Carrier("ghn", "GHN", "buuta"))
    own = PortalSettings(**settings.model_dump())
    async with wire(own) as (app, _), http(app, own) as port, async_playwright() as playwright:
        async with worker(settings, pool) as tracker:
            await tracker.handle(chunk(settings, 0, [scan("accepted", 0), scan("out_for_delivery", 1)]))
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 360, "height": 740}, locale="vi-VN")
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.fill("input[name=number]", "z82bs")
        await page.click("button")
        await page.wait_for_url("**/t/ghn/Z82BS")
        assert await page.inner_text("h1") == "Đang giao hàng"
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        await page.click("text=English")
        assert await page.inner_text("h1") == "Out for delivery"
        async with worker(settings, pool) as tracker:
            await tracker.handle(chunk(settings, 2, [scan("delivered", 2, delivery_mode="address")]))
        await page.wait_for_selector("h1:has-text('Delivered at the address')", timeout=30_000)
        assert errors == []
        await browser.close()
