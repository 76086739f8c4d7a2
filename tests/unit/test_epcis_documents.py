"""Documents of EPCIS 2.0 in the forms that GS1 publishes: each event is captured, or skipped and why.

The documents are ours; their forms are those of the examples in GS1's public repository (gs1/EPCIS, folder JSON).
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.audit.conformance import check, read_samples
from buuta.errors import BadItem
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.carriers import RECIPES
from services.ingest.carriers.epcis.parser import code_of, parse
from services.ingest.domain.contexts import GS1
from services.ingest.domain.document import read_document
from services.ingest.domain.gs1 import thing_of
from services.ingest.domain.recipe import Receipt, UnknownCode, to_scan
from services.ingest.domain.single import of_one, read_whole
from services.ingest.domain.skipping import skipped

SSCC: Final = "urn:epc:id:sscc:9521234.1000000001"
DIGITS: Final = thing_of(SSCC).name
SGTIN: Final = "urn:epc:id:sgtin:9521234.107346.2018"
HUB: Final = {"id": "urn:epc:id:sgln:9521234.00001.0"}
EVENT: Final[dict[str, Any]] = {
    "type": "ObjectEvent", "eventID": "ni:///sha-256;" + "0a" * 32 + "?ver=CBV2.0", "action": "OBSERVE",
    "eventTime": "2026-11-24T20:33:31.116000+07:00", "eventTimeZoneOffset": "+07:00", "bizStep": "departing",
    "disposition": "in_transit", "epcList": [SSCC], "readPoint": HUB,
}  # fmt: skip
DECLARED: Final = {
    "declarationTime": "2026-11-25T22:46:31.117000+00:00", "reason": "incorrect_data",
    "correctiveEventIDs": ["urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8"],
}  # fmt: skip
PARTIES: Final = [
    {"type": kind, "source": "urn:epc:id:pgln:9521234.00225"}
    for kind in ("possessing_party", "owning_party", "location")
]
TRADE: Final = [
    {"type": "po", "bizTransaction": "http://transaction.shop.example/po/12345678"},
    {"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:9521234073467:1152"},
]
SENSORS: Final = [
    {
        "sensorMetadata": {"time": "2026-11-24T13:05:00.000Z", "deviceID": "urn:epc:id:giai:9521234.111"},
        "sensorReport": [{"type": "Temperature", "value": 26.0, "uom": "CEL", "ext:more": "text"}],
        "ext:object": {"ext:array": ["1", {"ext:deep": True}]},
    }
]
AGGREGATION: Final = {
    **{name: value for name, value in EVENT.items() if name != "epcList"}, "type": "AggregationEvent",
    "parentID": "https://id.gs1.org/8003/09521234000010987", "childEPCs": [SSCC],
    "childQuantityList": [{"epcClass": "https://id.gs1.org/01/09521234000013/10/A1", "quantity": 200.5}],
}  # fmt: skip


def document(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "@context": [GS1, {"example": "http://ns.shop.example/epcis/", "ext": "http://ext.example/"}],
        "id": "https://id.shop.example/document1", "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-11-25T11:30:47.0Z", "epcisBody": {"eventList": list(events)}, **more,
    }  # fmt: skip


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


def became(raw: Any) -> list[str]:
    """What becomes of each event: the scan's status, the code it waits for, or why it is skipped."""
    recipe = RECIPES["epcis"]
    read = read_document(raw)
    found = []
    for place, event in enumerate(read.events):
        whole = read_whole(place, event, read.prefixes)
        row = recipe.codes.get(code_of(whole.event))
        why = skipped(whole, is_movement=row is None or row.status is not None)
        found.append(_scan(whole) if why is None else why.code)
    return found


def _scan(whole: Any) -> str:
    report = parse(of_one(whole.payload, whole.uris[0]))
    assert report is not None
    try:
        scan = to_scan(RECIPES["epcis"], report, Receipt("gs1post", "api", 1_795_500_000_000))
    except UnknownCode as unknown:
        return f"waits: {unknown.raw_code}"
    assert scan is not None
    return f"{scan.status}{' taken back' if scan.correction_kind else ''}"


MOVES: Final = {
    "9.6.1, object event": EVENT,
    "with a field of a user": {**EVENT, "example:myField": "an extension of a vendor or user"},
    "with a comment by a prefix that nobody defined": {**EVENT, "gs1comment:usage": "an observation"},
    "with trade": {**EVENT, "bizTransactionList": TRADE, "sourceList": PARTIES},
    "a custom field in each of its parts": {
        **EVENT, "sourceList": [{**PARTIES[0], "ext:custom": "a"}],
        "bizTransactionList": [{**TRADE[0], "ext:c": 1}],
        "persistentDisposition": {"ext:custom": ["stolen"], "unset": ["stolen"], "set": ["returned"]},
        "readPoint": {**HUB, "ext:gate": 7},
    },
    "named parts": {**EVENT, "sourceList": [{"id": "http://shop.example/gln/1/type/poss", **PARTIES[0]}]},
    "persistent disposition": {**EVENT, "persistentDisposition": {"set": ["completeness_verified"]}},
    "all sensors": {**EVENT, "sensorElementList": SENSORS, "recordTime": "2026-11-24T14:05:00.000+07:00"},
    "certified": {**EVENT, "certificationInfo": ["https://accreditation.example/c/1"]},
    "epcs in bare words and as Digital Link": {**EVENT, "epcList": [f"https://id.gs1.org/00/{DIGITS}"]},
    "the first edition of Digital Link": {**EVENT, "epcList": [f"https://id.shop.example/sscc/{DIGITS}?x=1"]},
    "a place by Digital Link": {**EVENT, "readPoint": {"id": "https://id.gs1.org/414/9521234000013/254/G7"}},
    "a place on the globe": {**EVENT, "readPoint": {"id": "geo:42.698334,23.319941"}},
    "CBV by web URI": {**EVENT, "bizStep": "https://ref.gs1.org/cbv/BizStep-departing",
                       "disposition": "https://ref.gs1.org/cbv/Disp-in_transit"},
    "CBV by ns.gs1.org": {**EVENT, "bizStep": "https://ns.gs1.org/cbv/BizStep-departing"},
    "CBV by the voc": {**EVENT, "bizStep": "https://gs1.org/voc/departing"},
    "CBV by http": {**EVENT, "bizStep": "http://ns.gs1.org/cbv/BizStep-departing"},
    "CBV by urn, as in 1.2": {**EVENT, "bizStep": "urn:epcglobal:cbv:bizstep:departing",
                              "disposition": "urn:epcglobal:cbv:disp:in_transit"},
    "CBV by GS1's prefix": {**EVENT, "bizStep": "cbv:BizStep-departing", "disposition": "cbv:Disp-in_transit"},
    "types of trade by urn": {**EVENT, "bizTransactionList": [{**TRADE[0], "type": "urn:epcglobal:cbv:btt:po"}],
                              "sourceList": [{**PARTIES[0], "type": "https://ref.gs1.org/cbv/SDT-location"}]},
    "its type by prefix": {**EVENT, "type": "epcis:ObjectEvent"},
    "lower-case t and z": {**EVENT, "eventTime": "2026-11-24t13:33:31.116z"},
    "nine digits of a second": {**EVENT, "eventTime": "2026-11-24T13:33:31.116000000Z"},
    "a leap second": {**EVENT, "eventTime": "2026-06-30T23:59:60Z"},
    "its own context": {"@context": [GS1, {"shop": "http://shop.example/"}], **EVENT, "shop:x": {"y": [1]}},
    "a term of its own context": {"@context": {"colour": "http://shop.example/colour"}, **EVENT, "colour": "red"},
    "added, with ilmd": {**EVENT, "action": "ADD", "ilmd": {"cbvmda:lotNumber": "ABC123", "ext:float": "20"}},
    "packed": {**AGGREGATION, "action": "ADD", "bizStep": "packing"},
    "seen together": {**AGGREGATION, "bizStep": "receiving", "disposition": "in_progress"},
    "the same child twice": {**AGGREGATION, "childEPCs": [SSCC, SSCC]},
    "taken out": {**AGGREGATION, "action": "DELETE", "bizStep": "unpacking"},
}  # fmt: skip


@pytest.mark.parametrize("event", MOVES.values(), ids=MOVES.keys())
def test_what_is_legal_and_moves_a_parcel_is_a_scan(event: dict[str, Any]) -> None:
    assert became(document(event)) == ["in_transit"]
    query = {
        "queryResults": {"subscriptionID": "s1", "queryName": "q", "resultsBody": {"eventList": [event]}}
    }
    assert became(document(type="EPCISQueryDocument", epcisBody=query)) == ["in_transit"]


ERRORS: Final = {
    "as it is": DECLARED,
    "a field of a vendor": {**DECLARED, "example:vendorExtension": "Test1"},
    "many of them": {**DECLARED, **{f"ext:f{n}": {"ext:a": [n]} for n in range(20)}},
    "the time alone": {"declarationTime": "2026-11-25t22:46:31z"},
    "a reason by web URI": {**DECLARED, "reason": "https://ref.gs1.org/cbv/ER-did_not_occur"},
    "a reason by urn": {**DECLARED, "reason": "urn:epcglobal:cbv:er:did_not_occur"},
    "a reason of one's own": {**DECLARED, "reason": "https://shop.example/wrong-belt"},
    "the same correction twice": {**DECLARED, "correctiveEventIDs": ["urn:x:1", "urn:x:1"]},
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS.keys())
def test_an_error_declaration_with_fields_of_others_takes_the_scan_back(error: dict[str, Any]) -> None:
    assert became(document({**EVENT, "errorDeclaration": error})) == ["in_transit taken back"]


SKIPPED: Final = {
    "9.6.1 of a product": ({**EVENT, "epcList": [SGTIN]}, "no_parcel"),
    "a product by Digital Link": ({**EVENT, "epcList": ["https://id.gs1.org/01/70614141123451/21/1"]}, "no_parcel"),
    "a returnable box": ({**EVENT, "epcList": ["https://id.shop.example/8003/040123450007718765"]}, "no_parcel"),
    "9.6.2, quantities": ({**without(EVENT, "epcList"), "quantityList": [
        {"epcClass": "urn:epc:class:lgtin:9521234.012345.998877", "quantity": 200, "uom": "KGM"}]}, "no_parcel"),
    "an empty list": ({**EVENT, "epcList": []}, "no_parcel"),
    "sensors at a place": ({**without(EVENT, "epcList"), "sensorElementList": SENSORS}, "no_parcel"),
    "a sensor's report of a parcel": ({**EVENT, "bizStep": "sensor_reporting"}, "no_movement"),
    "9.6.3, products in a pallet": ({**AGGREGATION, "childEPCs": [SGTIN]}, "no_parcel"),
    "9.6.4, transformation": ({**without(EVENT, "action", "epcList"), "type": "TransformationEvent",
        "inputEPCList": [SGTIN, SGTIN], "outputEPCList": ["urn:epc:id:sgtin:9521234.033333.AGHFG"],
        "outputQuantityList": [{"epcClass": "urn:epc:idpat:sgtin:9521234.044444.*", "quantity": 452}],
        "transformationID": "urn:epc:id:gdti:9521234.12345.400", "ilmd": {"ext:lot": "1"}}, "no_movement"),
    "transaction": ({**EVENT, "type": "TransactionEvent", "action": "ADD", "bizTransactionList": TRADE,
                     "parentID": SSCC}, "no_movement"),
    "association": ({**AGGREGATION, "type": "AssociationEvent", "action": "ADD", "bizStep": "installing",
                     "childEPCs": ["urn:epc:id:giai:9521234.12345"]}, "no_movement"),
    "an event of one's own": ({"type": "example:CustomEvent", "eventTime": EVENT["eventTime"],
                               "eventTimeZoneOffset": "-06:00", "anything": 1}, "type_of_your_own"),
}  # fmt: skip


@pytest.mark.parametrize(("event", "why"), SKIPPED.values(), ids=SKIPPED.keys())
def test_what_is_legal_and_moves_no_parcel_is_skipped_and_says_why(event: dict[str, Any], why: str) -> None:
    event = {**event, "type": event["type"].replace("example:", "http://ns.shop.example/epcis/")}
    assert became(document(event, EVENT)) == [why, "in_transit"]


def test_a_check_of_samples_counts_what_is_skipped_as_no_movement(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    trade = {**EVENT, "type": "TransactionEvent", "bizTransactionList": TRADE}
    path.write_text(json.dumps(document(EVENT, {**EVENT, "epcList": [SGTIN]}, trade)))
    recipe = RECIPES["epcis"]
    found = check(recipe, Receipt("gs1post", "webhook", 1_795_500_000_000), read_samples(recipe, path))
    assert [each.result for each in found.verdicts] == ["accepted", "ignored", "ignored"]
    path.write_text(path.read_text().replace('"bizStep":', '"bizStep": "x", "bizStep":'))
    with pytest.raises(BadItem, match="bizStep stands twice"):
        list(read_samples(recipe, path))


@pytest.mark.parametrize(
    "step",
    [
        "https://shop.example/bizstep/sorted", "urn:epcglobal:cbv:bizstep:of_a_later_edition",
        "https://ref.gs1.org/cbv/Disp-in_transit", "other", "collecting",
    ],
)  # fmt: skip
def test_a_step_that_nobody_knows_waits_until_somebody_says_what_it_means(step: str) -> None:
    assert became(document({**EVENT, "bizStep": step})) == [f"waits: {step}/in_transit"]


@pytest.mark.parametrize(
    "context",
    [
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "https://ref.gs1.org/standards/epcis/2.0.1/epcis-context.jsonld",
        "http://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "https://gs1.github.io/EPCIS/epcis-context.jsonld",
        [
            {"ext2": "http://example.com/ext2/"},
            GS1,
            {"ext": {"@id": "http://ext.example/", "@type": "@vocab"}},
        ],
    ],
)
def test_every_edition_of_gs1s_context_is_known(context: Any) -> None:
    read = read_document(document(EVENT, **{"@context": context}))
    assert read.notes == []


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ([GS1, "https://elsewhere.example/context.jsonld"], "not fetched"),
        ("https://elsewhere.example/context.jsonld", "not fetched"),
        ({"@vocab": "https://ns.gs1.org/epcis/", "cbv": "https://ns.gs1.org/cbv/"}, "does not name"),
    ],
)
def test_what_a_context_elsewhere_says_is_told_to_be_unread(context: Any, says: str) -> None:
    raw = document(EVENT, **{"@context": context})
    assert says in " ".join(read_document(raw).notes)
    assert became(raw) == ["in_transit"]


def test_a_document_may_have_a_header_and_an_event_may_come_alone() -> None:
    header = {"epcisMasterData": {"vocabularyList": [{"type": "urn:epcglobal:epcis:vtype:ReadPoint"}]}}
    parties = {"sender": "urn:epc:id:sgln:9521234.00001.0", "receiver": "r", "instanceIdentifier": "1"}
    assert became(document(EVENT, epcisHeader=header, **parties)) == ["in_transit"]
    assert became(document(epcisHeader=header)) == []
    assert became({"@context": GS1, **EVENT}) == ["in_transit"]


@pytest.mark.parametrize(
    ("change", "path", "fix"),
    [
        ({"eventTimeZoneOffset": ...}, "eventTimeZoneOffset", "such as +07:00"),
        ({"eventTimeZoneOffset": "+7"}, "eventTimeZoneOffset", "such as +07:00"),
        ({"eventTime": "24/11/2026 09:30"}, "eventTime", "2026-11-24T09:30:00+07:00"),
        ({"eventTime": "2026-02-30T09:30:00Z"}, "eventTime", "no such day"),
        ({"action": "observe"}, "action", "ADD, OBSERVE or DELETE"),
        ({"bizStep": "Departing"}, "bizStep", "departing may be meant"),
        ({"disposition": "intransit"}, "disposition", "in_transit may be meant"),
        ({"readPoint": "urn:epc:id:sgln:9521234.00001.0"}, "readPoint", '{"id": '),
        ({"epcList": SSCC}, "epcList", "in an array"),
        ({"epcList": ["SSCC 1"]}, "epcList.0", "urn:epc:id:sscc"),
        ({"eventTimezoneOffset": "+07:00"}, "eventTimezoneOffset", "eventTimeZoneOffset may be meant"),
        ({"isA": "ObjectEvent"}, "isA", "type may be meant"),
        ({"type": "objectEvent"}, "type", "is none of"),
        ({"errorDeclaration": {"declarationTime": "x"}}, "errorDeclaration.declarationTime", "a time"),
        ({"errorDeclaration": {**DECLARED, "cause": 1}}, "errorDeclaration.cause", "no such field"),
    ],
)  # fmt: skip
def test_an_event_that_breaks_the_schema_names_the_path_and_the_fix(
    change: dict[str, Any], path: str, fix: str
) -> None:
    raw = {name: value for name, value in {**EVENT, **change}.items() if value is not ...}
    with pytest.raises(BadItem) as told:
        became(document(raw))
    assert told.value.field == path
    assert fix in str(told.value)


def test_the_first_three_faults_of_an_event_are_told_at_once() -> None:
    with pytest.raises(BadItem, match=r"eventTime .*; eventTimeZoneOffset is missing.*; action must"):
        became(document({**without(EVENT, "eventTimeZoneOffset"), "eventTime": "now", "action": "x"}))


@pytest.mark.parametrize("name", ["eventID", "bizStep", "epcList", "type", "schemaVersion", "id"])
def test_a_name_that_stands_twice_in_an_object_is_refused_by_name(name: str) -> None:
    text = json.dumps(document(EVENT))
    twice = text.replace(f'"{name}":', f'"{name}": "x", "{name}":', 1)
    assert twice != text
    with pytest.raises(Problem, match=f"^{name} stands twice") as told:
        parse_json(twice.encode())
    assert told.value.code == "field_twice"


def test_of_a_name_that_is_a_persons_nothing_is_repeated() -> None:
    with pytest.raises(Problem, match=r"^\(not shown\) stands twice"):
        parse_json(b'{"0912345678": 1, "0912345678": 1}')


WORD = st.sampled_from(["departing", "in_transit", "ER-", "BizStep-", "voc/", "", "%", "Disp-returned"])
HOST = st.sampled_from(["https://ref.gs1.org/cbv/", "urn:epcglobal:cbv:", "http://x.example/", "cbv:", ""])


@given(HOST, WORD, WORD)
def test_whatever_stands_for_a_step_is_a_scan_or_says_what_to_fix(host: str, one: str, other: str) -> None:
    try:
        assert len(became(document({**EVENT, "bizStep": f"{host}{one}{other}"}))) == 1
    except BadItem as bad:
        assert bad.field == "bizStep"  # noqa: PT017 - or it is no error at all
