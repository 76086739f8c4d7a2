"""Who reads pages is answered by pages, in one language, and finds a number however it is pasted."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.telemetry.connections import MOST_URL_BYTES
from buuta.wording.words import tables
from services.ingest.app import wire as wire_ingest
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier, add_carrier
from services.portal.app import wire
from services.portal.doors import tracking
from services.portal.settings import PortalSettings
from tests.integration.doors import served
from tests.integration.parts import chunk, worker
from tests.scans import scan

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PROBLEM = "application/problem+json"


@pytest.fixture
async def browser(settings: SharedSettings, pool: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without scripts, at the portal."""
    for code in ("ghn", "vnp"):
        await add_carrier(pool, Carrier(code, code, "buuta"))
    numbers = [("ghn", "Z82BS"), ("ghn", "EJ012345678VN"), ("ghn", "TWICE1"), ("vnp", "TWICE1")]
    records = [scan("accepted", 0, number, carrier=carrier) for carrier, number in numbers]
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, records))
    async with wire(PortalSettings(**settings.model_dump())) as (app, _):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Accept": BROWSER}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://portal", headers=headers
        ) as client:
            yield client


WRONG = {
    "/nowhere": 404, "/t/NOTHERE1": 404, "/t/ghn/NOTHERE1": 404, "/t?number=a/b": 404, "/t/a/b/c/d": 404,
    "/rates?from=yesterday": 422, "/rates?from=2026-02-30": 422, "/rates?from=2026-12-31&to=2026-01-01": 400,
    "/v1/parcels/ghn/NOTHERE1": 404, "/v1/parcels/ghn/%00": 422, "/v1/registrations": 401, "/static/none.css": 404,
    "/t/ghn/NOTHERE1/events": 404,
}  # fmt: skip


@pytest.mark.parametrize(("path", "status"), WRONG.items())
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_every_error_is_a_page_to_a_browser_with_a_way_back_and_the_search(
    browser: httpx.AsyncClient, path: str, status: int, language: str
) -> None:
    joined = f"{path}{'&' if '?' in path else '?'}lang={language}"
    answer = await browser.get(joined)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f'<html lang="{language}">' in answer.text
    assert f'href="/?lang={language}"' in answer.text
    assert '<form action="/t"' in answer.text
    assert answer.text.count("<h1") == 1
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/rates?from=yesterday", "/v1/parcels/ghn/NOTHERE1", "/v1/registrations"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "application/json, text/html;q=0.5"},
        {"Accept": "text/html;q=0"}, {"Accept": BROWSER, "Authorization": "Bearer bk_x"}, {"Accept": ""},
        {"Accept": BROWSER, "Content-Type": "application/json"},
    ],
)  # fmt: skip
async def test_a_program_keeps_its_problem_document(
    browser: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    answer = await browser.get(path, headers=headers)
    assert answer.status_code >= 400
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == answer.status_code


async def test_what_a_page_does_not_take_is_a_page_that_says_what_it_takes(
    browser: httpx.AsyncClient,
) -> None:
    for path in ("/", "/t/ghn/Z82BS", "/rates"):
        answer = await browser.post(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
        assert tables("vi")["error"]["405"] in answer.text


async def test_too_many_guesses_and_an_error_of_ours_are_pages(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [await browser.get(f"/t/ghn/NOT{number:04}") for number in range(70)]
    tired = answers[-1]
    assert tired.status_code == 429
    assert tables("vi")["error"]["429"] in tired.text
    assert int(tired.headers["retry-after"]) >= 1

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr(tracking, "page_of", broken)
    failed = await browser.get("/t/ghn/Z82BS", headers={"X-Forwarded-For": "x"})
    assert failed.status_code in (429, 500)
    monkeypatch.setattr(tracking, "page", broken)
    home = await browser.get("/")
    assert home.status_code == 500
    assert tables("vi")["error"]["500"] in home.text
    assert "of ours" not in home.text


async def test_what_the_edge_refuses_is_a_page_too(settings: SharedSettings, pool: Any) -> None:
    async with served(wire, PortalSettings(**settings.model_dump())) as client:
        answer = await client.post(
            "/v1/parcels",
            content=b"x" * 70_000,
            headers={"Accept": BROWSER, "Content-Type": "text/plain"},
        )
    assert answer.status_code == 413
    assert tables("vi")["error"]["413"] in answer.text


async def test_services_without_pages_answer_a_browser_by_a_page_all_the_same(
    settings: SharedSettings, pool: Any
) -> None:
    async with served(wire_ingest, IngestSettings(**settings.model_dump())) as client:
        page = await client.get("/", headers={"Accept": BROWSER, "Accept-Language": "en"})
        document = await client.get("/")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert tables("en")["error"]["404"] in page.text
    assert document.headers["content-type"] == PROBLEM


PASTED = (
    "z82bs", " Z 82 BS ", "Z82\u00a0BS", "Z8\u200b2BS", "Ｚ８２ＢＳ", "Z-82-BS", "Mã vận đơn: Z82BS.", "GHN Z82BS",
    "https://donhang.ghn.vn/?order_code=Z82BS", "https://x.example/t/ghn/z82bs?lang=vi#top",
    "Bưu gửi Z82BS đã giao lúc 24/11/2026 16:25. http://127.0.0.1:8082/t/ghn/Z82BS?lang=vi",
)  # fmt: skip


@pytest.mark.parametrize("text", PASTED)
async def test_a_number_is_found_as_it_is_pasted_and_the_language_goes_along(
    browser: httpx.AsyncClient, text: str
) -> None:
    found = await browser.get("/t", params={"number": text, "lang": "en"})
    assert (found.status_code, found.headers["location"]) == (303, "/t/ghn/Z82BS?lang=en")
    if "/" not in text:
        by_path = await browser.get(f"/t/{text}?lang=en")
        assert by_path.headers["location"] == "/t/ghn/Z82BS?lang=en"
        assert (await browser.get(f"/t/ghn/{text}")).status_code == 200


@pytest.mark.parametrize("text", ["EJ 012 345 678 VN", "EJ-012345678-VN", "ej‑012‑345‑678‑vn"])
async def test_an_s10_number_is_found_as_it_is_printed(browser: httpx.AsyncClient, text: str) -> None:
    found = await browser.get("/t", params={"number": text})
    assert found.headers["location"] == "/t/ghn/EJ012345678VN"


async def test_what_is_not_found_is_shown_as_it_was_typed_and_can_be_mended(
    browser: httpx.AsyncClient,
) -> None:
    for text in ("a/b", "Z82BX", "<b>"):
        answer = await browser.get("/t", params={"number": text, "lang": "en"})
        assert answer.status_code == 404
        assert f'value="{text}"' in unescape(answer.text)
        assert "<b>" not in answer.text


async def test_an_empty_search_is_the_search(browser: httpx.AsyncClient) -> None:
    for text in ("", "  ", "\u200b"):
        answer = await browser.get("/t", params={"number": text, "lang": "en"})
        assert answer.status_code == 200
        assert "<h1>Parcel tracking</h1>" in answer.text


PAGES = (
    "/",
    "/t/ghn/Z82BS",
    "/t/TWICE1",
    "/t/NOTHERE1",
    "/nowhere",
    "/rates?from=2026-11-01&to=2026-11-30",
    "/t?number=a%2Fb",
)


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_and_form_keeps_the_language_and_the_language_link_keeps_the_query(
    browser: httpx.AsyncClient, path: str
) -> None:
    query = dict(httpx.URL(path).params)
    answer = await browser.get(f"{path}{'&' if '?' in path else '?'}lang=en")
    links = [unescape(each) for each in re.findall(r'<a [^>]*href="([^"]+)"', answer.text)]
    ours = [each for each in links if each.startswith(("/", "?")) and not each.startswith("/v1/")]
    assert f"?{urlencode(query | {'lang': 'vi'})}" in ours
    assert [each for each in ours if each.startswith("/") and "lang=en" not in each] == []
    assert answer.text.count('name="lang" value="en"') == answer.text.count("<form") >= 1
    other = await browser.get(path.partition("?")[0] + next(each for each in ours if each.startswith("?")))
    assert '<html lang="vi">' in other.text


async def test_the_way_to_another_language_names_no_other_host(browser: httpx.AsyncClient) -> None:
    for path in ("//evil.example", "/%2Fevil.example", "/t/%2F%2Fevil.example", "/\\evil.example"):
        answer = await browser.get(path)
        links = re.findall(r'(?:href|src|action)="([^"]*)"', answer.text)
        assert all(re.match(r"/[^/\\]|/$|\?|#", each) for each in links), links


async def test_carriers_are_called_by_name_and_can_be_called(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/t/ghn/Z82BS")).text
    assert "Giao Hàng Nhanh" in page
    assert 'href="tel:1900636677"' in page
    choice = (await browser.get("/t/TWICE1?lang=en")).text
    assert ">Giao Hàng Nhanh<" in choice
    assert ">Bưu điện Việt Nam<" in choice


async def test_head_answers_as_get_does_and_sends_no_body(browser: httpx.AsyncClient) -> None:
    for path in (
        *PAGES,
        "/v1/carriers",
        "/v1/parcels/ghn/Z82BS",
        "/static/portal.css",
        "/t/ghn/Z82BS/events",
    ):
        head = await browser.head(path)
        assert head.content == b""
        if not path.endswith("/events"):
            got = await browser.get(path)
            assert (head.status_code, head.headers["content-type"]) == (
                got.status_code,
                got.headers["content-type"],
            )
            assert head.headers["content-length"] == str(len(got.content))
    assert (
        (await browser.head("/t/ghn/Z82BS/events")).headers["content-type"].startswith("text/event-stream")
    )


async def test_every_page_has_its_title_its_icon_and_what_it_is_about(browser: httpx.AsyncClient) -> None:
    for path in PAGES:
        page = (await browser.get(path)).text
        assert re.search(r"<title>[^<]+ · Bưu tá</title>", page)
        assert '<meta name="description"' in page
        assert (await browser.get("/static/favicon.svg")).headers["content-type"] == "image/svg+xml"
    assert (await browser.get("/favicon.ico")).headers["location"] == "/static/favicon.svg"


async def test_what_fits_the_search_fits_an_address(browser: httpx.AsyncClient) -> None:
    most = int(re.findall(r'maxlength="(\d+)"', (await browser.get("/")).text)[0])
    assert len(urlencode({"number": "ữ" * most})) < MOST_URL_BYTES
