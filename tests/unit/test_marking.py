"""What is kept of EPCIS events: numbers and known words as they are, everything else as a mark."""

import hashlib
from typing import Any

import pytest

from services.ingest.carriers import RECIPES
from services.ingest.carriers.epcis.parser import code_of, parse
from services.ingest.domain.gs1 import thing_of
from services.ingest.domain.marking import MARK, Marking
from services.ingest.domain.single import Whole, of_one, read_whole

SSCC = "urn:epc:id:sscc:8931234.1000000001"
MAPPED = "https://own.example/step/1"
CODES = {*RECIPES["epcis"].codes, MAPPED}
MARKS = Marking(
    lambda text: hashlib.sha256(text.encode()).hexdigest(),
    lambda event: code_of(event) in CODES,
    RECIPES["epcis"].reasons.keys(),
)


def kept(**more: Any) -> Whole:
    plain = {"type": "ObjectEvent", "eventTime": "2026-11-24T02:00:00Z", "eventTimeZoneOffset": "+07:00",
             "action": "OBSERVE", "bizStep": "shipping", "epcList": [SSCC]}  # fmt: skip
    return MARKS.marked(read_whole(0, plain | more, {}))


@pytest.mark.parametrize(
    "field",
    [
        {"epcList": ["urn:own:bag:Lan0912345678"]}, {"eventID": "urn:own:event:Lan0912345678"},
        {"bizStep": "urn:own:step:Lan0912345678"}, {"disposition": "urn:own:disp:Lan0912345678"},
        {"readPoint": {"id": "urn:own:place:Lan0912345678"}},
        {"bizLocation": {"id": "https://Lan0912345678.vn/414/8931234000013"}},
        {"urn:buuta:ext:reason": "Lan0912345678"},
        {"type": "AggregationEvent", "action": "ADD", "parentID": "urn:own:bag:Lan0912345678", "childEPCs": [SSCC]},
    ],
    ids=lambda field: next(iter(field)),
)  # fmt: skip
def test_what_somebody_named_is_not_kept_and_found_again(field: dict[str, Any]) -> None:
    whole = kept(**field)
    said = repr([whole.id, whole.names, list(whole.packings), whole.payload])
    assert "0912345678" not in said
    assert said == repr([(again := kept(**field)).id, again.names, list(again.packings), again.payload])


def test_numbers_and_known_words_stay_so_that_the_same_is_told() -> None:
    place = {"id": "urn:buuta:facility:HN-01"}
    own = {"eventID": "urn:uuid:11111111-2222-3333-4444-555555555555", "readPoint": place,
           "disposition": "in_transit", "urn:buuta:ext:reason": "refused"}  # fmt: skip
    whole = kept(**own)
    assert whole.names == [thing_of(SSCC).name]
    assert {name: whole.payload[name] for name in own} == own
    assert MARK not in repr(whole.payload)
    report = parse(of_one(whole.payload, SSCC))
    assert report is not None
    assert (report.raw_code, report.facility, report.raw_reason) == (
        "shipping/in_transit",
        "HN-01",
        "refused",
    )


def test_two_bags_have_two_marks() -> None:
    assert kept(epcList=["urn:own:bag:1"]).names != kept(epcList=["urn:own:bag:2"]).names


def test_a_step_of_ones_own_stays_once_its_code_is_mapped() -> None:
    assert kept(bizStep=MAPPED).payload["bizStep"] == MAPPED
