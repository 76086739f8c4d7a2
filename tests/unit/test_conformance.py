"""`buuta carrier check`: an integrator's samples, judged as the doors would."""

import json
from pathlib import Path
from typing import Any

import pytest

from buuta.audit.carrier_page import page
from buuta.audit.conformance import Conformance, as_json, check, read_samples
from services.ingest.carriers import RECIPES
from services.ingest.domain.recipe import Receipt, Recipe
from tests.golden import PAIRS, named
from tests.unit.test_carriers import FORM, GHN

ROOT = Path(__file__).parents[2]
NOW = 1_636_700_000_000
"""A day after GHN's own sample."""


def judged(folder: Path, format_name: str, content: Any, name: str = "samples.json") -> Conformance:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    recipe = RECIPES[format_name]
    return check(recipe, Receipt(format_name, "webhook", NOW), read_samples(recipe, path))


def ghn(status: str, minute: int, **more: Any) -> dict[str, Any]:
    return {
        **GHN,
        "Type": "switch_status",
        "Status": status,
        "Time": f"2021-11-11T04:{minute:02}:00Z",
        **more,
    }


def emsevt(code: str, minute: int) -> dict[str, Any]:
    return {
        "itemId": "EN533720370JP",
        "eventCode": code,
        "eventDateTime": f"2021-11-11T04:{minute:02}:00+07:00",
    }


def test_a_whole_journey_is_well_and_its_parcel_is_shown(tmp_path: Path) -> None:
    journey = [emsevt("EMA", 0), emsevt("EDG", 1), emsevt("EDH", 2), emsevt("EMI", 3)]
    found = judged(tmp_path, "emsevt", [*journey, journey[0]])
    assert (found.exit_code, found.count("accepted"), found.count("duplicate")) == (1, 4, 1)
    assert found.missing == [says for says in found.missing if "do not say how it was handed over" in says]
    [timeline] = found.timelines
    assert (timeline.parcel.status, timeline.parcel.outcome) == ("delivered", "delivered_at_point")
    statuses = ["accepted", "out_for_delivery", "ready_at_point", "delivered"]
    assert [scan.status for scan in timeline.scans] == statuses


def test_a_fee_for_a_station_is_no_evidence_of_collection(tmp_path: Path) -> None:
    journey = [ghn("picked", 0), ghn("delivering", 1), ghn("delivered", 2, Fee={"StationDO": 5000})]
    [timeline] = judged(tmp_path, "ghn", journey).timelines
    assert timeline.parcel.outcome == "delivered_unknown_mode"


def viettel(code: int, minute: int, **more: Any) -> dict[str, Any]:
    return {"DATA": {"ORDER_NUMBER": "1684063821201", "ORDER_STATUS": code,
                     "ORDER_STATUSDATE": f"11/11/2021 11:{minute:02}:00", **more}}  # fmt: skip


BACK = {"IS_RETURNING": True}
FAILED = ("picked", "delivering", "delivery_fail")


@pytest.mark.parametrize(
    ("format_name", "journey", "status"),
    [
        ("ghn", [*FAILED, "waiting_to_return", "delivering", "delivered"], "delivered"),
        ("ghn", [*FAILED, "waiting_to_return", "return", "delivered"], "returned"),
        ("viettelpost", [(200, {}), (500, {}), (505, {}), (550, {}), (500, {}), (501, {})], "delivered"),
        ("viettelpost", [(200, {}), (500, {}), (515, {}), (400, BACK), (500, BACK), (501, BACK)], "returned"),
        ("viettelpost", [(200, {}), (400, {}), (501, BACK)], "returned"),
    ],
)  # fmt: skip
def test_a_vendors_own_word_of_the_way_is_heard(
    tmp_path: Path, format_name: str, journey: list[Any], status: str
) -> None:
    """A return that was only pending ends where the vendor delivers once more; one that it flags is none to the
    recipient."""
    samples = [
        ghn(each, minute) if format_name == "ghn" else viettel(each[0], minute, **each[1])
        for minute, each in enumerate(journey)
    ]
    [timeline] = judged(tmp_path, format_name, samples).timelines
    assert timeline.parcel.status == status


def test_a_part_that_goes_back_is_a_delivery_that_is_flagged_and_its_number_is_linked(
    tmp_path: Path,
) -> None:
    part = {"IsPartialReturn": True, "PartialReturnCode": "Z82BT"}
    journey = [
        ghn("picked", 0),
        ghn("delivering", 1),
        ghn("delivered", 2, **part),
        ghn("returned", 9, **part),
    ]
    [timeline] = judged(tmp_path, "ghn", journey).timelines
    parcel = timeline.parcel
    assert (parcel.status, parcel.partial_return, parcel.linked_number) == ("delivered", True, "Z82BT")


def test_what_is_unmapped_or_missing_for_the_rate_is_said(tmp_path: Path) -> None:
    found = judged(tmp_path, "ghn", [ghn("delivered", 2), ghn("teleported", 3), ghn("teleported", 4)])
    assert (found.exit_code, dict(found.unmapped)) == (1, {"teleported": 2})
    assert any("no sample is an acceptance" in says for says in found.missing)
    assert any("1 of 1 deliveries do not say how" in says for says in found.missing)
    [timeline] = found.timelines
    assert timeline.findings == ["delivered_without_out_for_delivery"]


def test_what_would_be_refused_is_exit_code_2_with_the_reason(tmp_path: Path) -> None:
    found = judged(tmp_path, "ghn", {**GHN, "Time": "yesterday"})
    assert found.exit_code == 2
    [verdict] = found.verdicts
    assert (verdict.result, verdict.code) == ("rejected", "time_invalid")
    assert json.loads(as_json(found))["samples"][0]["code"] == "time_invalid"
    assert judged(tmp_path, "ghn", b"").exit_code == 2, "no sample is no conformance"


def test_samples_come_in_any_form_that_the_doors_take(tmp_path: Path) -> None:
    item = {"number": "Z82BS", "code": "picked", "occurred_at": "2021-11-11T11:00:00"}
    lines = b"\n".join([json.dumps(ghn("picked", 0)).encode(), b"{broken", json.dumps(item).encode()])
    found = judged(tmp_path, "ghn", lines, "samples.ndjson")
    assert [each.result for each in found.verdicts] == ["accepted", "rejected", "duplicate"]
    assert judged(tmp_path, "ghtk", FORM, "samples.txt").count("accepted") == 1
    sheet = b"billCode,scanType,scanTime\n862195772225,Signed,2021-11-11 09:30:00\n"
    assert judged(tmp_path, "jt", sheet, "samples.csv").count("accepted") == 1
    golden = [{**pair.payload, **pair.headers} for own, pair in PAIRS if own.format == "emsevt"]
    assert judged(tmp_path, "emsevt", golden).count("quarantined") == 1


def test_notes_say_what_an_integrator_would_be_asked(tmp_path: Path) -> None:
    ems = {
        "tracking_code": "EJ012345678VN",
        "status_code": 4,
        "datetime": "28/08/2019 07:54:50",
        "ems-transaction": "1",
    }
    notes = " ".join(judged(tmp_path, "ems", ems).notes)
    assert "1 times have no offset" in notes
    assert "more than a year before" in notes
    assert "check digit fails, which is flagged and never refused: EJ012345678VN" in notes


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_the_page_of_a_format_is_made_from_its_recipe(recipe: Recipe) -> None:
    kept = ROOT / "docs" / "carriers" / f"{recipe.format}.md"
    assert kept.read_text(encoding="utf-8") == page(recipe), "run: make docs"
