"""What goes to the vault, and the distance that may go on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.details import Details, bucket, metres
from services.ingest.domain.item import read_item
from services.ingest.domain.origins import Found
from services.ingest.domain.paths import read_path
from services.ingest.domain.table import Table

ITEM = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
HANOI = 21.028511, 105.804817
POSITIONS = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@pytest.mark.parametrize(
    ("other", "step"),
    [
        (HANOI, "within_50_m"), ((21.02895, 105.804817), "within_50_m"), ((21.03, 105.804817), "within_200_m"),
        ((21.0355, 105.804817), "within_1_km"), ((21.04, 105.804817), "beyond_1_km"),
        ((10.776889, 106.700806), "beyond_1_km"),
    ],
)  # fmt: skip
def test_a_distance_goes_on_in_steps(other: tuple[float, float], step: str) -> None:
    assert bucket(HANOI, other) == step


def test_hanoi_lies_some_1140_kilometres_from_saigon() -> None:
    assert 1_130_000 < metres(HANOI, (10.776889, 106.700806)) < 1_150_000


@given(POSITIONS, POSITIONS)
def test_a_distance_is_the_same_both_ways_and_never_beyond_half_the_earth(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    assert metres(one, other) == pytest.approx(metres(other, one), abs=0.01)
    assert 0 <= metres(one, other) < 20_040_000


def test_an_item_says_more_than_its_movement() -> None:
    said = {
        "digital_address": "0123456789", "latitude": 21.0, "longitude": 105.8, "plus_code": "7PH8+2Q",
        "note": "gate", "proof_links": ["https://pod.example/1.jpg"],
    }  # fmt: skip
    assert read_item({**ITEM, **said}).details == Details(
        "0123456789", 21.0, 105.8, "7PH8+2Q", "gate", ("https://pod.example/1.jpg",)
    )
    assert read_item(ITEM).details is None
    assert read_item({**ITEM, "proof_links": "https://a.example/1 https://a.example/2"}).details == Details(
        proof_links=("https://a.example/1", "https://a.example/2")
    )


@pytest.mark.parametrize("odd", ["123", "VN-0123456789", "ABCDEFGHIJ"])
def test_a_digital_address_of_another_form_is_flagged_and_never_refused(odd: str) -> None:
    details = read_item({**ITEM, "digital_address": odd}).details
    assert details is not None
    assert details.address_is_odd


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"latitude": 21.0}, "latitude"), ({"latitude": 91, "longitude": 1}, "latitude"),
        ({"latitude": float("nan"), "longitude": 1}, "latitude"), ({"note": "\x00"}, "note"),
        ({"proof_links": ["ftp://x"]}, "proof_links"), ({"plus_code": "?"}, "plus_code"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_left_out_and_said_without_repeating_it(
    change: dict[str, Any], field: str
) -> None:
    read = read_item({**ITEM, **change})
    assert read.details is None or read.details.position is None
    assert read.notes[0].field.split(".")[0] == field
    assert not any("ftp" in note.message for note in read.notes)


TABLE = Table(
    {name: Found(read_path(path)) for name, path in {
        "number": "so", "code": "ma", "time": "luc", "latitude": "vi_tri.vd", "longitude": "vi_tri.kd",
        "note": "ghi_chu", "proof": "anh", "digital_address": "dia_chi_so"}.items()},
)  # fmt: skip
REPORT = {"so": "Z82BS", "ma": "x", "luc": "2026-11-24T09:30:00Z"}


def test_a_carriers_table_may_say_where_they_stand() -> None:
    said = {"vi_tri": {"vd": "21.03", "kd": 105.8}, "ghi_chu": "cổng sau", "anh": "https://pod.example/1"}
    report = TABLE.parse({**REPORT, **said, "dia_chi_so": 123456789})
    assert report is not None
    assert report.details == Details(
        "123456789", 21.03, 105.8, None, "cổng sau", ("https://pod.example/1",)
    )
    plain = TABLE.parse(REPORT)
    assert plain is not None
    assert plain.details is None


@pytest.mark.parametrize("odd", ["north", 91, "nan", [], {"a": 1}, "1e999"])
def test_degrees_that_are_none_are_left_out_with_a_note(odd: Any) -> None:
    read = TABLE.parse({**REPORT, "vi_tri": {"vd": odd, "kd": 1}})
    assert read is not None
    assert read.details is None, "half a position is none"
    [note] = read.notes
    assert (note.field, note.code) == ("latitude", "latitude_invalid")
    assert "degrees" in note.message
