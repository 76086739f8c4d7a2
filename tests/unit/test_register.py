"""The register's entries, manifests, and a carrier's habit of reporting."""

from typing import Any, Final

import pytest
from pydantic import BaseModel, ValidationError

from buuta.errors import BadItem
from services.ingest.domain.entry import Entry, Standing, read_entry
from services.ingest.domain.facility import Facility
from services.ingest.domain.habit import Habit, is_silent
from services.ingest.domain.item import ScanItem
from services.ingest.domain.manifest import Manifest
from services.ingest.doors.office import Again, Chosen, Dropped, Meaning
from services.ingest.doors.shippers import Sender
from services.portal.domain.registration import NewParcel, ParcelChange, Recipient

FORMATS: Final = ("buuta", "ghn")
LINE: Final = {
    "code": "vnpost", "name": "VNPost", "legal_name": "Tổng công ty Bưu điện Việt Nam", "licence": "",
    "contact_role": "duty officer", "time_zone": "", "service_levels": "public, express", "is_post": "yes",
}  # fmt: skip
SPAN: Final = {"since": "2026-11-25T00:00:00+07:00", "until": "2026-11-26T00:00:00+07:00"}
DAY: Final = 86_400.0


def test_an_entry_says_who_a_carrier_is() -> None:
    assert read_entry(LINE, FORMATS) == Entry(
        code="vnpost", name="VNPost", legal_name="Tổng công ty Bưu điện Việt Nam", contact_role="duty officer",
        service_levels=["public", "express"], is_post=True, status=Standing.ACTIVE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"code": "VN Post"}, "code"), ({"code": "s10"}, "posts share"), ({"name": ""}, "name"),
        ({"format": "fax"}, "there are buuta, ghn"), ({"time_zone": "Hanoi"}, "no time zone"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"service_levels": "fast"}, "service_levels"), ({"status": "asleep"}, "status"),
        ({"is_post": "perhaps"}, "is_post"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_entry_is_said(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadItem, match=says):
        read_entry({**LINE, **change}, FORMATS)


@pytest.mark.parametrize(
    ("habit", "silence", "silent"),
    [
        (Habit(28, 0), 1800, False), (Habit(28, 0), 3700, True), (Habit(28, 2 * DAY), 2.9 * DAY, False),
        (Habit(28, 2 * DAY), 3.1 * DAY, True), (Habit(6, 0), 30 * DAY, False),
    ],
)  # fmt: skip
def test_silence_is_measured_by_the_carriers_own_habit(
    habit: Habit, silence: float, *, silent: bool
) -> None:
    """Who never reports at weekends is not missed on a Sunday; who has no habit yet is not missed at all."""
    assert is_silent(habit, silence) == silent


def test_a_manifest_counts_pieces_or_names_them() -> None:
    assert Manifest(manifest="M1", pieces=500, **SPAN).count == 500
    named = Manifest(manifest="M1", numbers=["ej 012345678 vn", "EJ012345678VN", "Z82BS"], **SPAN)
    assert (named.count, named.numbers) == (2, ["EJ012345678VN", "Z82BS"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "how many pieces"), ({"pieces": 3, "numbers": ["Z82BS"]}, "not as many"),
        ({"pieces": 1, "until": "2026-11-25T00:00:00+07:00"}, "until lies after"),
        ({"pieces": 1, "until": "2026-12-25T00:00:00+07:00"}, "seven days"), ({"pieces": 0}, "pieces"),
        ({"numbers": ["?"]}, "3 to 50"), ({"pieces": 1, "since": "2026-11-25T00:00:00"}, "since"),
        ({"pieces": 1, "since": 0, "until": 1}, "ISO 8601 text"),
        ({"pieces": 1, "since": "1700000000", "until": "1700000001"}, "ISO 8601 text"),
        ({"pieces": 1, "since": "0001-01-01T00:00:00+14:00", "until": "0001-01-05T00:00:00+14:00"}, "2000"),
        ({"pieces": 1, "since": "9999-12-30T00:00:00-14:00", "until": "9999-12-31T23:59:59-14:00"}, "2000"),
        ({"pieces": 1, "code": "Nguyễn Văn An"}, "code table"),
        ({"pieces": 1, "code": "x 0987654321"}, "code table"),
        ({"pieces": 1, "manifest": "Nguyen.Van.An-0912345678"}, "no telephone number"),
        ({"pieces": 1, "manifest": "Nguyen.Van.An"}, "no telephone number"),
        ({"pieces": 1, "code": "\x00"}, "code"), ({"pieces": 1, "manifest": "a b"}, "manifest"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_manifest_is_said(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Manifest(**{"manifest": "M1", **SPAN, **change})


@pytest.mark.parametrize("named", ["0912345678", "NguyenVanAn", "lan@post.vn", "M-0912.345.678"])
def test_the_id_of_a_manifest_is_no_name_and_no_telephone(named: str) -> None:
    times = {"since": "2026-11-24T00:00:00+07:00", "until": "2026-11-25T00:00:00+07:00", "pieces": 1}
    assert Manifest.model_validate({"manifest": "2026/M-1", **times}).manifest == "2026/M-1"
    with pytest.raises(ValidationError):
        Manifest.model_validate({"manifest": named, **times})


@pytest.mark.parametrize("name", ["M", "2026/M-1", "2026-11-25-01", "202611250001", "M-2026-11-25-01"])
def test_the_id_of_a_manifest_is_the_carriers_own(name: str) -> None:
    assert Manifest(manifest=name, pieces=1, **SPAN).manifest == name


MODELS: Final = (
    Manifest, Entry, Facility, Sender, Meaning, Chosen, Again, Dropped, NewParcel, ParcelChange, Recipient,
)  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_an_object_of_very_many_fields_is_refused_once_and_not_field_by_field(
    model: type[BaseModel],
) -> None:
    with pytest.raises(ValidationError, match="has more than 200 fields") as told:
        model.model_validate({f"x{n}": 0 for n in range(20_000)})
    assert told.value.error_count() == 1


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Manifest, {"manifest": "M1", **SPAN, "numbers": ["-"] * 20_000}),
        (Entry, {"code": "vnp", "name": "V", "service_levels": "x " * 20_000}),
        (ScanItem, {"number": "Z82BS", "code": "x", "occurred_at": "x", "proof_links": "a " * 20_000}),
    ],
)
def test_a_list_that_is_wrong_is_refused_at_its_first_wrong_entry(
    model: type[BaseModel], given: Any
) -> None:
    with pytest.raises(ValidationError) as told:
        model.model_validate(given)
    assert told.value.error_count() == 1
