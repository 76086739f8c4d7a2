"""EPCIS 2.0: what an event must be by the schema, how it is mapped, and which parcels a bag's event is of."""

import random
from collections.abc import Iterable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from buuta.errors import BadItem
from buuta.model.shapes import gs1_check_digit
from buuta.model.statuses import OffsetSource
from services.ingest.carriers import RECIPES
from services.ingest.domain.contexts import GS1, PREFIXES, read_context
from services.ingest.domain.document import read_document
from services.ingest.domain.effects import Change, Happened, Told, changes
from services.ingest.domain.epcis import read_event
from services.ingest.domain.gs1 import facility_of, thing_of
from services.ingest.domain.packing import ALL, Packing, Packings
from services.ingest.domain.recipe import Receipt, to_scan

EVENT: Final = {
    "type": "ObjectEvent",
    "eventTime": "2026-11-24T02:30:00.5Z",
    "eventTimeZoneOffset": "+07:00",
    "action": "OBSERVE",
    "bizStep": "departing",
    "disposition": "in_transit",
    "epcList": ["urn:epc:id:sscc:8931234.1000000001"],
}
DOCUMENT: Final = {
    "@context": [GS1, {"shop": "https://shop.example/epcis/", "vn": "urn:buuta:"}],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-11-24T02:31:00Z",
    "epcisBody": {"eventList": [EVENT]},
}
AGGREGATION: Final = {
    **{name: value for name, value in EVENT.items() if name != "epcList"},
    "type": "AggregationEvent",
    "action": "ADD",
    "parentID": "urn:epc:id:sscc:8931234.1000000001",
    "childEPCs": ["urn:buuta:parcel:A-1"],
}


def test_the_check_digit_of_an_sscc() -> None:
    assert gs1_check_digit("89312345000000001") == 8


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("urn:epc:id:sscc:9312345.8000000001", "893123450000000018"),
        ("https://id.gs1.org/00/893123450000000018", "893123450000000018"),
        ("https://bag.example/some/00/893123450000000018?x=1", "893123450000000018"),
        ("urn:buuta:parcel:ej%20012345678%20vn", "EJ012345678VN"),
    ],
)
def test_a_parcel_is_an_sscc_or_a_number_of_the_carriers_own(uri: str, number: str) -> None:
    assert thing_of(uri)[:2] == (number, True)


def test_a_roll_cage_is_no_parcel_but_may_hold_some() -> None:
    assert thing_of("urn:epc:id:grai:8931234.00001.7")[1:] == (False, True)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("https://id.gs1.org/00/893123450000000019", "check digit is not 8"),
        ("urn:epc:id:sscc:9312345.80000000", "17 digits"),
        ("urn:epc:id:sscc:9312345", "COMPANY.SERIAL"),
        ("urn:buuta:parcel:x", "3 to 50"),
    ],
)
def test_what_cannot_be_a_parcel_says_what_is_wrong(uri: str, says: str) -> None:
    with pytest.raises(BadItem, match=says):
        thing_of(uri)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("urn:epc:id:sgln:8931234.00001.0", "8931234000011"),
        ("urn:epc:id:sgln:8931234.00001.D1", "8931234000011/D1"),
        ("https://id.gs1.org/414/8931234000011/254/D1", "8931234000011/D1"),
        ("urn:buuta:facility:HN-01", "HN-01"),
        ("https://shop.example/our/place", None),
    ],
)
def test_a_location_names_a_facility(uri: str, code: str | None) -> None:
    assert facility_of(uri) == code


def test_a_document_of_the_standard_is_read() -> None:
    document = read_document(DOCUMENT)
    assert document.events == [EVENT]
    assert document.prefixes["shop"] == "https://shop.example/epcis/"


def test_what_another_system_answered_a_query_is_read_as_well() -> None:
    query = {
        "@context": GS1,
        "type": "EPCISQueryDocument",
        "epcisBody": {"queryResults": {"queryName": "q", "resultsBody": {"eventList": [EVENT]}}},
    }
    assert read_document(query).events == [EVENT]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"@context": None}, "context must name https"),
        ({"@context": []}, "context must name https"),
        ({"type": "Document"}, "type"),
        ({"schemaVersion": "1.2"}, "schemaVersion"),
        ({"schemaVersion": 2.0}, "schemaVersion"),
        ({"creationDate": "yesterday"}, "creationDate"),
        ({"epcisBody": {}}, "epcisBody.eventList"),
    ],
)
def test_a_document_that_is_none_says_what_to_fix(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadItem, match=says):
        read_document({**DOCUMENT, **change})


@pytest.mark.parametrize(
    ("event", "change", "says"),
    [
        (EVENT, {"eventTimeZoneOffset": None}, "eventTimeZoneOffset"),
        (EVENT, {"eventTimeZoneOffset": "+15:00"}, "eventTimeZoneOffset"),
        (EVENT, {"eventTime": "2026-11-24T09:30:00"}, "eventTime"),
        (EVENT, {"eventTime": "24/11/2026 09:30"}, "eventTime"),
        (EVENT, {"action": "ARRIVE"}, "action"),
        (EVENT, {"action": ...}, "action is missing"),
        (EVENT, {"epcList": ...}, "epcList is missing"),
        (EVENT, {"epcList": ["no uri"]}, "epcList.0"),
        (EVENT, {"bizStep": "driving"}, "no value of the CBV"),
        (EVENT, {"disposition": "delivered"}, "no value of the CBV"),
        (EVENT, {"ilmd": {"shop:x": 1}}, "only for the action ADD"),
        (EVENT, {"colour": "red"}, "no such field of EPCIS"),
        (EVENT, {"readPoint": "urn:epc:id:sgln:8931234.00001.0"}, "readPoint"),
        (EVENT, {"errorDeclaration": {"reason": "did_not_occur"}}, "declarationTime"),
        (
            EVENT,
            {"errorDeclaration": {"declarationTime": "2026-11-24T02:30:00Z", "reason": "oops"}},
            "errorDeclaration.reason",
        ),
        (EVENT, {"epcList": ["urn:buuta:parcel:A-1"] * 2}, "the same twice"),
        (EVENT, {"quantityList": [{"quantity": 5}]}, "epcClass"),
        (EVENT, {"quantityList": [{"epcClass": "urn:epc:idpat:sgtin:1.2.*", "quantity": "5"}]}, "quantity"),
        (EVENT, {"bizTransactionList": [{"type": "po"}]}, "bizTransaction"),
        (EVENT, {"sourceList": [{"type": "sender", "source": "urn:epc:id:pgln:1.2"}]}, "sourceList.0.type"),
        (EVENT, {"destinationList": [{"type": "location"}]}, "destinationList.0.destination"),
        (EVENT, {"sensorElementList": [{"sensorReport": []}]}, "sensorReport"),
        (EVENT, {"persistentDisposition": {"set": ["fine"]}}, "persistentDisposition"),
        (EVENT, {"recordTime": "now"}, "recordTime"),
        ({**EVENT, "type": "TransformationEvent"}, {}, "inputEPCList is missing"),
        (AGGREGATION, {"parentID": ...}, "parentID is missing"),
        (AGGREGATION, {"childEPCs": ...}, "childEPCs is missing"),
        ({**EVENT, "type": "TransactionEvent"}, {}, "bizTransactionList is missing"),
        ({**EVENT, "type": "MoonEvent"}, {}, "type"),
    ],
)
def test_an_event_that_breaks_the_schema_says_what_to_fix(
    event: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    changed = {name: value for name, value in {**event, **change}.items() if value is not ...}
    with pytest.raises(BadItem, match=says):
        read_event(changed, PREFIXES)


def test_an_event_with_all_that_the_standard_has_is_read() -> None:
    whole = {
        **EVENT, "eventID": "ni:///sha-256;87b5f18a69993f0052046d4687dfacdf?ver=CBV2.0",
        "recordTime": "2026-11-24T02:31:00.000000+07:00", "persistentDisposition": {"set": ["conformant"]},
        "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141073467:1152"}],
        "sourceList": [{"type": "possessing_party", "source": "urn:epc:id:pgln:8931234.00001"}],
        "destinationList": [{"type": "location", "destination": "urn:epc:id:sgln:8931234.00002.0"}],
        "quantityList": [{"epcClass": "urn:epc:class:lgtin:4054739.099914.20160711", "quantity": 5, "uom": "KGM"}],
        "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 26.0, "uom": "CEL"}]}],
        "certificationInfo": "https://accreditation-council.example.org/certificate/1", "shop:x": {"y": [1]},
    }  # fmt: skip
    assert read_event(whole, PREFIXES).event_id == whole["eventID"]


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ([GS1, {"p": "urn:" + "x" * 500}], "at most 500 characters"),
        ([GS1, {"p": {"@id": "urn:" + "x" * 500}}], "at most 500 characters"),
        ([GS1, {f"p{n}": "urn:x:" for n in range(101)}], "at most 100 terms"),
        ([GS1, *({f"p{n}": "urn:x:"} for n in range(200))], "at most 100 parts"),
        ([GS1] * 200, "at most 100 parts"),
    ],
)
def test_a_context_that_would_grow_is_refused(context: Any, says: str) -> None:
    """What a prefix stands for is written out for every field that has it."""
    with pytest.raises(BadItem, match=says):
        read_context(context)
    with pytest.raises(BadItem, match=says):
        read_event({**EVENT, "@context": context}, PREFIXES)


def test_of_an_event_the_standards_own_fields_alone_are_kept() -> None:
    others = {f"shop:{n}": "x" for n in range(150)}
    event = read_event({**EVENT, **others}, read_context(DOCUMENT["@context"]).prefixes)
    assert (event.model_extra, "shop" in repr(event)) == (None, False)


MANY: Final = 50_000


@pytest.mark.parametrize(
    "change",
    [
        {"bizTransactionList": [{}] * MANY}, {"sourceList": [0] * MANY}, {"destinationList": [{}] * MANY},
        {"quantityList": [{}] * MANY}, {"epcList": [0] * MANY}, {"inputEPCList": ["x"] * MANY},
        {"certificationInfo": [0] * MANY}, {"sensorElementList": [{}] * MANY},
        {"sensorElementList": [{"sensorReport": [0] * MANY}]}, {"persistentDisposition": {"set": [0] * MANY}},
        {"errorDeclaration": {f"x{n}": 0 for n in range(MANY)}},
        {"persistentDisposition": {f"x{n}": 0 for n in range(MANY)}},
        {"bizTransactionList": [{f"x{n}": 0 for n in range(MANY)}]},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_is_wrong_very_often_is_not_looked_for_to_the_end(change: dict[str, Any]) -> None:
    """pydantic collects every error before it says one, and nothing else runs meanwhile."""
    with pytest.raises(BadItem) as told:
        read_event({**EVENT, **change}, PREFIXES)
    assert isinstance(told.value.__context__, ValidationError)
    assert told.value.__context__.error_count() < 10


def test_prefixes_are_resolved_offline_and_others_fields_are_let_be() -> None:
    known = read_context(DOCUMENT["@context"]).prefixes
    event = read_event(
        {**EVENT, "bizStep": "vn:bizstep:out_for_delivery", "shop:colour": "red", "vn:ext:attempt": 2},
        known,
    )
    assert (event.biz_step, event.attempt) == ("urn:buuta:bizstep:out_for_delivery", 2)


@pytest.mark.parametrize(
    ("change", "status", "mode"),
    [
        ({"bizStep": "accepting", "disposition": "in_progress"}, "accepted", None),
        ({"bizStep": "arriving", "disposition": "in_progress"}, "in_transit", None),
        ({"bizStep": "urn:buuta:bizstep:out_for_delivery"}, "out_for_delivery", None),
        (
            {"bizStep": "accepting", "disposition": "urn:buuta:disp:delivered_at_address"},
            "delivered",
            "address",
        ),
        (
            {"bizStep": "accepting", "disposition": "urn:buuta:disp:delivered_at_point"},
            "delivered",
            "point",
        ),
        ({"bizStep": "shipping", "disposition": "returned"}, "returning", None),
        ({"bizStep": "void_shipping", "disposition": ...}, "cancelled", None),
    ],
)
def test_step_and_disposition_are_the_code(change: dict[str, Any], status: str, mode: str | None) -> None:
    event = {name: value for name, value in {**EVENT, **change}.items() if value is not ...}
    found = scan(event)
    assert (found.status, found.delivery_mode) == (status, mode)
    assert (found.offset_minutes, found.offset_source) == (420, OffsetSource.CARRIER)


def test_collecting_is_for_disposal_in_the_cbv_and_never_a_pick_up() -> None:
    assert not [code for code in RECIPES["epcis"].codes if code.startswith("collecting")]


def test_the_same_event_has_one_id_with_or_without_its_recording_and_another_where_it_differs() -> None:
    again = scan(
        {**EVENT, "recordTime": "2026-11-25T00:00:00Z", "eventTime": "2026-11-24T09:30:00.500+07:00"}
    )
    assert scan(EVENT).event_id == again.event_id
    assert scan({**EVENT, "bizStep": "arriving"}).event_id != again.event_id
    named = scan({**EVENT, "eventID": "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"})
    assert named.event_id != again.event_id


def test_an_error_declaration_takes_back_the_scan_that_it_repeats() -> None:
    declared = scan({**EVENT, "errorDeclaration": {"declarationTime": "2026-11-24T05:00:00Z"}})
    assert (declared.corrects_event_id, declared.correction_kind) == (scan(EVENT).event_id, "did_not_occur")
    assert declared.event_id != scan(EVENT).event_id


def scan(event: dict[str, Any]) -> Any:
    recipe = RECIPES["epcis"]
    report = recipe.parse(event)
    assert report is not None
    return to_scan(recipe, report, Receipt("gs1post", "api", 1_795_500_000_000))


def test_a_bags_event_is_of_what_is_in_it_then() -> None:
    packings = Packings(
        [
            Packing("bag", "A", 10, into=True),
            Packing("bag", "B", 20, into=True),
            Packing("bag", "A", 30, into=False),
        ]
    )
    assert [packings.contents("bag", at) for at in (5, 10, 25, 30, 31)] == [
        set(),
        {"A"},
        {"A", "B"},
        {"A", "B"},
        {"B"},
    ]


def test_a_bag_in_a_truck_is_looked_into_and_an_emptied_one_holds_nothing() -> None:
    packings = Packings(
        [
            Packing("truck", "bag", 5, into=True),
            Packing("bag", "A", 1, into=True),
            Packing("bag", ALL, 9, into=False),
        ]
    )
    assert packings.contents("truck", 7) == {"A"}
    assert packings.contents("truck", 10) == set()
    assert packings.contents("A", 7) == {"A"}


def test_a_bag_within_itself_ends() -> None:
    packings = Packings(
        [Packing("a", "b", 1, into=True), Packing("b", "a", 1, into=True), Packing("b", "P", 1, into=True)]
    )
    assert packings.contents("a", 2) == {"P"}


THINGS: Final = ("truck", "bag", "sack", "A", "B", "C")
PACKINGS: Final = st.builds(
    Packing,
    st.sampled_from(THINGS[:3]),
    st.sampled_from((*THINGS[1:], ALL)),
    st.integers(0, 9),
    st.booleans(),
)
EVENTS: Final = st.builds(
    Happened,
    st.sampled_from([f"e{n}" for n in range(5)]),
    st.lists(st.sampled_from(THINGS), min_size=1, max_size=2),
    st.integers(0, 9),
    st.just(False),
)


def play(arrivals: Iterable[Happened | Packing], retracted: set[str]) -> dict[tuple[str, str], Told]:
    """What is told after arrivals one by one; returns what holds of each, whatever the turns."""
    known: dict[str, dict[str, Told]] = {}
    events: dict[str, Happened] = {}
    statements: list[Packing] = []
    for each in arrivals:
        if isinstance(each, Packing):
            statements.append(each)
        else:
            wrong = each.event_id in retracted
            events.setdefault(each.event_id, Happened(each.event_id, each.things, each.at, wrong))
        for change in changes(events.values(), Packings(statements), known):
            apply(known, change)
        assert not list(changes(events.values(), Packings(statements), known)), (
            "the same again says nothing"
        )
    return {(event, thing): told for event, things in known.items() for thing, told in things.items()}


def apply(known: dict[str, dict[str, Told]], change: Change) -> None:
    before = known.setdefault(change.event_id, {}).get(change.thing, Told(-1, live=False))
    assert before.live == change.takes_back, "told once, and taken back once"
    assert change.turn == before.turn + (not change.takes_back)
    known[change.event_id][change.thing] = Told(change.turn, live=not change.takes_back)


@given(
    st.lists(EVENTS, max_size=5, unique_by=lambda each: each.event_id),
    st.lists(PACKINGS, max_size=8),
    st.sets(st.sampled_from(["e0", "e1"])),
    st.randoms(use_true_random=False),
)
def test_whatever_comes_late_the_same_parcels_were_told_in_the_end(
    events: list[Happened], packings: list[Packing], retracted: set[str], order: random.Random
) -> None:
    arrivals: list[Happened | Packing] = [*events, *packings]
    straight = play(arrivals, retracted)
    order.shuffle(arrivals)
    shuffled = play(arrivals, retracted)
    live = {key for key, told in straight.items() if told.live}
    assert live == {key for key, told in shuffled.items() if told.live}
    assert not {event for event, _ in live} & retracted
