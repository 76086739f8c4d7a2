"""Registration and reading over HTTP, on the real broker and database."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import date
from typing import Any, Final

import httpx
import pytest

from buuta.contracts.codec import Codec
from buuta.settings import SharedSettings
from services.ingest.storage import Carrier, add_carrier
from services.portal.app import wire
from services.portal.publishing import CountedBy, publish
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.doors import served
from tests.integration.parts import chunk, everything, worker
from tests.scans import registration, scan
from tests.waiting import until

PARCEL = {
    "carrier": "ghn", "number": "z82bs", "recipient": {"phone": "+84912345678", "email": "lan@example.vn"},
    "destination": {"province": "01", "commune": "00070"}, "promised_at": "2026-11-26T17:00:00+07:00",
}  # fmt: skip
JOURNEY = [
    scan("accepted", 0, province="79", commune="26734"), scan("out_for_delivery", 4),
    scan("attempt_failed", 5, reason="addressee_absent"), scan("out_for_delivery", 28),
    scan("delivered", 29, delivery_mode="address", province="01", commune="00070"),
]  # fmt: skip
DAYS: Final = "from=2026-01-01&to=2030-01-01"


class Portal:
    """The portal over HTTP, with a shipper's key."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}

    async def register(self, **change: Any) -> httpx.Response:
        headers = self.headers | change.pop("headers", {})
        return await self.client.post("/v1/parcels", json=PARCEL | change, headers=headers)


@pytest.fixture
async def portal(settings: SharedSettings, pool: Any) -> AsyncIterator[Portal]:
    for code in ("ghn", "vnp"):
        await add_carrier(pool, Carrier(code, code, "buuta"))
    key = await add_shipper(pool, "shop", "Shop")
    async with served(wire, PortalSettings(**settings.model_dump())) as client:
        yield Portal(client, key)


async def track(settings: SharedSettings, pool: Any, records: list[Any], start: int = 0) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, start, records))


async def log(settings: SharedSettings, count: int) -> list[dict[str, Any]]:
    async def read() -> list[dict[str, Any]]:
        records = await everything(settings, settings.events_topic, range(settings.partitions))
        events = [Codec().decode(record.value)[1] for record in records]
        return events if len(events) >= count else []

    return await until(read, f"{count} registrations in the log")


async def test_a_registration_reaches_the_log_without_anything_personal(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    answer = await portal.register()
    assert (answer.status_code, answer.json()["tracking_page"]) == (201, "/t/ghn/Z82BS")
    [event] = await log(settings, 1)
    assert (event["number"], event["version"], event["commune"], event["channels"]) == (
        "Z82BS", 1, "00070", ["sms", "email"],
    )  # fmt: skip
    raw = (await everything(settings, settings.events_topic, range(settings.partitions)))[0].value
    stored = repr(
        [
            dict(row)
            for row in await pool.fetch("select * from registrations join persons using (person_hash)")
        ]
    )
    for canary in ("912345678", "lan@example"):
        assert canary.encode() not in raw
        assert canary not in stored
        assert canary not in answer.text


async def test_the_same_idempotency_key_gets_the_same_answer(
    portal: Portal, settings: SharedSettings
) -> None:
    once = await portal.register(headers={"Idempotency-Key": "order-1"})
    again = await portal.register(headers={"Idempotency-Key": "order-1"})
    other = await portal.register(number="OTHER1", headers={"Idempotency-Key": "order-1"})
    assert (once.json(), once.status_code) == (again.json(), again.status_code)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await log(settings, 1)) == 1


async def test_side_by_side_with_one_key_registers_once(portal: Portal, settings: SharedSettings) -> None:
    answers = await asyncio.gather(*(portal.register(headers={"Idempotency-Key": "k"}) for _ in range(6)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert len(await log(settings, 1)) == 1


async def test_a_change_and_a_withdrawal_are_further_versions_and_withdrawal_erases(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    registered = (await portal.register()).json()["registration_id"]
    path = f"/v1/parcels/{registered}"
    changed = await portal.client.patch(
        path, json={"recipient": {"email": "minh@example.vn"}}, headers=portal.headers
    )
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert await pool.fetchval("select count(*) from persons") == 1
    withdrawn = await portal.client.delete(path, headers=portal.headers)
    assert (withdrawn.json()["withdrawn"], withdrawn.json()["version"]) == (True, 3)
    assert (await portal.client.delete(path, headers=portal.headers)).json()["version"] == 3
    assert await pool.fetchval("select count(*) from persons") == 0
    assert await pool.fetchval("select contacts from registrations") is None
    assert [event["withdrawn"] for event in await log(settings, 3)] == [False, False, True]
    assert (await portal.register()).json()["version"] == 4


@pytest.mark.parametrize(
    ("change", "status", "fix"),
    [
        ({"recipient": {"phone": "0912345678"}}, 422, "such as +84912345678"), ({"recipient": {}}, 422, "phone"),
        ({"recipient": {"email": "a@b.vn\r\nBcc: c@d.vn"}}, 422, "name@example.vn"),
        ({"number": "?"}, 422, "3 to 50"),
        ({"promised_at": "2026-11-26T17:00:00"}, 422, "timezone"), ({"carrier": "dhl"}, 404, "carrier"),
        ({"promised_at": "9999-12-31T00:00:00Z"}, 422, "2000 to 2099"), ({"extra": 1}, 422, "no such field"),
    ],
)  # fmt: skip
async def test_a_bad_registration_hears_what_to_fix(
    portal: Portal, change: Any, status: int, fix: str
) -> None:
    answer = await portal.register(**change)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert fix in answer.text
    assert "0912345678" not in answer.text


async def test_a_parcel_is_registered_once_and_only_its_shipper_may_change_it(
    portal: Portal, pool: Any
) -> None:
    registered = (await portal.register()).json()["registration_id"]
    twice = await portal.register()
    assert twice.status_code == 409
    assert registered in twice.json()["detail"]
    other = {"Authorization": f"Bearer {await add_shipper(pool, 'other', 'Other')}"}
    for method in ("patch", "delete"):
        extra: dict[str, Any] = {"json": {}} if method == "patch" else {}
        answer = await portal.client.request(method, f"/v1/parcels/{registered}", headers=other, **extra)
        assert answer.status_code == 404
    assert (await portal.client.post("/v1/parcels", json=PARCEL)).status_code == 401


async def test_the_tracking_page_tells_the_journey_in_local_time(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, JOURNEY)
    vietnamese = (await portal.client.get("/t/GHN/z82bs")).text
    assert "Đã giao tại địa chỉ" in vietnamese
    assert "Phường Hoàn Kiếm, Thành phố Hà Nội" in vietnamese
    assert "Người nhận vắng nhà" in vietnamese
    english = (await portal.client.get("/t/ghn/Z82BS", headers={"Accept-Language": "en-GB"})).text
    assert "Delivered at the address" in english
    assert english.index("Delivered") < english.index("Accepted")
    assert (await portal.client.get("/t/ghn/Z82BS?lang=en")).text == english


async def test_what_was_corrected_is_not_told_any_more(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    wrong = JOURNEY[-1]
    correction = scan("delivered", 9, corrects_event_id=wrong.event_id, correction_kind="did_not_occur")
    await track(settings, pool, [*JOURNEY, correction])
    parcel = (await portal.client.get("/v1/parcels/ghn/Z82BS")).json()
    assert (parcel["status"], parcel["outcome"]) == ("out_for_delivery", None)
    assert "delivered" not in {each["status"] for each in parcel["timeline"]}
    assert "Đã giao" not in (await portal.client.get("/t/ghn/Z82BS")).text


async def test_the_same_as_json(portal: Portal, settings: SharedSettings, pool: Any) -> None:
    await track(settings, pool, JOURNEY)
    parcel = (await portal.client.get("/v1/parcels/ghn/Z82BS")).json()
    assert (parcel["outcome"], parcel["attempts"], len(parcel["timeline"])) == (
        "delivered_to_address",
        1,
        5,
    )
    assert parcel["last_activity_at"].endswith("+07:00")
    missing = await portal.client.get("/v1/parcels/ghn/NOTHERE")
    assert (missing.status_code, missing.json()["code"]) == (404, "parcel_unknown")


async def test_a_number_alone_finds_the_parcel_or_asks_which(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, JOURNEY)
    found = await portal.client.get("/t/Z82BS")
    assert (found.status_code, found.headers["location"]) == (303, "/t/ghn/Z82BS")
    english = await portal.client.get("/t/Z82BS?lang=en")
    assert english.headers["location"] == "/t/ghn/Z82BS?lang=en"
    await track(settings, pool, [JOURNEY[0]._replace(carrier="vnp")], 5)
    both = (await portal.client.get("/t/z82bs")).text
    assert "/t/ghn/Z82BS" in both
    assert "/t/vnp/Z82BS" in both
    assert (await portal.client.get("/v1/numbers/Z82BS")).json() == ["ghn", "vnp"]


@pytest.mark.parametrize(
    "path", ["/t/NOTHERE", "/t/ghn/NOTHERE", "/t/%3Cscript%3E", "/t/ghn/%00", "/t/%F0%9F%93%A6"]
)
async def test_a_404_helps_and_repeats_no_script(portal: Portal, path: str) -> None:
    answer = await portal.client.get(path)
    assert answer.status_code == 404
    assert "chữ O và số 0" in answer.text
    assert "<script>" not in answer.text.split("<main")[1]


async def test_a_registered_parcel_without_scans_says_so(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, [registration()])
    assert "chờ đơn vị vận chuyển báo tin" in (await portal.client.get("/t/ghn/Z82BS")).text


async def test_an_open_page_hears_of_a_new_scan(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    from services.portal.live import LiveBoard

    await track(settings, pool, JOURNEY[:2])
    board = LiveBoard(pool)
    looking = asyncio.create_task(board.run())
    changes = board.changes("ghn:Z82BS")
    async with asyncio.timeout(20):
        first = await anext(changes)
        await track(settings, pool, JOURNEY[2:3], 2)
        assert await anext(changes) != first
    await changes.aclose()  # type: ignore[attr-defined]
    looking.cancel()


async def test_rates_as_json_and_as_a_page(portal: Portal, settings: SharedSettings, pool: Any) -> None:
    parcels = [scan("accepted", 0, number=f"P{each:03}") for each in range(3)]
    ends = [scan("delivered", 1, number="P000", delivery_mode="address"), scan("delivered", 1, number="P001"),
            scan("lost", 1, number="P002")]  # fmt: skip
    await track(settings, pool, [registration(number="P000"), *parcels, *ends])
    rates = (await portal.client.get("/v1/rates?to=2030-01-01&from=2026-01-01")).json()["rates"]
    total = next(rate for rate in rates if rate["province"] is None)
    assert (total["accepted"], total["rate_net"], total["rate_gross"], total["unknown_share"]) == (
        3, 0.5, 0.333333, 0.5,
    )  # fmt: skip
    assert {rate["province"] for rate in rates} == {None, "01", "unknown"}
    assert (total["transit_p50"], total["transit_p95"]) == (1, 1)
    [late] = (await portal.client.get("/v1/rates?to=2030-01-01&from=2026-01-01")).json()["lateness"]
    assert (late["carrier"], late["scans"], late["p99_minutes"]) == ("ghn", 6, 1)
    assert total["net"] == {"at_least": 0.5, "at_most": 1.0, "of": 2, "few": True}
    assert (total["gross"]["at_most"], total["declared_share"], total["standing"]) == (
        0.666667,
        1.0,
        "known",
    )
    page = (await portal.client.get(f"/rates?lang=en&{DAYS}")).text
    assert "50.0 – 100.0 %" in page
    assert "fewer than 30 parcels" in page
    assert "<span>Thành phố Hà Nội</span>" not in page, "a carrier's provinces come when it is chosen"
    assert "<span>Thành phố Hà Nội</span>" in (await portal.client.get(f"/rates?carrier=ghn&{DAYS}")).text
    assert (await portal.client.get("/v1/rates?from=gestern")).status_code == 422


async def test_rates_are_of_the_carrier_province_and_order_that_were_asked_for(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, [
        registration(number="P1"), scan("accepted", 0, number="P1"), scan("accepted", 0, number="P2"),
        scan("accepted", 0, number="P3", carrier="ghtk"), scan("accepted", 0, number="P4", carrier="ghtk"),
        scan("accepted", 0, number="P5", carrier="ghtk"),
    ])  # fmt: skip

    async def asked(query: str) -> list[tuple[str, str | None]]:
        rates = (await portal.client.get(f"/v1/rates?{DAYS}&{query}")).json()["rates"]
        return [(rate["carrier"], rate["province"]) for rate in rates]

    assert await asked("carrier=ghtk&province=&service=") == [("ghtk", None), ("ghtk", "unknown")]
    assert await asked("province=01") == [("ghn", "01")]
    assert await asked("carrier=ghtk&province=01") == []
    answer = (await portal.client.get(f"/v1/rates?{DAYS}")).json()
    assert (answer["total"]["accepted"], answer["total"]["carrier"], answer["total"]["province"]) == (
        5,
        None,
        None,
    )
    assert (await portal.client.get("/v1/rates?carrier=nobody")).json()["total"] is None
    assert "All carriers</th>" in (await portal.client.get(f"/rates?lang=en&{DAYS}")).text
    table = (await portal.client.get(f"/v1/rates.csv?{DAYS}&province=unknown&sort=-accepted")).text
    head, *lines = csv.reader(table.removeprefix("\ufeff").splitlines())
    assert [dict(zip(head, line, strict=True))["accepted"] for line in lines] == ["3", "1"]
    refused = await portal.client.get(f"/rates?{DAYS}&sort=colour")
    assert refused.status_code == 400


async def test_a_rate_that_nobody_knows_is_no_verdict_on_a_carrier(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    """GHN says of no parcel how it was handed over: 0.0 % would be a verdict."""
    ends = [scan("delivered", 1, number=f"P{each:03}") for each in range(40)]
    await track(settings, pool, ends)
    page = (await portal.client.get(f"/rates?lang=en&{DAYS}")).text
    assert "Not enough known" in page
    assert "All carriers</th>" not in page, "one carrier is no sum"
    assert "0.0 – 100.0 %" in page
    [rate] = (await portal.client.get(f"/v1/rates?{DAYS}&province=unknown")).json()["rates"]
    assert (rate["standing"], rate["rate_net"], rate["net"]["at_most"]) == ("not_enough_known", 0.0, 1.0)


async def test_the_page_of_rates_says_what_is_published_and_why_nothing_is(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    assert "Nothing is published yet" in (await portal.client.get("/rates?lang=en")).text
    await track(settings, pool, [scan("accepted", 0)])
    async with pool.acquire() as con:
        await publish(con, date(2026, 11, 24), date(2026, 11, 24), CountedBy("7"))
    page = (await portal.client.get("/rates?lang=en&carrier=ghn")).text
    assert "Published up to the acceptance day 24 Nov 2026" in page
    assert "/v1/rates/published?carrier=ghn" in page


async def test_published_figures_show_their_version_and_hide_cells_of_few(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    places = [registration(number=f"P{each}", commune="00008") for each in range(6)]
    parcels = [scan("accepted", 0, number=f"P{each}") for each in range(7)]
    await track(settings, pool, [*places, *parcels])
    async with pool.acquire() as con:
        await publish(con, date(2026, 11, 24), date(2026, 11, 24), CountedBy("7"))
    url = "/v1/rates/published?carrier=ghn&from=2026-11-01&to=2026-11-24"
    figures = (await portal.client.get(url)).json()
    shown = {each["commune"]: each["counts"] and each["counts"]["accepted"] for each in figures}
    assert shown == {"00008": 6, "unknown": None}
    assert {(each["version"], each["rules"], each["day"]) for each in figures} == {(1, "7", "2026-11-24")}


async def test_pages_carry_headers_that_keep_others_out(portal: Portal) -> None:
    headers = (await portal.client.get("/")).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-language"] == "vi"


async def test_what_is_handed_over_on_the_way_back_is_returned_on_the_page_and_in_json(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    back = [scan("returning", 30), scan("out_for_delivery", 40), scan("delivered", 42)]
    await track(settings, pool, [*JOURNEY[:3], *back])
    page = (await portal.client.get("/t/ghn/Z82BS")).text
    assert "Đã giao" not in page
    assert '<h1 class="bad">Đã chuyển hoàn cho người gửi</h1>' in page
    parcel = (await portal.client.get("/v1/parcels/ghn/Z82BS")).json()
    assert (parcel["status"], parcel["direction"]) == ("returned", "return")
    assert [each["status"] for each in parcel["timeline"]][:3] == ["returned", "returning", "returning"]


async def test_a_part_that_was_delivered_leads_to_the_part_that_goes_back(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    part = JOURNEY[-1]._replace(partial_return=True, linked_number="Z82BT")
    await track(settings, pool, [*JOURNEY[:-1], part])
    page = (await portal.client.get("/t/ghn/Z82BS?lang=en")).text
    assert '<h1 class="good">Delivered at the address</h1>' in page
    assert "Delivered in part; the rest goes back to the sender" in page
    assert 'href="/t/ghn/Z82BT?lang=en"' in page
