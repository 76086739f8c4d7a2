"""The demo's inbox: what a phone would show, for one person or all, and nothing of it as HTML."""

from datetime import UTC, datetime

import httpx
import pytest

from buuta.demo.inbox import Channel, Inbox, Message, app_of, linked
from buuta.demo.sinks import UCS2, decode
from services.notifier.domain.sms import segment

AT = datetime(2026, 11, 30, 9, 25, tzinfo=UTC)
LINK = "http://127.0.0.1:8082/t/ghn/Z82BS?lang=vi"


def inbox() -> Inbox:
    made = Inbox()
    made.add(
        Message(Channel.SMS, AT, "BUUTA", "+84912345678", f"Da giao <b>. {LINK}", alphabet="GSM 7 bit")
    )
    made.add(
        Message(Channel.EMAIL, AT, "a@example.vn", "lan@example.vn", "Đã giao", "Bưu gửi", "<p>Đã giao</p>")
    )
    return made


async def get(path: str, host: str = "127.0.0.1:8083") -> httpx.Response:
    transport = httpx.ASGITransport(app_of(inbox()))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.get(path)


async def test_the_page_shows_sender_time_segments_and_a_link_to_click() -> None:
    page = (await get("/inbox")).text
    for shown in ("BUUTA", "30/11/2026 16:25", "SMS, 1 segment, GSM 7 bit", f'<a href="{LINK}"', "Bưu gửi"):
        assert shown in page, shown
    assert "<b>" not in page
    assert page.index("Đã giao") < page.index("Da giao"), "the newest first"


@pytest.mark.parametrize("written", ["+84912345678", "0912345678", "84 912 345 678", "091 234 5678"])
async def test_a_phone_is_found_however_it_is_written(written: str) -> None:
    [row] = (await get(f"/inbox.json?to={written.replace('+', '%2B')}")).json()
    assert (row["channel"], row["segments"]) == ("sms", 1)


async def test_an_email_is_found_in_any_case_and_shown_as_html_apart() -> None:
    [row] = (await get("/inbox.json?to=Lan@Example.vn")).json()
    assert row["subject"] == "Bưu gửi"
    letter = await get("/inbox/1.html")
    assert (letter.text, letter.headers["content-security-policy"][:7]) == ("<p>Đã giao</p>", "sandbox")
    assert (await get("/inbox/0.html")).status_code == 404


async def test_no_other_name_of_this_machine_is_answered() -> None:
    assert (await get("/inbox", "evil.example:8083")).status_code == 403


@pytest.mark.parametrize("path", ["/inbox.css", "/inbox.js"])
async def test_its_files_are_its_own(path: str) -> None:
    assert (await get(path)).status_code == 200


def test_a_link_ends_before_the_full_stop_and_markup_stays_text() -> None:
    assert linked(f"see {LINK}.") == f'see <a href="{LINK}" rel="noreferrer">{LINK}</a>.'
    assert linked('<script>"') == "&lt;script&gt;&#34;"


@pytest.mark.parametrize("text", ["Da giao @ 5$ [x] {y}~ 10€", "Đã giao lúc 16:25", "àéùìò ÄÖÑÜ §¿¡ ^\\|"])
def test_what_is_sent_is_what_a_phone_shows(text: str) -> None:
    [part] = (made := segment(text, 1)).parts
    assert decode(part, UCS2 if made.ucs2 else 0) == text
