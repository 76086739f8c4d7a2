"""The vendors' formats, with their traps (domain 3.2, 3.3)."""

from collections.abc import Mapping
from typing import Any

import pytest

from buuta.errors import BadItem
from buuta.model.scan import Scan
from services.ingest.carriers import RECIPES
from services.ingest.carriers.ghtk import CODES, REASONS
from services.ingest.domain.item import ScanItem, read_item
from services.ingest.domain.recipe import Receipt, UnknownCode, to_scan
from services.ingest.doors.webhooks import form_or_json

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


def test_ghns_own_sample() -> None:
    scan = sure(mapped("ghn", GHN))
    assert (scan.carrier, scan.number, scan.status) == ("ghn", "Z82BS", "info_received")
    assert (scan.occurred_at, scan.offset_minutes, scan.offset_source) == (1636602770158, 0, "carrier")
    assert (scan.raw_code, scan.mapping_version, scan.facility) == ("ready_to_pick", "ghn-1", None)


@pytest.mark.parametrize("kind", ["Update_weight", "update_cod", "UPDATE_FEE"])
def test_ghn_updates_repeat_a_status_and_make_no_scan(kind: str) -> None:
    assert mapped("ghn", {**GHN, "Type": kind}) is None


@pytest.mark.parametrize("kind", ["Create", "create", "Switch_status", "switch_status"])
def test_ghn_types_are_compared_without_case(kind: str) -> None:
    assert mapped("ghn", {**GHN, "Type": kind}) is not None


@pytest.mark.parametrize("status", ["damage", "damaged"])
def test_both_of_ghns_words_for_damage_are_read(status: str) -> None:
    assert sure(mapped("ghn", {**GHN, "Status": status})).status == "damaged"


def test_a_fee_for_a_station_says_delivered_at_a_point_and_no_fee_says_nothing() -> None:
    delivered = {**GHN, "Type": "Switch_status", "Status": "delivered"}
    assert sure(mapped("ghn", {**delivered, "Fee": {"StationDO": 5000}})).delivery_mode == "point"
    assert sure(mapped("ghn", delivered)).delivery_mode is None


def test_ghtks_own_sample_as_json_and_as_form_is_one_event() -> None:
    by_json, by_form = mapped("ghtk", GHTK), mapped("ghtk", form_or_json(FORM))
    assert by_json == by_form
    assert sure(by_form).status == "delivered"
    assert sure(by_form).occurred_at == 1478063919000


@pytest.mark.parametrize("code", [6, 11])
def test_ghtk_settlement_is_no_movement(code: int) -> None:
    assert mapped("ghtk", {**GHTK, "status_id": code}) is None


@pytest.mark.parametrize("code", ["123", "127", "128", "45", "49", "410"])
def test_what_ghtks_courier_reports_is_provisional(code: str) -> None:
    assert sure(mapped("ghtk", {**GHTK, "status_id": code})).provisional


def test_ghtks_status_ids_and_reason_codes_are_two_tables() -> None:
    for code in ("123", "127", "128"):
        assert code in CODES
        assert code in REASONS
    scan = sure(mapped("ghtk", {**GHTK, "status_id": 10, "reason_code": "123"}))
    assert (scan.status, scan.reason) == ("held", "reschedule_requested")


def test_the_mistake_seen_in_public_code_is_not_ours() -> None:
    assert sure(mapped("ghtk", {**GHTK, "status_id": 5})).status == "delivered"
    assert sure(mapped("ghtk", {**GHTK, "status_id": 9})).status == "attempt_failed"


def test_a_couriers_free_text_goes_nowhere() -> None:
    scan = sure(mapped("ghtk", {**GHTK, "reason": "Chị Lan 0912345678 hẹn mai"}))
    assert "Lan" not in repr(scan)
    assert "Quan Nhân" not in repr(mapped("ghn", GHN))


@pytest.mark.parametrize(
    ("format_name", "payload"),
    [("ghn", {**GHN, "Status": "teleported"}), ("ghtk", {**GHTK, "status_id": 777}),
     ("buuta", {"number": "Z82BS", "code": "teleported", "occurred_at": "2026-11-24T09:30:00Z"})],
)  # fmt: skip
def test_an_unknown_code_is_neither_guessed_nor_refused(
    format_name: str, payload: Mapping[str, Any]
) -> None:
    with pytest.raises(UnknownCode):
        mapped(format_name, payload)


def test_the_same_event_through_another_door_has_the_same_id() -> None:
    """GHN by webhook with Z, and by CSV with +07:00."""
    webhook = sure(mapped("ghn", GHN))
    item = {"number": "z82bs", "code": "ready_to_pick", "occurred_at": "2021-11-11T10:52:50.158+07:00",
            "place": "Bưu Cục 229 Quan Nhân-Q.Thanh Xuân-HN"}  # fmt: skip
    by_file = sure(to_scan(RECIPES["ghn"], read_item(item), Receipt("ghn", "file", 10)))
    assert by_file.event_id == webhook.event_id


@pytest.mark.parametrize(
    ("change", "code", "fix"),
    [
        ({"number": None}, "number_invalid", "string"),
        ({"occurred_at": "hôm qua"}, "time_invalid", "ISO 8601"),
        ({"occurred_at": "300000-01-01T00:00:00Z"}, "time_invalid", "ISO 8601"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "time_out_of_range", "2000 to 2099"),
        ({"code": "x\x00y"}, "code_invalid", "NUL"),
        ({"place": "\ud800"}, "place_invalid", "string"),
        ({"attempt": 2**70}, "attempt_invalid", "less than or equal"),
        ({"attempt": float("nan")}, "attempt_invalid", "finite"),
        ({"delivery_mode": "drone"}, "delivery_mode_invalid", "address"),
        ({"province": "HN"}, "province_invalid", "pattern"),
        ({"adress": "12 Lê Lợi"}, "field_unknown", "the fields are"),
        ({"place": "x" * 301}, "place_invalid", "300"),
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
    assert "Lê Lợi" not in str(refused.value)


@pytest.mark.parametrize("item", [None, 1, "x", [], {}, {"number": "Z82BS"}])
def test_what_is_no_item_is_refused(item: Any) -> None:
    with pytest.raises(BadItem):
        read_item(item)


def test_every_item_field_is_described_or_plain() -> None:
    assert set(ScanItem.model_fields) >= {"number", "code", "occurred_at", "delivery_mode"}
