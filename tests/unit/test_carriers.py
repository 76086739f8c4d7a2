"""What the golden pairs do not say of formats (domain 3.2, 3.3)."""

from collections.abc import Mapping
from typing import Any

import pytest

from buuta.errors import BadItem
from buuta.model.rounded import Rounded
from buuta.model.scan import Scan
from services.ingest.carriers import RECIPES
from services.ingest.domain.item import ScanItem, read_item
from services.ingest.domain.recipe import Receipt, to_scan

GHN = {
    "CODAmount": 3000000, "CODTransferDate": None, "ClientOrderCode": "", "ConvertedWeight": 200,
    "Description": "Tạo đơn hàng", "Fee": {"CODFee": 0, "StationDO": 0, "StationPU": 0, "Total": 0},
    "IsPartialReturn": False, "OrderCode": "Z82BS", "Reason": "", "ReasonCode": "", "ShopID": 81558,
    "Status": "ready_to_pick", "Time": "2021-11-11T03:52:50.158Z", "TotalFee": 71400, "Type": "create",
    "Warehouse": "Bưu Cục 229 Quan Nhân-Q.Thanh Xuân-HN", "Weight": 10,
}  # fmt: skip
GHTK = {
    "partner_id": "1234567", "label_id": "S1.A1.17373471", "status_id": 5,
    "action_time": "2016-11-02T12:18:39+07:00", "reason_code": "", "reason": "", "weight": 2.4,
    "fee": 15000, "pick_money": 100000, "return_part_package": 0,
}  # fmt: skip
FORM = (
    b"label_id=S1.A1.17373471&partner_id=1234567&action_time=2016-11-02T12:18:39+07:00"
    b"&status_id=5&reason_code=&reason=&weight=2.4&fee=1500"
)


def mapped(format_name: str, payload: Mapping[str, Any], door: str = "webhook") -> Scan | None:
    recipe = RECIPES[format_name]
    report = recipe.parse(payload)
    return None if report is None else to_scan(recipe, report, Receipt(format_name, door, 9))


def sure(scan: Scan | None) -> Scan:
    assert scan is not None
    return scan


def test_ghtks_status_ids_and_reason_codes_are_two_tables() -> None:
    for code in ("123", "127", "128"):
        assert code in RECIPES["ghtk"].codes
        assert code in RECIPES["ghtk"].reasons
    scan = sure(mapped("ghtk", {**GHTK, "status_id": 10, "reason_code": "123"}))
    assert (scan.status, scan.reason) == ("held", "reschedule_requested")


def test_a_couriers_free_text_goes_nowhere() -> None:
    scan = sure(mapped("ghtk", {**GHTK, "reason": "Chị Lan 0912345678 hẹn mai"}))
    assert "Lan" not in repr(scan)
    assert "Quan Nhân" not in repr(mapped("ghn", GHN))


def test_the_same_event_through_another_door_has_the_same_id() -> None:
    """GHN by webhook with Z, and by CSV with +07:00 and no place."""
    webhook = sure(mapped("ghn", GHN))
    item = {"number": "z82bs", "code": "ready_to_pick", "occurred_at": "2021-11-11T10:52:50.158+07:00"}
    by_file = sure(to_scan(RECIPES["ghn"], read_item(item), Receipt("ghn", "file", 10)))
    assert by_file.event_id == webhook.event_id


@pytest.mark.parametrize(
    ("change", "code", "fix"),
    [
        ({"number": None}, "field_missing", "missing"),
        ({"number": ["Z82BS"]}, "number_invalid", "a text"),
        ({"number": Rounded(1.68406e12)}, "field_lost_digits", "send it as text"),
        ({"number": 1e22}, "field_lost_digits", "send it as text"),
        ({"occurred_at": "hôm qua"}, "time_invalid", "ISO 8601"),
        ({"occurred_at": "300000-01-01T00:00:00Z"}, "time_invalid", "ISO 8601"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "time_out_of_range", "2000 to 2099"),
        ({"code": "x\x00y"}, "code_invalid", "NUL"),
        ({"provisional": "perhaps"}, "provisional_invalid", "true or false"),
        ({"correction": "did_not_occur"}, "item_invalid", "come together"),
        ({"corrects": "zz", "correction": "did_not_occur"}, "corrects_invalid", "pattern"),
    ],
)
def test_a_bad_item_hears_what_to_fix_and_its_value_is_not_repeated(
    change: dict[str, Any], code: str, fix: str
) -> None:
    item = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"} | change
    with pytest.raises(BadItem) as refused:
        mapped("buuta", item)
    assert refused.value.code == code
    assert fix in str(refused.value)


@pytest.mark.parametrize(
    ("change", "code", "fix"),
    [
        ({"place": "\ud800"}, "place_invalid", "a text"),
        ({"attempt": 2**70}, "attempt_invalid", "99 or less"),
        ({"attempt": float("nan")}, "attempt_invalid", "a number"),
        ({"delivery_mode": "drone"}, "delivery_mode_invalid", "address"),
        ({"reason": "no idea"}, "reason_invalid", "refused"),
        ({"province": "HN"}, "province_invalid", "pattern"),
        ({"adress": "12 Lê Lợi"}, "field_unknown", "no such field: adress"),
        ({"Nguyễn Văn An 0912345678": 1}, "field_unknown", "no such field: (not shown)"),
        ({"place": "x" * 301}, "place_cut", "300"),
        ({"facility": 1.5e300}, "facility_invalid", "send it as text"),
    ],
)
def test_what_need_not_be_there_costs_itself_and_a_note_and_not_the_report(
    change: dict[str, Any], code: str, fix: str
) -> None:
    item = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
    read = read_item(item | change)
    assert (read.number, read.raw_code) == ("Z82BS", "delivered")
    [note] = read.notes
    assert note.code == code
    assert fix in note.message
    assert "Lê Lợi" not in note.message


@pytest.mark.parametrize(
    "change",
    [
        {"place": None, "reason": None, "attempt": None, "proof_links": None, "provisional": None},
        {"number": " Z82BS\ufeff", "code": "delivered\u200b"}, {"delivery_mode": None},
        {"occurred_at": " 2026-11-24T09:30:00+07:00 "},
    ],
)  # fmt: skip
def test_what_says_nothing_or_is_not_seen_costs_nothing(change: dict[str, Any]) -> None:
    item = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}
    assert read_item(item | change) == read_item(item)


def test_words_of_an_item_are_read_in_any_case_and_codes_of_units_may_be_numbers() -> None:
    read = read_item(
        {"number": 862195772225, "code": 4.0, "occurred_at": "2026-11-24T09:30:00+07:00", "province": 1,
         "commune": 70, "reason": " REFUSED", "delivery_mode": "Address", "attempt": "2", "facility": 129060,
         "provisional": "yes"}
    )  # fmt: skip
    assert (read.number, read.raw_code, read.province, read.commune) == ("862195772225", "4", "01", "00070")
    assert (read.reason, read.mode, read.attempt, read.facility) == ("refused", "address", 2, "129060")
    assert read.provisional
    assert not read.notes


@pytest.mark.parametrize("item", [None, 1, "x", [], {}, {"number": "Z82BS"}])
def test_what_is_no_item_is_refused(item: Any) -> None:
    with pytest.raises(BadItem):
        read_item(item)


def test_every_item_field_is_described_or_plain() -> None:
    assert set(ScanItem.model_fields) >= {"number", "code", "occurred_at", "delivery_mode"}
