"""A carrier asks with its own key what we received, how each was mapped, and what waits."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from buuta.model.times import VIETNAM
from buuta.settings import SharedSettings
from buuta.storage.vault import Vault
from services.ingest import records
from services.ingest.registry import operators
from tests.integration.doors import GOOD, Door, quarantined
from tests.integration.parts import chunk, worker
from tests.scans import MORNING, scan
from tests.unit.test_carriers import GHN


async def ask(door: Door, path: str, carrier: str = "ghn", **query: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {door.secrets[carrier][0]}"}
    return await door.client.get(path, params=query, headers=headers)


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_what_was_received_today_and_how_it_was_mapped(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    now = datetime.now(VIETNAM)
    today = round(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    first = scan("accepted", received_at=today, reason=None, raw_code="picked")
    second = scan("attempt_failed", 1, received_at=today + 1, reason="no_contact", provisional=True)
    yesterday = scan("info_received", received_at=today - 1)
    others = scan("accepted", received_at=today)._replace(carrier="vnp", event_id="a" * 32)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [second, first, yesterday, others]))
    answer = await ask(door, "/v1/scans/received")
    assert [(each["event_id"], each["status"]) for each in lines(answer)] == [
        (first.event_id, "accepted"), (second.event_id, "attempt_failed"),
    ]  # fmt: skip
    assert lines(answer)[0].keys().isdisjoint({"reason", "provisional", "corrects"})
    assert lines(answer)[0]["code"] == "picked"
    assert (lines(answer)[1]["reason"], lines(answer)[1]["provisional"]) == ("no_contact", True)
    since = (now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=1)).isoformat()
    wider = await ask(door, "/v1/scans/received", **{"from": since})
    assert len(lines(wider)) == 3
    assert [each["number"] for each in lines(await ask(door, "/v1/scans/received", "vnp"))] == ["Z82BS"]


async def test_a_scan_whose_copies_say_different_things_is_shown_so(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    now = round(datetime.now(VIETNAM).timestamp() * 1000) - 1000
    first, other = scan("accepted", received_at=now), scan("delivered", 1, received_at=now)
    again = first._replace(occurred_at=first.occurred_at + 60_000, received_at=now + 1)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [first, other, again]))
    since = (datetime.now(VIETNAM) - timedelta(hours=1)).isoformat()
    shown = lines(await ask(door, "/v1/scans/received", **{"from": since}))
    assert {each["event_id"]: each.get("copies_differ") for each in shown} == {
        first.event_id: True, other.event_id: None,
    }  # fmt: skip


class Counting:
    """A pool that notes how many rows it gave at once."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.rows: list[int] = []

    async def fetch(self, *asked: Any) -> Any:
        found = await self._pool.fetch(*asked)
        self.rows.append(len(found))
        return found


async def test_of_a_full_minute_no_more_is_held_at_once_than_a_page_and_nothing_is_left_out(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages end between milliseconds; of one millisecond all is read, which is what one request may bring."""
    monkeypatch.setattr(records, "AT_ONCE", 10)
    at = [*range(0, 120), *[500] * 25, *range(501, 510), 59_999, 60_000, 3_600_000]
    scans = [scan("held", place / 100, received_at=MORNING + ms) for place, ms in enumerate(at)]
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, scans))
    counting = Counting(pool)
    reading = records.RealRecords(counting, Vault(bytes(32)), 0)
    span = (MORNING, MORNING + 3_600_001)
    told = [json.loads(line)["event_id"] async for line in reading.received("ghn", span)]
    assert told == [
        each.event_id for each in sorted(scans, key=lambda each: (each.received_at, each.event_id))
    ]
    assert sorted(counting.rows)[-2] <= 11
    assert max(counting.rows) == 25
    assert len(counting.rows) < 120 / 9 + 3_600_000 / 60_000 + 40


async def test_no_more_than_a_day_at_once(door: Door) -> None:
    days = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-03T00:00:00Z"}
    answer = await ask(door, "/v1/scans/received", **days)
    assert (answer.status_code, answer.json()["code"]) == (400, "span_too_long")
    assert (await ask(door, "/v1/scans/received", **{"from": "yesterday"})).status_code == 422


async def test_what_waits_in_quarantine_is_the_carriers_own_and_without_personal_fields(door: Door) -> None:
    for _ in range(2):
        await door.webhook("ghn", json={**GHN, "Type": "switch_status", "Status": "handed_over"})
    await door.scans([{"number": "N1", "code": "odd", "occurred_at": "2026-11-24T09:30:00Z"}])
    [row] = (await ask(door, "/v1/quarantine")).json()
    assert (row["reason"], row["code"], row["reports"]) == ("unknown_code", "handed_over", 2)
    reports = (await ask(door, "/v1/quarantine/handed_over")).json()
    assert len(reports) == 2
    assert json.loads(reports[0]["report"])["OrderCode"] == "Z82BS"
    assert "Description" not in json.loads(reports[0]["report"])
    assert len((await ask(door, "/v1/quarantine/handed_over", after=str(reports[0]["number"]))).json()) == 1
    assert (await ask(door, "/v1/quarantine/odd")).json() == []


async def test_reports_are_found_by_their_code_whatever_it_consists_of(door: Door) -> None:
    codes = ["commissioning/odd", "/", "a/../b", "50 %", "#1", "?x=1", "giao rồi", "%2F", "\u2028", "a//b/"]
    key = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    answers = (await door.scans([{**GOOD, "code": code} for code in codes])).json()
    assert {each["result"] for each in answers} == {"quarantined"}
    waiting = (await door.client.get("/v1/quarantine", headers=key)).json()
    assert sorted(row["code"] for row in waiting) == sorted(codes)
    for code in codes:
        [report] = (await door.client.get(f"/v1/quarantine/{quote(code, safe='')}", headers=key)).json()
        assert json.loads(report["report"])["code"] == code


async def test_a_page_of_reports_ends_at_its_bytes_and_one_that_does_not_open_is_told_alone(
    door: Door, pool: Any
) -> None:
    """The guard over every test holds the event loop to its limit meanwhile."""
    wide = {**GHN, "Type": "switch_status", "Status": "handed_over", "x": [[0]] * 30_000}
    for _ in range(20):
        assert (await door.webhook("ghn", json=wide)).status_code == 200
    seen, after = list[int](), 0
    while page := (await ask(door, "/v1/quarantine/handed_over", after=str(after))).json():
        assert len(page) < 20
        seen += [report["number"] for report in page]
        after = seen[-1]
    assert len(seen) == len(set(seen)) == 20
    await pool.execute(
        "update quarantine set payload = set_byte(payload, 40, get_byte(payload, 40) # 1) where id = $1",
        seen[0],
    )
    page = (await ask(door, "/v1/quarantine/handed_over")).json()
    assert page[0]["report"].startswith("(cannot be read")
    assert json.loads(page[1]["report"])["OrderCode"] == "Z82BS"


@pytest.mark.parametrize("carrier", ["vnp", "ghn"])
@pytest.mark.parametrize("right", ["number", "code", "occurred_at"])
async def test_a_misspelt_item_shows_nobody_what_it_says_in_private(
    right: str, carrier: str, door: Door, settings: SharedSettings, pool: Any
) -> None:
    must = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
    item = {name if name == right else f"{name}_x": value for name, value in must.items()}
    private = {"note": "chi Lan", "latitude": 21.0345, "receiver": "chi Lan", "phone": "0912345678"}
    answer = await door.scans([item | private], carrier)
    assert answer.json()[0]["result"] == "rejected", answer.text
    [kept] = await quarantined(settings, pool)
    assert json.loads(kept.said)["receiver"] is json.loads(kept.said)["phone"] is None
    secret = await operators.add(pool, "lan", "a test")
    number = await pool.fetchval("select id from quarantine")
    said = await door.client.get(
        f"/v1/operations/quarantine/reports/{number}", headers={"Authorization": f"Bearer {secret}"}
    )
    assert said.status_code == 200, said.text
    assert [each for each in ("Lan", "21.0345", "0912345678") if each in said.text] == []


async def test_a_parameter_that_a_route_does_not_know_is_refused_and_filters_nothing_silently(
    door: Door,
) -> None:
    for path, query, says in (
        ("/v1/scans/received", {"form": "2026-11-30T00:00:00Z"}, "there are from, to"),
        ("/v1/quarantine", {"carier": "ghn"}, "this route has no query parameter carier"),
        ("/v1/quarantine/odd", {"afer": "3"}, "there are after"),
        ("/v1/quarantine", {"0912345678": "1"}, "(not shown)"),
    ):
        answer = await ask(door, path, **query)
        assert (answer.status_code, answer.json()["code"]) == (422, "parameter_unknown")
        assert says in answer.json()["detail"]
        assert "0912345678" not in answer.text
