"""The demo's inbox in real Chromium: read by axe, narrow and wide, light and dark, with scripts and without."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from buuta.demo.inbox import Channel, Inbox, Message, app_of
from buuta.settings import SharedSettings
from buuta.telemetry.service import http
from tests.e2e.test_pages import GRAVE, errors_of

pytestmark = pytest.mark.browser
AT = datetime(2026, 11, 30, 9, 25, tzinfo=UTC)
LINK = "http://127.0.0.1:8082/t/ghn/Z82BS?lang=vi"
SMS = Message(
    Channel.SMS, AT, "BUUTA", "+84912345678", f"Buu gui Z82BS da giao. {LINK}", alphabet="GSM 7 bit"
)
LETTER = "<!doctype html><p style='color: #333'>Bưu gửi Z82BS đã giao</p>"
MAIL = Message(
    Channel.EMAIL, AT, "Bưu tá <buuta@example.vn>", "nguoinhan.voi.ten.rat.dai@example.vn", f"Xem: {LINK}",
    "Bưu gửi Z82BS đã giao", LETTER,
)  # fmt: skip


@pytest.fixture
async def place() -> AsyncIterator[tuple[Inbox, str]]:
    inbox = Inbox()
    inbox.add(SMS)
    inbox.add(MAIL)
    async with http(app_of(inbox), SharedSettings(operations_port=0)) as port:
        yield inbox, f"http://127.0.0.1:{port}/inbox"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(
    place: tuple[Inbox, str], browser: Browser, width: int, scheme: Any
) -> None:
    page = await browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 740})
    errors = errors_of(page)
    await page.goto(place[1])
    await page.click("summary")
    await page.frame_locator("iframe").locator("text=đã giao").wait_for()
    violations = (await Axe().run(page)).response["violations"]
    assert [each["id"] for each in violations if each["impact"] in GRAVE] == []
    assert await page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert errors == []


async def test_it_works_without_scripts_and_its_links_can_be_clicked(
    place: tuple[Inbox, str], browser: Browser
) -> None:
    page = await browser.new_page(java_script_enabled=False)
    await page.goto(place[1])
    await page.fill("#to", "0912 345 678")
    await page.press("#to", "Enter")
    assert await page.locator("article").count() == 1
    assert await page.get_attribute("article .text a", "href") == LINK


async def test_a_new_message_appears_by_itself(place: tuple[Inbox, str], browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(place[1])
    await page.fill("#to", "half-typed")
    place[0].add(SMS)
    await page.locator("article").nth(2).wait_for(timeout=20_000)
    assert await page.input_value("#to") == "half-typed", "who types is not disturbed"
