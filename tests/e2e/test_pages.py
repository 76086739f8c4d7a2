"""The pages in real Chromium: followed by a phone, read by axe, printed, narrow and wide, light and dark."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from buuta.settings import SharedSettings
from tests.e2e.stories import PAGES, STORIES
from tests.integration.parts import chunk, worker
from tests.scans import scan

pytestmark = pytest.mark.browser
GRAVE = frozenset({"serious", "critical"})
API = {"api": "/docs"}


def in_language(path: str, language: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang={language}"


def errors_of(page: Page) -> list[str]:
    """What the page's console says, from now on."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    return errors


async def test_a_customer_with_a_phone_follows_a_parcel(
    site: str, browser: Browser, settings: SharedSettings, pool: Any
) -> None:
    page = await browser.new_page(viewport={"width": 360, "height": 740}, locale="vi-VN")
    errors = errors_of(page)
    await page.goto(site)
    await page.fill("input[name=number]", "mã: trn 01")
    await page.click("button")
    await page.wait_for_url("**/t/ghn/TRN01**")
    assert await page.inner_text("h1") == "Đang vận chuyển"
    await page.click("text=English")
    assert await page.inner_text("h1") == "In transit"
    await page.fill("input[name=number]", "half-typed")
    told = sum(map(len, STORIES.values())) + 2
    async with worker(settings, pool) as tracker:
        later = scan("delivered", 27, "TRN01", delivery_mode="address")
        await tracker.handle(chunk(settings, told, [later]))
    await page.wait_for_selector("h1:has-text('Delivered at the address')", timeout=30_000)
    assert await page.input_value("input[name=number]") == "half-typed", "who types is not disturbed"
    assert await page.get_attribute("#state", "aria-live") == "polite"
    assert "Delivered at the address" in await page.title()
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_axe_finds_nothing_serious_on_any_page(
    site: str, browser: Browser, scheme: Any, language: str
) -> None:
    page = await browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 740})
    axe, found = Axe(), dict[str, list[str]]()
    for name, path in (PAGES | API).items():
        await page.goto(site + in_language(path, language))
        violations = (await axe.run(page)).response["violations"]
        grave = [
            f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}"
            for each in violations
            if each["impact"] in GRAVE
        ]
        if grave:
            found[name] = grave
    assert found == {}


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_no_page_is_wider_than_the_screen(site: str, browser: Browser, width: int) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 740})
    too_wide = []
    for language in ("vi", "en"):
        for name, path in (PAGES | API).items():
            await page.goto(site + in_language(path, language))
            if await page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            ):
                too_wide.append((name, language))
    assert too_wide == []


async def test_pages_work_without_scripts_and_ask_nobody_else(site: str, browser: Browser) -> None:
    page = await browser.new_page(java_script_enabled=False)
    asked = list[str]()
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{site}/?lang=en")
    await page.fill("input[name=number]", "DLV01")
    await page.press("input[name=number]", "Enter")
    assert await page.inner_text("h1") == "Delivered at the address"
    await page.goto(f"{site}/docs")
    assert [url for url in asked if not url.startswith(site)] == []


async def test_a_keyboard_reaches_the_content_and_every_table_that_scrolls(
    site: str, browser: Browser
) -> None:
    page = await browser.new_page(viewport={"width": 390, "height": 740})
    await page.goto(f"{site}/rates?from=2026-11-01&to=2026-11-30&lang=en")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    scrolling = await page.evaluate(
        "[...document.querySelectorAll('.scroll')].map(each => each.getAttribute('tabindex'))"
    )
    assert scrolling
    assert set(scrolling) == {"0"}


async def test_a_printed_page_is_the_parcel_and_nothing_to_press(site: str, browser: Browser) -> None:
    page = await browser.new_page(color_scheme="dark")
    await page.goto(f"{site}/t/ghn/FLD01?lang=en")
    await page.emulate_media(media="print", color_scheme="dark")
    assert not await page.is_visible("form")
    assert not await page.is_visible("footer")
    assert await page.is_visible("#journey")
    ink = await page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(0, 0, 0)"
