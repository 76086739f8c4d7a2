"""What a capture job says: conflicts by event, what was skipped and why, and what waits in quarantine and where."""

from typing import Any, Final

import pytest

from buuta.settings import SharedSettings
from services.ingest.domain.document import document_of
from tests.integration.command import buuta
from tests.integration.doors import Door, log
from tests.integration.test_epcis import BAG, DECLARED, A, B, event, job, key, packing, told

__all__ = ["key"]
NAMED: Final = {"eventID": "urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8"}
SGTIN: Final = "urn:epc:id:sgtin:9521234.107346.2018"
PROCEED: Final = {"GS1-Capture-Error-Behaviour": "proceed"}


def conflicts(found: Any) -> list[tuple[int, int, str]]:
    return [(each["event"], each["status"], each["code"]) for each in found["errors"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"eventTime": "2026-11-24T02:05:00Z"}, "eventTime"),
        ({"bizStep": "arriving"}, "bizStep"),
        ({"epcList": [A, B]}, "epcList"),
        ({"disposition": "in_transit"}, "disposition"),
        ({"bizLocation": {"id": "urn:buuta:facility:HN-02"}}, "bizLocation"),
        ({"bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:1"}]}, "bizTransactionList"),
        ({"eventTimeZoneOffset": "+08:00"}, "eventTimeZoneOffset"),
    ],
)
async def test_a_repeated_id_with_other_content_is_a_conflict_of_its_event_and_names_the_field(
    door: Door, key: str, settings: SharedSettings, pool: Any, change: dict[str, Any], field: str
) -> None:
    first = event("accepting", 1, A, **NAMED)
    assert (await job(door, key, first))["success"] is True
    found = await job(door, key, event("departing", 9, B), {**first, **change}, **PROCEED)
    assert (found["success"], conflicts(found)) == (False, [(1, 409, "event_id_conflict")])
    [error] = found["errors"]
    assert (error["type"], error["path"]) == (
        "epcisException:ResourceAlreadyExistsException", "eventList[1].eventID",
    )  # fmt: skip
    assert f"with another {field};" in error["detail"]
    assert await told(settings, pool) == [("AAA1", "accepting"), ("BBB2", "departing")]


async def test_by_default_a_conflict_keeps_the_whole_document_out(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    await job(door, key, event("accepting", 1, A, **NAMED))
    found = await job(door, key, event("departing", 9, B), event("accepting", 2, A, **NAMED))
    assert conflicts(found) == [(1, 409, "event_id_conflict")]
    assert found["summary"] | {"scans": 0} == {
        "events": 2, "captured": 0, "skipped": 0, "wrong": 1, "scans": 0,
    }  # fmt: skip
    assert await told(settings, pool) == [("AAA1", "accepting")]


async def test_the_same_again_however_it_is_written_is_no_conflict(door: Door, key: str) -> None:
    first = event("accepting", 1, A, B, **NAMED)
    again = {
        **first, "eventTime": "2026-11-24T09:01:00.000+07:00", "epcList": [B, A],
        "bizStep": "https://ref.gs1.org/cbv/BizStep-accepting", "recordTime": "2026-11-25T00:00:00Z", "shop:x": 1,
    }  # fmt: skip
    for same in (first, again, first):
        assert (await job(door, key, same))["success"] is True


async def test_a_conflict_within_one_document_and_of_a_bag_is_told_of_the_second(
    door: Door, key: str
) -> None:
    first = packing("ADD", 2, BAG, A, eventID="urn:x:1")
    other = packing("ADD", 2, BAG, A, B, eventID="urn:x:1")
    for events, places in (((first, other), [1]), ((other,), [0]), ((first,), [])):
        found = await job(door, key, *events, **PROCEED)
        assert [each["event"] for each in found["errors"]] == places
        assert all("childEPCs" in each["detail"] for each in found["errors"])


async def test_an_error_declaration_is_no_conflict_even_if_it_repeats_not_all(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    first = event("accepting", 1, A, **NAMED)
    await job(door, key, first)
    bare = {**first, "disposition": "in_progress", "errorDeclaration": {**DECLARED, "shop:why": "belt 2"}}
    found = await job(door, key, bare)
    assert (found["success"], [each["code"] for each in found["warnings"]]) == (True, ["copy_differs"])
    assert await told(settings, pool) == []


async def test_other_carriers_and_a_sandbox_have_ids_of_their_own(
    door: Door, key: str, settings: Any
) -> None:
    await job(door, key, event("accepting", 1, A, **NAMED))
    made = await buuta(settings, "carrier", "key", "add", "gs1post", "--sandbox")
    trial = f"bk_{made.said.split('bk_', 1)[1].split()[0]}"
    other = event("departing", 1, A, **NAMED)
    assert (await job(door, trial, other))["success"] is True
    found = await job(door, trial, other, event("arriving", 1, A, **NAMED), **PROCEED)
    assert conflicts(found) == [(1, 409, "event_id_conflict")]


async def test_what_moves_no_parcel_is_said_to_be_skipped_and_why(door: Door, key: str) -> None:
    product = event("shipping", 1, SGTIN)
    trade = event(
        "shipping", 2, A, type="TransactionEvent", bizTransactionList=[{"bizTransaction": "urn:x:1"}]
    )
    found = await job(door, key, product, event("accepting", 3, A), trade, event("sensor_reporting", 4, A))
    assert [(each["event"], each["code"]) for each in found["skipped"]] == [
        (0, "no_parcel"), (2, "no_movement"), (3, "no_movement"),
    ]  # fmt: skip
    assert "SSCC" in found["skipped"][0]["detail"]
    assert found["summary"] == {
        "events": 4, "captured": 4, "skipped": 3, "wrong": 0,
        "scans": {"accepted": 1, "duplicate": 0, "ignored": 2, "quarantined": 0, "rejected": 0},
    }  # fmt: skip


async def test_a_job_says_what_waits_in_quarantine_for_which_code_and_where_to_look(
    door: Door, key: str, settings: SharedSettings
) -> None:
    odd = event("urn:post:bizstep:sorted", 1, A, B)
    found = await job(
        door, key, event("accepting", 1, A), odd, packing("ADD", 2, BAG, A, bizStep="urn:post:odd")
    )
    waits = found["quarantine"]
    assert (waits["scans"], waits["events"], found["success"]) == (3, 0, True)
    assert [(each["event"], each["code"], each["scans"]) for each in waits["codes"]] == [
        (1, "urn:post:bizstep:sorted", 2), (2, "urn:post:odd", 1),
    ]  # fmt: skip
    headers = {"Authorization": f"Bearer {key}"}
    listed = (await door.client.get(waits["href"], headers=headers)).json()
    assert sum(each["reports"] for each in listed) == 3
    for each in waits["codes"]:
        reports = (await door.client.get(each["href"], headers=headers)).json()
        assert len(reports) == each["scans"]
    wrong = await job(door, key, {"type": "ObjectEvent"}, **PROCEED)
    assert wrong["quarantine"]["events"] == 1


@pytest.mark.parametrize(
    ("attempt", "kept"), [("2", 2), (100, None), (-1, None), ([1], None), ({"x": "y"}, None)]
)
async def test_an_attempt_that_does_not_fit_costs_itself_and_a_note(
    door: Door, key: str, settings: SharedSettings, attempt: Any, kept: int | None
) -> None:
    said = {"urn:buuta:ext:attempt": attempt, "urn:buuta:ext:reason": "x" * 50}
    failed = event("urn:buuta:bizstep:delivery_failed", 1, A, **said)
    found = await job(door, key, failed, {**failed, "epcList": [BAG]})
    assert found["success"] is True
    notes = [each["event"] for each in found["warnings"] if each["code"] == "attempt_invalid"]
    assert notes == ([] if kept else [0, 1])
    assert {each["attempt"] for each in await log(settings)} == {kept}


async def test_a_context_that_is_not_fetched_is_a_note_of_the_document(door: Door, key: str) -> None:
    raw = document_of([event("accepting", 1, A)])
    raw["@context"].append("https://elsewhere.example/context.jsonld")
    headers = {"Authorization": f"Bearer {key}"}
    answer = await door.client.post("/epcis/capture", json=raw, headers=headers)
    found = (await door.client.get(answer.headers["location"], headers=headers)).json()
    [note] = found["warnings"]
    assert (found["success"], note["code"], note["event"]) == (True, "context_unread", None)


async def test_a_name_that_stands_twice_is_refused_by_name(door: Door, key: str, settings: Any) -> None:
    body = b'{"type": "EPCISDocument", "epcisBody": {"eventList": [{"bizStep": "a", "bizStep": "b"}]}}'
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    answer = await door.client.post("/epcis/capture", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "field_twice")
    assert "bizStep stands twice" in answer.json()["detail"]
    assert await log(settings) == []


async def test_of_an_id_that_may_be_a_persons_only_a_mark_is_kept(door: Door, key: str, pool: Any) -> None:
    await job(door, key, event("accepting", 1, A, eventID="urn:shop:canary-nguyen-0900000001"))
    rows = await pool.fetch("select * from epcis_said")
    assert len(rows) == 1
    assert "canary" not in repr(rows)
