"""A time that cannot be believed is told its sender, with what becomes of the scan; it is never a silent loss."""

import json
from pathlib import Path
from typing import Any

import pytest

from buuta.audit.conformance import as_json, check, read_samples
from buuta.model.steering import FUTURE_MS, OLDEST_MS
from buuta.model.times import DAY_MS, iso_text
from buuta.model.zones import Zones
from services.ingest.carriers import RECIPES
from services.ingest.domain.doubts import SUMS, WARNED, doubt, in_sum
from services.ingest.domain.recipe import Receipt
from tests.scans import HOUR, MORNING, scan


@pytest.mark.parametrize(
    ("ahead_ms", "code", "steers"),
    [
        (0, None, True), (FUTURE_MS, None, True), (FUTURE_MS + 1, "time_ahead", True), (-OLDEST_MS, None, True),
        (-OLDEST_MS - 1, "time_too_old", False), (3 * DAY_MS, "time_ahead", True),
    ],
)  # fmt: skip
def test_what_is_ahead_counts_from_its_receipt_and_what_is_older_than_a_year_does_not_steer(
    ahead_ms: int, code: str | None, *, steers: bool
) -> None:
    found = doubt(scan("delivered", received_at=MORNING - ahead_ms))
    assert (found and found.code, found is None or found.steers) == (code, steers)


def test_a_day_is_not_ahead_before_it_is_over() -> None:
    """Its last millisecond is its time, and the carrier may tell of it in the morning."""
    end = scan("delivered", 15.99, day_only=True)
    assert doubt(end._replace(received_at=MORNING)) is None
    told = doubt(end._replace(received_at=MORNING - 24 * HOUR))
    assert told is not None
    assert told.code == "time_ahead"


def test_what_did_not_occur_has_no_time() -> None:
    taken_back = scan("delivered", correction_kind="did_not_occur", corrects_event_id="ab" * 16)
    assert doubt(taken_back._replace(received_at=MORNING + 2 * OLDEST_MS)) is None


@pytest.mark.parametrize(
    ("ahead_ms", "says"),
    [
        (7 * HOUR - 60_000, "6 hours after its receipt"), (7 * HOUR - 60_000, "write +07:00"), (HOUR, "60 minutes"),
        (3 * HOUR, "3 hours"), (5 * DAY_MS, "5 days"),
    ],
)  # fmt: skip
def test_the_warning_says_by_how_much_and_what_is_likely_wrong(ahead_ms: int, says: str) -> None:
    """Seven hours ahead is Vietnam's clock with a Z behind it."""
    found = doubt(scan("delivered", received_at=MORNING - ahead_ms))
    assert found is not None
    assert says in found.message
    assert ("+07:00" in found.message) == (abs(ahead_ms - 7 * HOUR) < HOUR / 2)


def test_of_many_it_is_said_how_many() -> None:
    assert set(SUMS) == WARNED
    assert in_sum({"time_ahead": 3, "time_too_old": 0}) == [SUMS["time_ahead"].format(3)]
    assert in_sum({}) == []


def checked(folder: Path, *items: dict[str, Any], zone: str | None = None) -> Any:
    path = folder / "samples.json"
    path.write_text(json.dumps(items))
    receipt = Receipt("vnp", "webhook", MORNING, zones=Zones(zone))
    return json.loads(as_json(check(RECIPES["buuta"], receipt, read_samples(RECIPES["buuta"], path))))


def item(occurred_at: str) -> dict[str, Any]:
    return {"number": "EJ012345678VN", "code": "accepted", "occurred_at": occurred_at}


def test_the_conformance_kit_warns_as_the_doors_do(folder: Path) -> None:
    told = checked(
        folder,
        item(iso_text(MORNING)),
        item(iso_text(MORNING + DAY_MS)),
        item(iso_text(MORNING - OLDEST_MS - 1)),
    )
    assert [(each["result"], each["code"], each["steers"]) for each in told["samples"]] == [
        ("accepted", "", True), ("accepted", "time_ahead", True), ("accepted", "time_too_old", False),
    ]  # fmt: skip
    assert SUMS["time_ahead"].format(1) in told["notes"]
    assert SUMS["time_too_old"].format(1) in told["notes"]


def test_the_conformance_kit_reads_in_the_carriers_zone(folder: Path) -> None:
    told = checked(folder, item("2026-11-24T09:30"), item("2026-11-24"), zone="Asia/Tokyo")
    assert [each["scan"]["zone"] for each in told["samples"]] == ["Asia/Tokyo"] * 2
    assert iso_text(told["samples"][0]["scan"]["occurred_at"]) == "2026-11-24T00:30:00.000+00:00"
    assert any("no clock" in note for note in told["notes"])
