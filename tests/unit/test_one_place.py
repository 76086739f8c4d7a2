"""An event is number, code, time and place; a place in another spelling is the same; stored ids stay."""

import unicodedata

import pytest

from services.ingest.carriers import RECIPES
from services.ingest.domain.copy import differences, said
from services.ingest.domain.item import read_item
from services.ingest.domain.recipe import Receipt, taken_back, to_scan
from services.tracker.domain.copies import differing
from tests.scans import MORNING, scan

PLACE = "Bưu cục 229 Quan Nhân, Hà Nội"
SPELLINGS = (PLACE.upper(), unicodedata.normalize("NFD", PLACE), f" {PLACE.replace(' ', '  ')}\t")
RECEIPT = Receipt("vnp", "api", MORNING)


def event(place: str, receipt: Receipt = RECEIPT, number: str = "EJ012345678VN") -> str:
    item = {
        "number": number,
        "code": "in_transit",
        "occurred_at": "2026-11-24T09:30:00+07:00",
        "place": place,
    }
    made = to_scan(RECIPES["buuta"], read_item(item), receipt)
    assert made is not None
    return made.event_id


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_place_in_another_spelling_is_the_same_event_by_every_door(spelling: str) -> None:
    assert event(spelling) == event(PLACE)
    assert event("Bưu cục 230 Quan Nhân, Hà Nội") != event(PLACE)


@pytest.mark.parametrize("number", ["EJ-012345678-VN", "ej 012 345 678 vn", "ＥＪ012345678ＶＮ"])
def test_a_number_written_apart_is_the_same_event(number: str) -> None:
    assert event(PLACE, number=number) == event(PLACE)


def test_what_happened_before_places_had_one_spelling_keeps_its_id() -> None:
    """Ids of scans that are stored: a repetition after the upgrade is still a repetition."""
    before = Receipt("vnp", "api", MORNING, one_place_from=MORNING + 10**9)
    assert event(PLACE, before) == "755d6acb13c993127578714c8da5907c"
    assert event(PLACE.upper(), before) != event(PLACE, before)
    report = read_item({"number": "EJ012345678VN", "code": "in_transit", "place": PLACE,
                        "occurred_at": "2026-11-24T09:30:00+07:00"})  # fmt: skip
    assert taken_back(RECIPES["buuta"], report, before).corrects == event(PLACE, before)


def test_a_code_of_a_place_in_another_case_is_no_other_word_of_a_copy() -> None:
    one, other = scan("in_transit", facility="bc-00070"), scan("in_transit", facility="BC-00070")
    assert differing([one, other]) == set()
    assert differences(said(one), said(other)) == []
    another = scan("in_transit", facility="BC-00071")
    assert differing([one, another]) == {one.event_id}
    assert differences(said(one), said(another)) == ["facility"]
