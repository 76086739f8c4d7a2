"""EPCIS 2.0 over HTTP: jobs, rollback or proceed, bags, error declarations; into the log and onto the parcels."""

import json
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from buuta.settings import SharedSettings
from services.ingest.domain.document import document_of
from services.ingest.jobs import MOST_ERRORS
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import Door, add_carrier, log, quarantined
from tests.waiting import until

HUB: Final = {"id": "urn:buuta:facility:HN-01"}
BAG: Final = "urn:epc:id:sscc:8931234.1000000001"
TRUCK: Final = "urn:epc:id:grai:8931234.00001.7"
A, B = "urn:buuta:parcel:AAA1", "urn:buuta:parcel:BBB2"
DECLARED: Final = {"declarationTime": "2026-11-24T08:00:00Z", "reason": "did_not_occur"}


def event(step: str, minute: int, *epcs: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent", "eventTime": f"2026-11-24T02:{minute:02}:00Z", "eventTimeZoneOffset": "+07:00",
        "action": "OBSERVE", "bizStep": step, "epcList": list(epcs), "bizLocation": HUB, **more,
    }  # fmt: skip


def packing(action: str, minute: int, parent: str, *children: str, **more: Any) -> dict[str, Any]:
    plain = event("packing" if action == "ADD" else "unpacking", minute)
    del plain["epcList"]
    return {**plain, "type": "AggregationEvent", "action": action, "parentID": parent,
            "childEPCs": list(children), **more}  # fmt: skip


@pytest.fixture
async def key(door: Door, pool: Any) -> str:
    secret, _ = await add_carrier(pool, Carrier("gs1post", "A post that speaks EPCIS", "epcis"))
    return secret


async def send(door: Door, key: str, *events: Any, **headers: str) -> httpx.Response:
    known = {"Authorization": f"Bearer {key}"}
    return await door.client.post("/epcis/capture", json=document_of(events), headers=known | headers)


async def job(door: Door, key: str, *events: Any, **headers: str) -> Any:
    answer = await send(door, key, *events, **headers)
    assert answer.status_code == 202
    found = await door.client.get(answer.headers["location"], headers={"Authorization": f"Bearer {key}"})
    assert found.status_code == 200
    return found.json()


async def told(settings: SharedSettings, pool: Any) -> list[tuple[str, str]]:
    """What the log holds of parcels, without what was taken back: number and raw code."""

    async def empty() -> bool:
        return not await pool.fetchval("select exists (select from spool)")

    await until(empty, "all captured scans are in the log")
    scans = {each["event_id"]: each for each in await log(settings)}
    wrong = {each["corrects_event_id"] for each in scans.values() if each["corrects_event_id"]}
    return sorted(
        (each["number"], each["raw_code"])
        for each in scans.values()
        if not each["corrects_event_id"] and each["event_id"] not in wrong
    )


async def test_a_captured_event_is_a_scan_of_each_parcel(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    found = await job(
        door, key, event("accepting", 1, A, B), event("departing", 2, A, disposition="in_transit")
    )
    assert (found["running"], found["success"], found["errors"]) == (False, True, [])
    assert found["captureErrorBehaviour"] == "rollback"
    assert await told(settings, pool) == [
        ("AAA1", "accepting"), ("AAA1", "departing/in_transit"), ("BBB2", "accepting"),
    ]  # fmt: skip
    [scan] = [each for each in await log(settings) if each["number"] == "BBB2"]
    assert (scan["carrier"], scan["status"], scan["facility"], scan["door"]) == (
        "gs1post",
        "accepted",
        "HN-01",
        "api",
    )


async def test_by_default_one_wrong_event_leaves_nothing_and_says_which(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    wrong = event("departing", 2, A)
    del wrong["eventTimeZoneOffset"]
    found = await job(door, key, event("accepting", 1, A), wrong)
    assert found["success"] is False
    [error] = found["errors"]
    assert (error["type"], error["event"]) == ("epcisException:ValidationException", 1)
    assert "eventTimeZoneOffset" in error["detail"]
    assert await told(settings, pool) == []
    assert await pool.fetchval("select count(*) from epcis_events") == 0
    assert await pool.fetchval("select count(*) from quarantine") == 1, "what is wrong is kept all the same"


async def test_who_asks_to_proceed_has_the_right_ones_captured(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    proceed = {"GS1-Capture-Error-Behaviour": "proceed"}
    found = await job(door, key, event("accepting", 1, A), {"type": "nonsense"}, **proceed)
    assert (found["success"], [each["event"] for each in found["errors"]]) == (False, [1])
    assert await told(settings, pool) == [("AAA1", "accepting")]


async def test_a_bags_event_is_of_its_parcels_whenever_the_packing_comes(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    await job(door, key, packing("ADD", 10, BAG, A))
    await job(door, key, event("departing", 20, BAG), event("arriving", 30, BAG))
    assert await told(settings, pool) == [("AAA1", "arriving"), ("AAA1", "departing"), ("AAA1", "packing")]
    await job(door, key, packing("ADD", 11, BAG, B), packing("DELETE", 25, BAG, A))
    assert await told(settings, pool) == [
        ("AAA1", "departing"), ("AAA1", "packing"), ("AAA1", "unpacking"),
        ("BBB2", "arriving"), ("BBB2", "departing"), ("BBB2", "packing"),
    ]  # fmt: skip


async def test_a_bag_in_a_truck_moves_with_it_and_an_opened_bag_names_all_that_was_in_it(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    await job(
        door, key, event("departing", 20, TRUCK), packing("ADD", 5, BAG, A, B), packing("ADD", 10, TRUCK, BAG),
        packing("DELETE", 30, BAG),
    )  # fmt: skip
    assert await told(settings, pool) == [
        (number, code)
        for number in ("AAA1", "BBB2")
        for code in ("departing", "packing", "packing", "unpacking")
    ]


async def test_an_sscc_is_a_parcel_until_something_is_packed_into_it(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    await job(door, key, event("departing", 20, BAG))
    assert await told(settings, pool) == [("189312340000000018", "departing")]
    await job(door, key, packing("ADD", 10, BAG, A))
    assert await told(settings, pool) == [("AAA1", "departing"), ("AAA1", "packing")]


async def test_two_bags_that_leave_at_the_same_moment_without_ids_are_two_events(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    other = "urn:epc:id:sscc:8931234.1000000002"
    await job(door, key, packing("ADD", 10, BAG, A), packing("ADD", 10, other, B))
    await job(door, key, event("departing", 20, BAG), event("departing", 20, other))
    assert await told(settings, pool) == [
        (number, code) for number in ("AAA1", "BBB2") for code in ("departing", "packing")
    ]


async def test_the_same_again_is_told_once(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    events = packing("ADD", 10, BAG, A), event("departing", 20, BAG), event("accepting", 1, A)
    for _ in range(3):
        await job(door, key, *events)
    assert len(await told(settings, pool)) == 3
    assert len({each["event_id"] for each in await log(settings)}) == 3


async def test_an_error_declaration_takes_back_a_scan_a_bags_scans_and_a_packing_even_if_it_comes_first(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    taken, left, packed = (
        event("accepting", 1, A),
        event("departing", 20, BAG),
        packing("ADD", 10, BAG, A, B),
    )
    await job(door, key, {**left, "errorDeclaration": DECLARED})
    await job(door, key, taken, left, packed, event("arriving", 30, BAG))
    assert await told(settings, pool) == [
        ("AAA1", "accepting"), ("AAA1", "arriving"), ("AAA1", "packing"), ("BBB2", "arriving"), ("BBB2", "packing"),
    ]  # fmt: skip
    await job(door, key, {**taken, "errorDeclaration": DECLARED}, {**packed, "errorDeclaration": DECLARED})
    assert await told(settings, pool) == [("189312340000000018", "arriving")]
    await job(door, key, packing("ADD", 12, BAG, B))
    assert await told(settings, pool) == [("BBB2", "arriving"), ("BBB2", "packing")]


async def test_what_holds_again_after_it_was_taken_back_is_told_again(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    opened = packing("DELETE", 15, BAG, A)
    await job(door, key, packing("ADD", 10, BAG, A), event("departing", 20, BAG))
    await job(door, key, opened)
    assert ("AAA1", "departing") not in await told(settings, pool)
    await job(door, key, {**opened, "errorDeclaration": DECLARED})
    assert await told(settings, pool) == [("AAA1", "departing"), ("AAA1", "packing")]


async def test_an_unknown_step_waits_and_is_read_again_once_it_is_mapped(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    found = await job(door, key, event("urn:post:bizstep:sorted", 1, A))
    assert found["success"] is True, "the event is right; its code is ours to map"
    [kept] = await quarantined(settings, pool)
    assert kept.code == "urn:post:bizstep:sorted"
    mapped = await buuta(
        settings, "quarantine", "map", "epcis", "urn:post:bizstep:sorted", "--status", "in_transit"
    )
    assert mapped.code == 0, mapped.said
    assert await told(settings, pool) == [("AAA1", "urn:post:bizstep:sorted")]


async def test_what_others_fields_hold_goes_nowhere(
    door: Door, key: str, settings: SharedSettings, pool: Any
) -> None:
    said = {"shop:recipient": "Canary Nguyen 0900000001", "bizStep": "urn:post:bizstep:odd"}
    await job(
        door,
        key,
        event("x:y", 1, A, **said),
        event("departing", 2, BAG, **{**said, "bizStep": "departing"}),
    )
    wrong = {**event("departing", 3, A), "shop:recipient": "Canary Nguyen 0900000001", "action": "MOVE"}
    found = await job(door, key, wrong)
    everywhere = repr([found, await log(settings), *(await pool.fetch("select * from epcis_events"))])
    assert "Canary" not in everywhere
    listed = await buuta(settings, "quarantine", "list")
    assert "Canary" not in listed.said


async def test_a_sandbox_key_hears_the_same_and_moves_nothing(
    door: Door, settings: SharedSettings, pool: Any, key: str
) -> None:
    made = await buuta(settings, "carrier", "key", "add", "gs1post", "--sandbox")
    trial = made.said.split("bk_", 1)[1].split()[0]
    found = await job(door, f"bk_{trial}", event("accepting", 1, A), packing("ADD", 2, BAG, A))
    assert found["success"] is True
    assert await told(settings, pool) == []
    assert await pool.fetchval("select count(*) from epcis_events") == 0


async def test_others_cannot_see_a_job_and_other_formats_have_no_such_door(
    door: Door, pool: Any, key: str
) -> None:
    other, _ = await add_carrier(pool, Carrier("gs2post", "Another", "epcis"))
    answer = await send(door, key, event("accepting", 1, A))
    for secret, status in ((key, 200), (other, 404), (door.secrets["vnp"][0], 403)):
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await door.client.get(answer.headers["location"], headers=headers)).status_code == status
    listed = await door.client.get("/epcis/capture", headers={"Authorization": f"Bearer {key}"})
    assert [each["captureID"] for each in listed.json()] == [answer.headers["location"].rpartition("/")[2]]
    assert listed.headers["gs1-epcis-capture-limit"] == "500"
    assert (await send(door, door.secrets["vnp"][0], event("accepting", 1, A))).status_code == 403


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"<epcis/>", "application/xml", 415, "media_type_unknown"),
        (b"{", "application/json", 400, "body_not_json"),
        (b"[]", "application/json", 400, "document_invalid"),
        (b'{"type": "EPCISDocument"}', "application/ld+json", 400, "document_invalid"),
    ],
)
async def test_what_is_no_document_is_refused(
    door: Door, key: str, body: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    answer = await door.client.post("/epcis/capture", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_too_many_events_are_refused_and_the_limit_is_said(door: Door, key: str) -> None:
    answer = await send(door, key, *[event("accepting", 1, A)] * 501)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_events")


async def test_a_file_of_events_is_captured_what_is_wrong_is_reported_and_the_same_again_does_nothing(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    await add_carrier(pool, Carrier("gs1post", "A post that speaks EPCIS", "epcis"))
    path = folder / "events.jsonld"
    events = [packing("ADD", 10, BAG, A, B), {"type": "nonsense"}, event("departing", 20, BAG)]
    path.write_text(json.dumps(document_of(events)))
    ran = await buuta(settings, "ingest", "file", str(path), "--carrier", "gs1post")
    assert ran.code == 1, ran.said
    assert "accepted  4" in ran.said
    assert "rejected  1" in ran.said
    [header, refused] = (folder / "events.jsonld.rejected.csv").read_text(encoding="utf-8-sig").splitlines()
    assert header == "rejected_line,rejected_code,rejected_message,event"
    assert refused.startswith("2,event_invalid,")
    assert len(await told(settings, pool)) == 4
    assert (
        "already read" in (await buuta(settings, "ingest", "file", str(path), "--carrier", "gs1post")).said
    )


async def test_a_check_takes_a_document_apart(settings: SharedSettings, folder: Path) -> None:
    path = folder / "events.json"
    path.write_text(
        json.dumps(document_of([event("accepting", 1, A, B), event("urn:post:bizstep:odd", 2, A)]))
    )
    ran = await buuta(settings, "carrier", "check", "--format", "epcis", "--file", str(path))
    assert ran.code == 1, ran.said
    assert "AAA1" in ran.said
    assert "BBB2" in ran.said
    assert "urn:post:bizstep:odd" in ran.said


async def test_of_a_document_of_wrong_events_alone_the_first_errors_are_kept_and_the_rest_counted(
    door: Door, key: str, pool: Any
) -> None:
    """Jobs are listed a hundred at once, so that what each holds has an end; all that was refused is set aside."""
    found = await job(door, key, *[0] * 500)
    assert len(found["errors"]) == MOST_ERRORS + 1
    last = found["errors"][-1]
    assert (last["code"], last["event"]) == ("more_errors", MOST_ERRORS)
    assert f"{500 - MOST_ERRORS} more" in last["detail"]
    assert (found["success"], await pool.fetchval("select count(*) from quarantine")) == (False, 500)
