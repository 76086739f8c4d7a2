"""What a parcel's page says, from rows: one order with the fold, the place's clock, nothing that is not known."""

from typing import Any

import pytest

from buuta.model.statuses import Reason, Status
from buuta.model.ways import lines
from buuta.wording.carriers import known_carrier
from buuta.wording.words import LANGUAGES
from services.portal.domain.view import Known, Page, Place, page_of, state_line
from tests.scans import HOUR, MORNING, scan

POINT = {"name": "Bưu cục Hàng Trống", "opening_hours": "07:30–19:00", "holds_days": 7}
FACILITIES = {Place("ghn", "BC1"): POINT}


def row(status: str | None = "in_transit", **more: Any) -> dict[str, Any]:
    """A parcel's row."""
    plain: dict[str, Any] = {
        "status": status, "reason": None, "reported_status": None, "attempts": 0, "delivery_mode": None,
        "last_at": MORNING, "promised_at": None, "overdue": "", "direction": None, "partial_return": False,
        "linked_number": None, "registration_id": None, "invited_at": None, "invited_twice": False, "scans": 1,
    }  # fmt: skip
    return plain | more


def scanned(status: str, hour: float = 0, **more: Any) -> dict[str, Any]:
    return scan(status, hour, **more)._asdict()


def shown(parcel: dict[str, Any], *scans: dict[str, Any], language: Any = "vi") -> Page:
    return page_of(
        Known(parcel, lines(scans), known_carrier("ghn", "GHN", language), "ghn", FACILITIES), language
    )


def test_the_head_tells_place_and_clock_of_the_scan_that_gave_the_state() -> None:
    delivered = scanned("delivered", 0, province="01", commune="00070")
    barred = scanned("in_transit", 2, province="79")
    page = shown(row("delivered"), delivered, barred)
    assert (page.heading, page.when, page.place) == (
        "Đã giao", "24/11/2026 07:26", "Phường Hoàn Kiếm, Thành phố Hà Nội",
    )  # fmt: skip
    assert [line.current for line in page.lines] == [False, True]


def test_of_scans_in_one_moment_the_first_line_is_the_state_as_the_fold_has_it() -> None:
    scans = [scanned(status) for status in ("delivered", "out_for_delivery", "accepted")]
    page = shown(row("delivered"), *reversed(scans))
    assert [line.label for line in page.lines] == ["Đã giao", "Đang giao hàng", "Đã nhận hàng từ người gửi"]
    assert page.lines[0].current


def test_a_scan_ahead_of_its_receipt_stands_where_it_steers() -> None:
    ahead = scanned("in_transit", 30, received_at=MORNING + HOUR)
    later = scanned("out_for_delivery", 3)
    page = shown(row("out_for_delivery", last_at=MORNING + 3 * HOUR), ahead, later)
    assert [line.label for line in page.lines] == ["Đang giao hàng", "Đang vận chuyển"]
    assert page.lines[0].current


def test_a_delivery_on_the_way_back_is_no_delivery() -> None:
    scans = [scanned("returning", -2), scanned("delivered", 0)]
    page = shown(row("returned", direction="return"), *scans)
    assert (page.heading, page.tone) == ("Đã chuyển hoàn cho người gửi", "bad")
    assert page.lines[0].label == "Đã chuyển hoàn cho người gửi"
    assert "Đã giao" not in {line.label for line in page.lines}
    assert page.lines[0].current


@pytest.mark.parametrize("offset", [0, 420, 540])
def test_the_clock_is_the_places_however_its_offset_was_written(offset: int) -> None:
    assert shown(row(), scanned("in_transit", offset_minutes=offset)).when == "24/11/2026 07:26"


def test_one_page_has_one_zone_and_names_it_where_it_is_not_vietnams() -> None:
    tokyo = shown(
        row(), scanned("in_transit", zone="Asia/Tokyo"), scanned("accepted", -1, zone="Asia/Tokyo")
    )
    assert tokyo.when == "24/11/2026 09:26 (UTC+9)"
    assert tokyo.zone == "Giờ trên trang này là giờ Tokyo (UTC+9)."
    mixed = shown(row(), scanned("in_transit"), scanned("accepted", -1, zone="Asia/Tokyo"))
    assert {line.when for line in mixed.lines} == {"24/11/2026 07:26", "24/11/2026 06:26"}
    assert mixed.zone is None


def test_a_day_is_told_without_a_clock() -> None:
    page = shown(row("delivered"), scanned("delivered", day_only=True))
    assert (page.when, page.moment) == ("24/11/2026", "2026-11-24")


@pytest.mark.parametrize(
    ("parcel", "heading"),
    [
        ({"registration_id": "x", "scans": 0}, "Đã đăng ký, chờ đơn vị vận chuyển báo tin"),
        ({"scans": 0}, "Chưa có tin nào về bưu gửi này"), ({}, "Chưa có tin nào được xác nhận"),
        ({"reported_status": "delivered"}, "Chưa có tin nào được xác nhận"),
        ({"registration_id": "x", "reported_status": "delivered"}, "Chưa có tin nào được xác nhận"),
    ],
)  # fmt: skip
def test_what_nobody_registered_is_not_registered_and_what_nobody_believes_is_not_confirmed(
    parcel: dict[str, Any], heading: str
) -> None:
    page = shown(row(None, **parcel))
    assert page.heading == heading
    assert (page.when, page.tone) == (None, "")


def test_beside_what_the_courier_reports_nothing_is_asked_of_people_that_it_contradicts() -> None:
    """Mind your phone, beside: delivered."""
    parcel = row("out_for_delivery", reported_status="delivered")
    page = shown(parcel, scanned("out_for_delivery"), scanned("delivered", 1, provisional=True))
    assert (page.heading, page.reported) == ("Đang giao hàng", "Đã giao")
    assert page.help == "Đơn vị vận chuyển chưa xác nhận tin này."


NIGHT = MORNING - 7 * HOUR - 26 * 60_000 - 40_000
"""Midnight in Vietnam, when the morning's day begins."""


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (NIGHT + 24 * HOUR, "ngày 24/11/2026"), (NIGHT + 24 * HOUR - 1, "ngày 24/11/2026"),
        (NIGHT + 24 * HOUR - 60_000, "ngày 24/11/2026"), (NIGHT + 17 * HOUR, "trước 17:00 ngày 24/11/2026"),
    ],
)  # fmt: skip
def test_a_promise_is_told_by_its_day_or_its_hour(at: int, said: str) -> None:
    assert shown(row(promised_at=at), scanned("in_transit")).promise == said


@pytest.mark.parametrize("status", [str(status) for status in Status])
def test_nothing_is_promised_or_late_after_the_end_or_on_the_way_back(status: str) -> None:
    page = shown(row(status, promised_at=NIGHT, overdue="KSY"), scanned(status))
    is_under_way = status in (
        "info_received", "pickup_in_progress", "pickup_failed", "accepted", "in_transit", "customs_hold", "held",
        "out_for_delivery", "attempt_failed", "ready_at_point",
    )  # fmt: skip
    assert (page.promise is not None) == is_under_way
    assert (page.late == "Muộn hơn dự kiến") == is_under_way


@pytest.mark.parametrize("status", [str(status) for status in Status])
def test_only_a_delivery_to_the_recipient_is_green(status: str) -> None:
    assert (shown(row(status), scanned(status)).tone == "good") == (status == "delivered")
    assert shown(row(status, direction="return"), scanned(status)).tone != "good"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_law_is_told_where_it_holds_and_only_what_it_says(language: str) -> None:
    def told(**more: Any) -> str | None:
        parcel = row("attempt_failed", invited_at=MORNING) | more
        return shown(parcel, scanned("attempt_failed"), language=language).invitations

    once, twice = told(reason="addressee_absent"), told(reason="no_contact", invited_twice=True)
    assert once is not None
    assert twice is not None
    assert "17" in once
    assert "17" in twice
    assert once != twice
    assert told(reason="refused") is None
    assert told(reason="address_incomplete_or_wrong") is None
    assert told(status="returning") is None


def test_a_point_tells_its_name_its_hours_and_its_last_day() -> None:
    page = shown(row("ready_at_point"), scanned("ready_at_point", facility="BC1"))
    assert page.point == ("Bưu cục Hàng Trống", "07:30–19:00", "01/12/2026")
    assert page.place == "Bưu cục Hàng Trống"
    assert shown(row("ready_at_point"), scanned("ready_at_point", facility="BC9")).point is None
    assert shown(row("in_transit"), scanned("in_transit", facility="BC1")).point is None


def test_the_last_day_at_a_point_is_counted_from_the_arrival_there_by_the_time_that_steers() -> None:
    """It was put off by each report that it still lay there, and by a clock that was ahead."""
    days = [
        scanned("ready_at_point", hour, facility=place)
        for hour, place in ((-30, "BC2"), (0, "BC1"), (48, "bc1"))
    ]
    waits = row("ready_at_point", last_at=MORNING + 72 * HOUR)
    page = shown(
        waits, *days, scanned("ready_at_point", 72, facility="BC1"), scanned("held", 73, provisional=True)
    )
    assert page.point is not None
    assert page.point.last_day == "01/12/2026"
    ahead = scanned("ready_at_point", 9_000, facility="BC1", received_at=MORNING)
    assert shown(row("ready_at_point"), ahead).point == page.point
    away = [days[1], scanned("out_for_delivery", 24), scanned("ready_at_point", 72, facility="BC1")]
    again = shown(waits, *away).point
    assert again is not None
    assert again.last_day == "04/12/2026"


def test_a_day_ahead_is_told_as_the_day_of_its_receipt() -> None:
    ahead = scanned("delivered", 9_000, day_only=True, received_at=MORNING)
    page = shown(row("delivered"), ahead)
    assert (page.when, page.moment) == ("24/11/2026", "2026-11-24")
    assert page.lines[0].when == "24/11/2026"


def test_a_delivery_in_part_is_said_and_leads_to_the_other_number() -> None:
    page = shown(row("delivered", partial_return=True, linked_number="Z82BT"), scanned("delivered"))
    assert page.partial == "Giao một phần, phần còn lại được chuyển hoàn cho người gửi"
    assert page.linked == ("Mã vận đơn của phần kia", "Z82BT")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_and_reason_has_a_page_that_says_what_comes_next(language: str) -> None:
    for status in Status:
        for reason in (None, *Reason):
            page = shown(row(str(status), reason=reason), scanned(str(status)), language=language)
            assert page.heading
            assert page.help


def test_before_the_first_confirmed_scan_there_is_no_state() -> None:
    assert state_line(row(None), lines([scanned("delivered", provisional=True)])) is None
