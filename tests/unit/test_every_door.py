"""Values that cannot be stored, shown or told of come in by no door; what comes in passes `checked`.

Where a report cannot be without them it is refused; otherwise they are left out, and the sender is told.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from buuta.contracts.codec import Codec
from buuta.errors import BadItem
from buuta.model.checked import checked
from buuta.model.scan import Scan
from buuta.web.parameters import tracking_number
from services.ingest.carriers import RECIPES
from services.ingest.domain.facility import Facility, read_facility
from services.ingest.domain.fitting import fitted
from services.ingest.domain.gs1 import facility_of, thing_of
from services.ingest.domain.manifest import Manifest
from services.ingest.domain.recipe import Receipt, Report, to_scan
from services.ingest.doors import file, records
from services.ingest.doors.batch import read_report
from services.portal.domain.registration import NewParcel
from tests.scans import scan

GOOD = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
OFFSETS = ("2026-11-24T09:30:00+23:59", "2026-11-24T09:30:00-14:01")
PERSONS = (
    "0912345678", "BC0912-345-678", "0912--345--678", "091234567X8", "Nguyen.Van.An.90", "NGUYEN-VAN-AN-1990",
    "TRANTHILAN", "so12/ngo5/LangHa", "an90.gmail.com",
)  # fmt: skip
HOSTILE = [
    *(("number", each) for each in ("a/b", "../..", "Z82\x00BS", "Z82\x1fBS", "ﬁ1234", "ı1234", "")),
    *(("number", each) for each in ("A1" * 26, "A1" * 10**6)),
    *(("code", each) for each in ("deliv\x00ered", "\x1b[2J", "x" * 101, "\x7f")),
    *(("occurred_at", each) for each in (*OFFSETS, "1999-12-31T00:00:00Z", "2100-01-01T00:00:00Z", "9999-12-31")),
    ("corrects", "zz"),
    *(("number", each) for each in PERSONS),
]  # fmt: skip
LEFT_OUT = [
    *(("facility", each) for each in ("Lan\x00", "x" * 41, "Nguyễn Thị Lan", "BC 129060", *PERSONS)),
    *((unit, each) for unit in ("province", "commune") for each in ("Hà Nội", "1", "123456")),
    *(("attempt", each) for each in ("0", "100", "2147483647", "-1", "1.5")),
]
MESSAGE = ("offset_minutes", "occurred_at")


def by_file(item: dict[str, Any]) -> Report:
    return file.parse_of(RECIPES["buuta"], list(item))(item)  # type: ignore[return-value]


def by_kafka(item: dict[str, Any]) -> Report:
    names = {"code": "raw_code", "corrects": "corrects_event_id"}
    said = {names.get(name, name): value for name, value in item.items() if name != "occurred_at"}
    said["attempt"] = int(float(said["attempt"])) if "attempt" in said else None
    return records.read(Codec(), Codec().encode("ScanEvent", scan("delivered", 1)._asdict() | said))


DOORS: dict[str, Callable[[dict[str, Any]], Report]] = {
    "batch": read_report,
    "file": by_file,
    "webhook": RECIPES["buuta"].parse,  # type: ignore[dict-item]
    "kafka": by_kafka,
}


def by_manifest(**said: Any) -> Manifest:
    span = {"since": "2026-11-24T00:00:00+07:00", "until": "2026-11-25T00:00:00+07:00"}
    return Manifest.model_validate({"manifest": "M-1", "pieces": 1, **span, **said})


def by_registration(typed: str) -> NewParcel:
    return NewParcel.model_validate(
        {"carrier": "ghn", "number": typed, "recipient": {"phone": "+84912345678"}}
    )


def by_directory(typed: str) -> Facility:
    line = {"code": typed, "name": "Bưu cục", "commune": "00070"}
    return read_facility(line, {"00070": "01"}, lambda old: old)


def by_location(typed: str) -> str:
    found = facility_of(f"urn:buuta:facility:{quote(typed)}")
    if found is None:
        raise BadItem("facility_invalid", "is left out")
    return found


OTHER_ENTRANCES: dict[str, Callable[[str], object]] = {
    "a manifest's id": lambda typed: by_manifest(manifest=typed),
    "a manifest's numbers": lambda typed: by_manifest(numbers=[typed]),
    "a registration": by_registration,
    "the address of a page": tracking_number,
    "the directory of facilities": by_directory,
    "an EPC": lambda typed: thing_of(f"urn:buuta:parcel:{quote(typed)}"),
    "an EPCIS location": by_location,
}


def taken(door: str, item: dict[str, Any]) -> tuple[Scan | None, Report]:
    report = fitted(DOORS[door](item))
    return to_scan(RECIPES["buuta"], report, Receipt("vnp", "api", 9)), report


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("name", "value"), HOSTILE)
def test_a_hostile_value_is_refused_at_every_door_with_the_field_and_what_to_fix(
    door: str, name: str, value: str
) -> None:
    if door == "kafka" and (name == "occurred_at" or value == "1.5"):
        pytest.skip("the record has numbers there")
    item = (
        GOOD
        | {name: value}
        | ({"correction": "did_not_occur"} if name == "corrects" and door != "kafka" else {})
    )
    if name == "corrects" and door == "kafka":
        item["correction_kind"] = "did_not_occur"
    with pytest.raises(BadItem) as refused:
        taken(door, item)
    assert refused.value.field in {name, *MESSAGE, "raw_code", "corrects_event_id"}
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("name", "value"), LEFT_OUT)
def test_a_hostile_value_that_need_not_be_there_is_left_out_and_its_sender_told(
    door: str, name: str, value: str
) -> None:
    if door == "kafka" and value == "1.5":
        pytest.skip("the record has numbers there")
    made, report = taken(door, GOOD | {name: value})
    assert made is not None
    assert getattr(made, name) is None
    [note] = report.notes
    assert (note.field, note.code) == (name, f"{name}_invalid")
    assert note.message.endswith("the report is taken in without it")
    assert value not in note.message or len(value) < 4
    without = taken(door, dict(GOOD))[0]
    assert without is not None
    assert made.event_id == without.event_id


@pytest.mark.parametrize("entrance", OTHER_ENTRANCES)
@pytest.mark.parametrize("typed", PERSONS)
def test_what_reads_as_a_person_comes_in_nowhere_as_a_number_a_facility_or_an_id(
    entrance: str, typed: str
) -> None:
    with pytest.raises((BadItem, ValueError)):
        OTHER_ENTRANCES[entrance](typed)
    assert OTHER_ENTRANCES[entrance]("BC-00070")


@pytest.mark.parametrize("door", DOORS)
def test_what_comes_in_passes(door: str) -> None:
    made, report = taken(door, dict(GOOD))
    assert made is not None
    assert not report.notes
    assert checked(made) is made
