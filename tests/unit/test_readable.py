"""Readable is not refused: what vendors send in other clothes is the same event, and what cannot be read is not."""

import contextlib
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from buuta.model.identifiers import normalise_number
from buuta.model.scan import Scan
from buuta.web.problems import Problem
from services.ingest.carriers import RECIPES
from services.ingest.domain.codes import folded
from services.ingest.domain.fields import text
from services.ingest.domain.fitting import fitted
from services.ingest.domain.notes import Note
from services.ingest.domain.recipe import Receipt, to_scan
from services.ingest.domain.webhook import Webhook
from services.ingest.doors.forms import read_text_body
from services.ingest.doors.sent import Sent, payloads_of

GHN = {
    "OrderCode": "Z82BS", "Status": "delivering", "Time": "2026-11-24T02:30:00.000Z", "Type": "switch_status",
    "Warehouse": "Bưu Cục 229 Quan Nhân", "ReasonCode": "", "CODAmount": 0, "Weight": 10,
}  # fmt: skip
GHTK = {
    "label_id": "S1.A1.17373471", "status_id": 4, "action_time": "2026-11-24T09:30:00+07:00", "partner_id": "1",
    "reason_code": "", "reason": "", "weight": 2.4, "fee": 15000, "return_part_package": 0,
}  # fmt: skip
VTP = {
    "ORDER_NUMBER": "1684063821201", "ORDER_STATUS": 500, "ORDER_STATUSDATE": "24/11/2026 09:30:00",
    "LOCALION_CURRENTLY": "HCM, TTKT3", "NOTE": "", "PRODUCT_WEIGHT": 240,
}  # fmt: skip
EMS = {
    "tracking_code": "EJ012345678VN", "status_code": 4, "datetime": "24/11/2026 09:30:00", "note": "",
    "locate": "890100 - KTC1 Vĩnh Long", "total_weight": 240,
}  # fmt: skip
MYEMS = {
    "TrackingCode": "EJ012345678VN", "StatusCode": 4, "CreatedAt": "2026-11-24 09:30:00", "Note": None,
    "Location": "129060 - BCP Từ Liêm", "Weight": 1000, "Fee": [{"FeeCode": "cod_fee", "FeeValue": 13000}],
}  # fmt: skip
Body = tuple[bytes, Mapping[str, str]]
Make = Callable[[dict[str, Any]], Body]


def sent(format_name: str, body: bytes, headers: Mapping[str, str]) -> list[tuple[Scan, tuple[Note, ...]]]:
    """The scans of a request, with the notes of each."""
    recipe = RECIPES[format_name]
    found = []
    for payload in payloads_of(recipe, Sent(body, dict(headers), {}, "POST", "/"), ""):
        report = recipe.parse(payload)
        assert report is not None
        scan = to_scan(recipe, fitted(report), Receipt("vendor", "webhook", 9))
        assert scan is not None
        found.append((scan, tuple(fitted(report).notes)))
    return found


def as_json(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def multipart(fields: Mapping[str, Any]) -> bytes:
    parts = "".join(
        f'--------x7\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return f"{parts}--------x7--\r\n".encode()


def plain(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a form can say of it."""
    return {
        name: value for name, value in payload.items() if value is not None and not isinstance(value, list)
    }


CLOTHES: dict[str, Make] = {
    "as it is": lambda each: (as_json(each), {}),
    "another content type": lambda each: (as_json(each), {"content-type": "text/plain"}),
    "a charset": lambda each: (as_json(each), {"content-type": "application/json; charset=utf-8"}),
    "a content type of a form": lambda each: (
        as_json(each), {"content-type": "application/x-www-form-urlencoded"},
    ),
    "a byte order mark": lambda each: (b"\xef\xbb\xbf" + as_json(each), {}),
    "UTF-16": lambda each: (json.dumps(each).encode("utf-16"), {}),
    "space around": lambda each: (b"\r\n  " + as_json(each) + b"\r\n\r\n", {}),
    "indented": lambda each: (json.dumps(each, indent=4).encode(), {}),
    "escaped": lambda each: (json.dumps(each, ensure_ascii=True).encode(), {}),
    "an array of one": lambda each: (as_json([each]), {}),
    "JSON in JSON": lambda each: (as_json(json.dumps(each)), {}),
    "a form": lambda each: (urlencode(plain(each)).encode(), {}),
    "a form with a mark": lambda each: (b"\xef\xbb\xbf" + urlencode(plain(each)).encode(), {}),
    "a form said to be JSON": lambda each: (
        urlencode(plain(each)).encode(), {"content-type": "application/json"},
    ),
    "a multipart form": lambda each: (multipart(plain(each)), {}),
    "a multipart form of other lines": lambda each: (multipart(plain(each)).replace(b"\r\n", b"\n"), {}),
    "JSON in a field of a form": lambda each: (urlencode({"data": json.dumps(each)}).encode(), {}),
    "JSON in a field beside others": lambda each: (
        urlencode({"digest": "x", "bizContent": json.dumps(each), "timestamp": "1"}).encode(), {},
    ),
    "JSON in a part of a multipart form": lambda each: (multipart({"payload": json.dumps(each)}), {}),
    "packed by gzip": lambda each: (gzip.compress(as_json(each)), {"content-encoding": "gzip"}),
    "packed by deflate": lambda each: (zlib.compress(as_json(each)), {"content-encoding": "deflate"}),
    "fields that nobody knows": lambda each: (as_json({**each, "new": {"a": [1]}, "Extra Field": None}), {}),
}  # fmt: skip


def variants(
    payload: dict[str, Any], fields: tuple[str, str, str], times: tuple[Any, ...]
) -> Iterator[Any]:
    """The payload with its number, code and time told otherwise."""
    number, code, time = fields
    for odd in (f" {payload[number]} ", payload[number].lower(), f"{payload[number]}\ufeff"):
        yield {**payload, number: odd}
    said = payload[code]
    numbers = (
        (float(said), str(said), f"{said}.0", f"0{said}", f" {said} ") if isinstance(said, int) else ()
    )
    words = (said.upper(), said.title(), f" {said}\u200b") if isinstance(said, str) else ()
    for odd in (*numbers, *words):
        yield {**payload, code: odd}
    for odd in times:
        yield {**payload, time: odd}


SECONDS = 1_795_487_400
EPOCHS = (SECONDS, str(SECONDS), SECONDS * 1000, f"{SECONDS}000", float(SECONDS))
ISO = (
    "2026-11-24T09:30:00+07:00", "2026-11-24T09:30+07:00", "2026-11-24 09:30:00+07:00", "2026-11-24T02:30:00Z",
    "2026-11-24T09:30:00+0700", "2026-11-24T02:30:00.000000Z",
)  # fmt: skip
DAY_FIRST = (
    "24/11/2026  09:30:00", "24/11/2026 09:30", " 24/11/2026 09:30:00 ", "24/11/2026 9:30:00",
    "24/11/2026 09:30:00.000", "2026-11-24 09:30:00", "2026-11-24T09:30:00", "2026-11-24 09:30",
)  # fmt: skip
VENDORS: dict[str, tuple[str, dict[str, Any], tuple[str, str, str], tuple[Any, ...]]] = {
    "ghn": ("ghn", GHN, ("OrderCode", "Status", "Time"), (*ISO, *EPOCHS, "2026-11-24T02:30:00")),
    "ghtk": ("ghtk", GHTK, ("label_id", "status_id", "action_time"),
             (*ISO, *EPOCHS, "2026-11-24T09:30:00 07:00", "2026-11-24  09:30:00")),
    "viettelpost": ("viettelpost", VTP, ("ORDER_NUMBER", "ORDER_STATUS", "ORDER_STATUSDATE"),
                    (*DAY_FIRST, *EPOCHS)),
    "ems": ("ems", EMS, ("tracking_code", "status_code", "datetime"), (*DAY_FIRST, *EPOCHS)),
    "myems": ("ems", MYEMS, ("TrackingCode", "StatusCode", "CreatedAt"), (*DAY_FIRST, *EPOCHS)),
}  # fmt: skip
CASES = [
    (vendor, place, payload)
    for vendor, (_, base, fields, times) in VENDORS.items()
    for place, payload in enumerate(variants(base, fields, times))
]


def the_event(vendor: str) -> Scan:
    format_name, payload, *_ = VENDORS[vendor]
    [(scan, notes)] = sent(format_name, as_json(payload), {})
    assert notes == ()
    return scan


@pytest.mark.parametrize("clothes", CLOTHES)
@pytest.mark.parametrize("vendor", VENDORS)
def test_the_same_report_in_other_clothes_is_the_same_event(vendor: str, clothes: str) -> None:
    format_name, payload, *_ = VENDORS[vendor]
    body, headers = CLOTHES[clothes](payload)
    [(scan, notes)] = sent(format_name, body, headers)
    assert (scan.event_id, scan.status) == (the_event(vendor).event_id, the_event(vendor).status)
    assert notes == ()


@pytest.mark.parametrize(("vendor", "place", "payload"), CASES)
def test_the_same_report_told_otherwise_is_the_same_event(vendor: str, place: int, payload: Any) -> None:
    [(scan, notes)] = sent(VENDORS[vendor][0], as_json(payload), {})
    assert (scan.event_id, scan.status) == (the_event(vendor).event_id, the_event(vendor).status)
    assert notes == ()


def test_viettel_posts_envelope_and_what_is_in_it_are_one_event() -> None:
    [(scan, _)] = sent("viettelpost", as_json({"DATA": VTP, "TOKEN": "8805"}), {})
    assert scan.event_id == the_event("viettelpost").event_id


@pytest.mark.parametrize("vendor", VENDORS)
def test_several_reports_of_one_body_are_each_one(vendor: str) -> None:
    format_name, payload, (number, *_), _ = VENDORS[vendor]
    other = {**payload, number: f"{payload[number][:-1]}9"}
    assert len({scan.event_id for scan, _ in sent(format_name, as_json([payload, other]), {})}) == 2


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("odd", [True, [], {"a": 1}, "x\x00y", "\ud800", "z" * 400])
def test_an_odd_reason_costs_itself_and_a_note(vendor: str, odd: Any) -> None:
    names = {"ghn": "ReasonCode", "ghtk": "reason_code", "viettelpost": "REASON_CODE"}
    if vendor not in names:
        return
    format_name, payload, *_ = VENDORS[vendor]
    [(scan, notes)] = sent(format_name, json.dumps({**payload, names[vendor]: odd}).encode(), {})
    assert scan.event_id == the_event(vendor).event_id
    assert [note.code for note in notes] == ["reason_invalid"]


@pytest.mark.parametrize(
    ("vendor", "change", "note"),
    [
        ("ghn", {"Warehouse": "x" * 301}, "place_cut"),
        ("ghn", {"Warehouse": {"id": 3}}, "place_invalid"),
        ("ghn", {"IsPartialReturn": True, "PartialReturnCode": "Nguyễn Văn An"}, "linked_number_invalid"),
        ("ghn", {"PartialReturnCode": ["Z82BT"]}, "linked_number_invalid"),
        ("viettelpost", {"LOCALION_CURRENTLY": "y" * 5_000}, "place_cut"),
        ("viettelpost", {"IS_RETURNING": "perhaps"}, "returning_invalid"),
        ("ghn", {"IsPartialReturn": {}}, "partial_return_invalid"),
        ("ghtk", {"return_part_package": 2}, "partial_return_invalid"),
    ],
)  # fmt: skip
def test_what_need_not_be_there_costs_itself_and_a_note(
    vendor: str, change: dict[str, Any], note: str
) -> None:
    format_name, payload, *_ = VENDORS[vendor]
    [(scan, notes)] = sent(format_name, as_json({**payload, **change}), {})
    assert scan.event_id == the_event(vendor).event_id
    assert scan.linked_number is None
    assert [each.code for each in notes] == [note]


@pytest.mark.parametrize("kind", ["update_payment_type", "Cod", "update_partial_return", "UPDATE_WEIGHT"])
def test_a_type_of_the_vendors_list_that_repeats_a_status_is_no_movement_and_not_refused(kind: str) -> None:
    _, payload, *_ = VENDORS["ghn"]
    assert RECIPES["ghn"].parse({**payload, "Type": kind, "Status": "delivering"}) is None


def test_that_a_part_goes_back_is_heard_where_it_is_said_after_the_delivery() -> None:
    _, payload, *_ = VENDORS["ghn"]
    later = {"Type": "update_partial_return", "Status": "Delivered", "PartialReturnCode": "Z82BS_PR"}
    [(scan, notes)] = sent("ghn", as_json({**payload, **later, "IsPartialReturn": True}), {})
    assert (scan.status, scan.partial_return, scan.linked_number) == ("delivered", True, "Z82BS_PR")
    assert not notes
    assert RECIPES["ghn"].parse({**payload, **later, "IsPartialReturn": False}) is None


@pytest.mark.parametrize("number", ["LADFYR_PR", "GYH9PRA6_PR", "z82bs_pr"])
def test_the_part_that_goes_back_has_a_number_and_leads_to_its_whole(number: str) -> None:
    _, payload, *_ = VENDORS["ghn"]
    said = {"OrderCode": number, "Status": "returned", "IsPartialReturn": True, "PartialReturnCode": number}
    [(scan, notes)] = sent("ghn", as_json({**payload, **said}), {})
    assert (scan.number, scan.linked_number) == (number.upper(), number.upper().removesuffix("_PR"))
    assert (scan.status, scan.partial_return, notes) == ("returned", False, ())


@pytest.mark.parametrize("number", ["NGUYEN_PR", "0912345678_PR", "_PR", "LADFYR_PR_PR"])
def test_a_part_is_no_way_in_for_what_is_no_number(number: str) -> None:
    with pytest.raises(BadItem, match="tracking number"):
        normalise_number(number)


NOT_READ: list[tuple[str, dict[str, Any], str]] = [
    ("ghn", {"OrderCode": ""}, "field_missing"), ("ghn", {"OrderCode": None}, "field_missing"),
    ("ghn", {"OrderCode": "  "}, "field_missing"), ("ghn", {"Status": None}, "field_missing"),
    ("ghn", {"Time": None}, "field_missing"), ("ghn", {"Time": "yesterday"}, "time_invalid"),
    ("ghn", {"OrderCode": True}, "field_not_text"), ("ghn", {"OrderCode": ["Z82BS"]}, "field_not_text"),
    ("ghn", {"Type": "teleport"}, "type_unknown"), ("ghn", {"Time": "1999-01-01T00:00:00Z"}, "time_out_of_range"),
    ("viettelpost", {"ORDER_STATUSDATE": "11/24/2026 09:30:00"}, "time_invalid"),
    ("viettelpost", {"ORDER_NUMBER": 1684063821201 * 10**9}, "field_lost_digits"),
    ("ems", {"tracking_code": "Nguyễn Văn An 0912345678"}, "number_invalid"),
    ("ghtk", {"status_id": "4 or 5"}, "unknown_code"), ("ghtk", {"status_id": 4.5}, "unknown_code"),
    ("ghtk", {"status_id": -4}, "unknown_code"), ("ghtk", {"status_id": "+123456"}, "unknown_code"),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "change", "code"), NOT_READ)
def test_what_cannot_be_read_is_not_guessed(vendor: str, change: dict[str, Any], code: str) -> None:
    format_name, payload, *_ = VENDORS[vendor]
    with pytest.raises(BadItem) as refused:
        sent(format_name, as_json({**payload, **change}), {})
    assert refused.value.code == code


def test_a_number_that_a_spreadsheet_has_rounded_is_not_read() -> None:
    body = as_json(VTP).replace(b'"1684063821201"', b"1.68406E+12")
    with pytest.raises(BadItem, match="send it as text") as refused:
        sent("viettelpost", body, {})
    assert refused.value.code == "field_lost_digits"
    exact = as_json(VTP).replace(b'"1684063821201"', b"1.684063821201E12")
    [(scan, _)] = sent("viettelpost", exact, {})
    assert scan.event_id == the_event("viettelpost").event_id


@pytest.mark.parametrize(
    "body", [b"", b"[", b"--", b"--x\r\n--x--", b"\xff\xff", b"hello", b'"hello"', b"null", b"7"]
)
def test_what_is_no_body_is_refused(body: bytes) -> None:
    with pytest.raises((BadItem, Problem)):
        sent("ghn", body, {})


def test_codes_that_would_be_one_are_told_apart_as_they_are_written() -> None:
    """A table may have `1` and `001`: each is found as it is written, and neither by another spelling."""
    assert folded("001") == folded("1.0") == folded("1") == "1"
    assert folded("-09") == "-9"
    assert folded("Đang  Giao") == folded("đang giao")
    assert folded("0") == "0"
    assert folded("1.5") == "1.5"


TEXTS = st.text(max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(VENDORS)), st.data())
def test_whatever_stands_in_a_payload_it_is_read_or_refused_with_a_sentence(vendor: str, data: Any) -> None:
    format_name, payload, *_ = VENDORS[vendor]
    names = [*payload, "IS_RETURNING", "REASON_CODE", "PartialReturnCode", "IsPartialReturn"]
    change = data.draw(st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=4))
    assert why_not(format_name, {**payload, **change})


def why_not(format_name: str, payload: dict[str, Any]) -> str:
    """Why a payload is not read; of one that is, that it is."""
    recipe = RECIPES[format_name]
    try:
        report = recipe.parse(payload)
        if report is not None:
            to_scan(recipe, fitted(report), Receipt("vendor", "webhook", 9))
    except BadItem as bad:
        return bad.code and str(bad)
    return "it is read"


@given(st.binary(max_size=300) | st.text(alphabet='-{}[]"=&%x\r\n:;,name', max_size=200).map(str.encode))
def test_whatever_the_bytes_are_they_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Problem):
        read_text_body(Webhook(), body)


@given(st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1))
def test_a_whole_number_is_the_same_text_however_it_comes(number: int) -> None:
    assert text({"x": number}, "x") == text({"x": float(number)}, "x") == text({"x": f" {number} "}, "x")


@given(TEXTS)
def test_folding_twice_changes_nothing(said: str) -> None:
    assert folded(folded(said)) == folded(said)
