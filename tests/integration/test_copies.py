"""A copy that says something else is taken in, and its answer says so: in one request, of late, or long ago."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from buuta.model.scan import Scan
from buuta.settings import SharedSettings
from buuta.storage.bounded import BoundedPool, Silence
from buuta.telemetry.clock import now_ms
from services.ingest.app import wire
from services.ingest.carriers import all_recipes
from services.ingest.copies import Copies
from services.ingest.domain.copy import differences, said
from services.ingest.domain.recipe import Receipt
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.tracker.domain.copies import differing
from tests.integration.doors import Door, add_carrier, intake_on, log, ready
from tests.integration.parts import chunk, database_away, producer_on, worker
from tests.scans import scan
from tests.waiting import until

REPORT = {"so": "EJ00000001VN", "buoc": 4, "luc": "2026-11-25T07:54:50", "id": "T2"}
LATER = REPORT | {"luc": "2026-11-25T07:55:50"}
WORDS = "another occurred_at"


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vendor that gives its events ids of its own, and wants words of its own for an answer."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "hop").mkdir()
    (folder / "hop" / "recipe.toml").write_text(
        'title = "Its own ids"\nversion = "1"\nidentity = ["number", "natural_id"]\n'
        '[fields]\nnumber = "so"\ncode = "buoc"\ntime = "luc"\nnatural_id = "id"\n'
        '[webhook]\nreply = { code = "success", transaction = "$id" }\n'
    )
    (folder / "hop" / "codes.csv").write_text("code,status,reason,mode,provisional\n4,in_transit,,,\n")
    return folder


async def test_a_vendor_whose_own_id_comes_again_with_another_time_hears_of_it(
    settings: SharedSettings, pool: Any, vendor: Path
) -> None:
    _, token = await add_carrier(pool, Carrier("hop", "Its own ids", "hop"))
    said = []
    async with (
        wire(IngestSettings(**settings.model_dump() | {"ingest_recipes": vendor})) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        await until(lambda: ready(client), "ingest is ready")
        for report in (REPORT, REPORT, LATER, REPORT, LATER):
            answer = await client.post(f"/v1/webhooks/{token}/hop", json=report)
            heard = answer.json()
            assert (answer.status_code, heard["code"], heard["transaction"]) == (200, "success", "T2")
            said.append(heard.get("finding"))
    assert said == [None, None, "copy_differs", None, "copy_differs"]
    assert WORDS in answer.json()["message"]
    assert "07:5" not in answer.text
    assert len(await log(settings)) == len(said)


async def test_copies_in_one_request_are_told_apart_by_what_they_say(
    settings: SharedSettings, pool: Any, vendor: Path
) -> None:
    recipe = all_recipes(vendor)["hop"]
    carrier = Carrier("hop", "Its own ids", "hop")
    async with producer_on(settings) as producer:
        intake = intake_on(settings, producer, pool)
        intake._target.book.recipes = {"hop": recipe}
        payloads = [REPORT, REPORT, LATER]
        answers = await intake.take(carrier, Receipt("hop", "webhook", now_ms()), payloads, recipe.parse)
    assert [(each.result, each.code) for each in answers] == [
        ("accepted", None), ("duplicate", None), ("duplicate", "copy_differs"),
    ]  # fmt: skip
    assert answers[2].field == "occurred_at"
    # What counts is decided by the tracker's rule, as if they had come apart: it gets both.
    assert len({event["occurred_at"] for event in await log(settings)}) == 2


EMS = {"tracking_code": "EJ00000001VN", "status_code": 4, "datetime": "25/11/2026 07:54:50"}


async def test_a_header_of_a_request_is_echoed_and_makes_no_event(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    """EMS: a repeat may carry another `ems-transaction`, and two events one."""
    door.secrets["ems"] = await add_carrier(pool, Carrier("ems", "VNPost EMS", "ems"))
    later = EMS | {"datetime": "25/11/2026 07:55:50"}
    for transaction, report in (("T1", EMS), ("T2", EMS), ("T2", later), ("", EMS)):
        headers = {"ems-transaction": transaction} if transaction else {}
        answer = await door.webhook("ems", json=report, headers=headers)
        assert answer.json() == {"code": "success", "transaction": transaction}
    assert len({event["event_id"] for event in await log(settings)}) == 2


GHN = {
    "Type": "switch_status",
    "OrderCode": "Z82BS",
    "Status": "delivery_fail",
    "Time": "2026-11-25T07:54:50Z",
}
OWN = {"number": "EJ00000001VN", "code": "attempt_failed", "occurred_at": "2026-11-25T07:54:50+07:00"}


@pytest.mark.parametrize(
    ("format_name", "first", "other", "field"),
    [
        ("ghn", GHN, GHN | {"ReasonCode": "GHN-DFC1A0"}, "reason"),
        ("buuta", OWN | {"attempt": 1}, OWN | {"attempt": 2}, "attempt"),
        ("buuta", OWN, OWN | {"occurred_at": "2026-11-25T00:54:50Z"}, "offset"),
    ],
)
async def test_a_copy_hears_what_it_says_otherwise_also_where_its_id_holds_the_time(
    settings: SharedSettings, pool: Any, format_name: str, first: Any, other: Any, field: str
) -> None:
    carrier = Carrier(format_name, format_name, format_name)
    async with producer_on(settings) as producer:
        intake = intake_on(settings, producer, pool)
        parse = intake.recipes[format_name].parse
        heard = [
            (await intake.take(carrier, Receipt(format_name, "api", now_ms()), [each], parse))[0]
            for each in (first, first, other)
        ]
    assert [(each.result, each.code, each.field) for each in heard] == [
        ("accepted", None, None), ("accepted", None, None), ("accepted", "copy_differs", field),
    ]  # fmt: skip
    assert len({each.event_id for each in heard}) == 1


def test_whatever_the_tracker_calls_a_difference_the_answer_names() -> None:
    """But for what is part of every id: status and code go together, and a correction with what it corrects."""
    first = scan("delivered", 1)
    changes: dict[str, Any] = {
        "reason": "weather", "delivery_mode": "point", "provisional": True, "occurred_at": 5, "offset_minutes": 0,
        "facility": "BC1", "attempt": 2, "proof_present": True, "raw_code": "y", "day_only": True,
        "direction": "return", "partial_return": True, "linked_number": "Z82BS1",
    }  # fmt: skip
    own = set(changes) | {"status", "corrects_event_id", "correction_kind", "reporter"}
    assert own == {
        name
        for name in Scan._fields
        if name != "event_id" and differing([first, changed(first, name, "x")])
    }
    for name, value in changes.items():
        assert differences(said(first), said(changed(first, name, value)))


def changed(first: Scan, name: str, value: Any) -> Scan:
    return Scan(**first._asdict() | {name: value})


def one(**more: Any) -> dict[str, Scan]:
    made = scan("delivered", 1, event_id="ab" * 16, **more)
    return {made.event_id: made}


async def test_what_was_stored_long_ago_is_known_and_an_exact_copy_is_none(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, one().values()))
    assert await Copies(pool).differing(one(received_at=9, door="kafka", province="01")) == {}
    assert await Copies(pool).differing(one(attempt=2, facility="BC1")) == {
        "ab" * 16: ["facility", "attempt"]
    }
    newer = one(mapping_version="ghn-2", reason="weather")
    assert await Copies(pool).differing(newer) == {}, "another table may map the same report otherwise"
    assert await Copies(pool).differing(one(reason="weather")) == {"ab" * 16: ["reason"]}


async def test_postgresql_away_or_silent_neither_fails_nor_delays_the_answer(
    settings: SharedSettings, pool: Any
) -> None:
    async with database_away(settings):
        assert await Copies(pool).differing(one()) == {}
    copies = Copies(BoundedPool(pool, 0.3, Silence(str(settings.database))))
    async with pool.acquire() as other, other.transaction():
        await other.execute("lock table scans")
        started = time.monotonic()
        assert await copies.differing(one()) == {}
        assert time.monotonic() - started < 5


def test_memory_holds_the_latest_and_no_more() -> None:
    copies = Copies(most=10)
    made = [scan("delivered", hour) for hour in range(20)]
    for each in made:
        copies.note([each])
    assert list(copies._known) == [each.event_id for each in made[10:]]
