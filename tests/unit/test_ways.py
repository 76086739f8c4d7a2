"""A return leg is a direction that a parcel has until a scan says otherwise; pages and fold read scans in one
order."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buuta.model.scan import Scan
from buuta.model.statuses import Status
from buuta.model.steering import Facts, steering
from buuta.model.ways import GOES_BACK, ON_THE_WAY_BACK, implied_by, lines
from services.tracker.domain.figures import contribution, counted
from services.tracker.domain.findings import FINDINGS
from services.tracker.domain.fold import Folded, fold
from tests.scans import MORNING, corrected_journeys, scan

OUT = [scan("accepted", 0), scan("out_for_delivery", 1), scan("attempt_failed", 2, reason="refused")]
END_OF_DAY = MORNING + 59_599_999
"""In Vietnam."""
GOES_OUT = frozenset({"out_for_delivery", "attempt_failed", "ready_at_point", "delivered"})


def kinds(folded: Folded) -> list[str]:
    return [each.kind for each in folded.live]


def findings(folded: Folded) -> set[str]:
    return {each.name for each in FINDINGS if each.letter in folded.parcel.findings}


@pytest.mark.parametrize("turns", [*sorted(GOES_BACK - {"returned"}), "flag"])
def test_delivered_on_the_way_back_is_returned_and_never_to_the_address(turns: str) -> None:
    turn = scan("in_transit", 3, direction="return") if turns == "flag" else scan(turns, 3)
    folded = fold(
        [*OUT, turn, scan("out_for_delivery", 30), scan("delivered", 31, delivery_mode="address")]
    )
    parcel = folded.parcel
    assert (parcel.status, parcel.outcome, parcel.direction) == ("returned", "returned", "return")
    assert kinds(folded) == ["accepted", "out_for_delivery", "attempt_failed", "returning", "returned"]
    assert (folded.live[-1].status, folded.live[-1].delivery_mode) == ("returned", None)
    assert "delivered_on_the_way_back" in findings(folded)
    part = contribution("ghn", counted(parcel))
    assert part is not None
    assert (part.outcome, part.measures, part.transit_hours) == ("returned", (), None)


@pytest.mark.parametrize("status", sorted({*map(str, ON_THE_WAY_BACK)} - {"delivered"}))
def test_what_happens_on_the_way_back_is_the_senders_and_tells_the_recipient_nothing(status: str) -> None:
    before = fold([*OUT, scan("returning", 3)])
    after = fold([*OUT, scan("returning", 3), scan(status, 30, attempt=2, facility="BC1", reason="held")])
    assert after.live == before.live
    assert (after.parcel.status, after.parcel.attempts) == ("returning", 1)


def test_a_carriers_flag_alone_is_a_return_leg_and_no_finding() -> None:
    """Viettel Post's `IS_RETURNING`: 300, 400, 500 and 501 are legs of the return."""
    legs = [
        scan(status, hour, direction="return")
        for hour, status in enumerate(("in_transit", "in_transit", "out_for_delivery", "delivered"), 3)
    ]
    folded = fold([*OUT, *legs])
    assert (folded.parcel.status, folded.parcel.outcome) == ("returned", "returned")
    assert kinds(folded)[-2:] == ["returning", "returned"]
    assert findings(folded) == set()


def test_a_scan_that_is_flagged_outward_says_otherwise() -> None:
    """GHN's `waiting_to_return`, then another delivery that the shop asked for: its code table flags
    `delivering`."""
    again = [
        scan("out_for_delivery", 30, direction="outward"),
        scan("delivered", 31, delivery_mode="address"),
    ]
    folded = fold([*OUT, scan("return_pending", 3), *again])
    assert (folded.parcel.status, folded.parcel.outcome) == ("delivered", "delivered_to_address")
    assert kinds(folded)[3:] == ["returning", "out_for_delivery", "delivered"]
    later = fold([*OUT, scan("return_pending", 3), again[0], scan("returning", 40), scan("delivered", 50)])
    assert kinds(later)[3:] == ["returning", "out_for_delivery", "returning", "returned"]


def test_what_a_courier_reports_on_the_way_back_is_reported_as_returned_and_turns_nothing() -> None:
    folded = fold([*OUT, scan("returning", 3), scan("delivered", 4, provisional=True)])
    assert (folded.parcel.status, folded.parcel.reported_status) == ("returning", "returned")
    assert fold([*OUT, scan("returning", 3, provisional=True)]).parcel.direction is None


PARTIAL: dict[str, Any] = {"partial_return": True, "linked_number": "Z82BS-PR"}


def test_a_partial_return_is_delivered_and_flagged_and_the_numbers_are_linked() -> None:
    folded = fold([*OUT, scan("delivered", 20, delivery_mode="address", **PARTIAL)])
    parcel, told = folded.parcel, folded.live[-1]
    assert (parcel.status, parcel.outcome) == ("delivered", "delivered_to_address")
    assert (parcel.partial_return, parcel.linked_number) == (True, "Z82BS-PR")
    assert (told.kind, told.partial_return, told.linked_number) == ("delivered", True, "Z82BS-PR")


@pytest.mark.parametrize("flag", [{}, PARTIAL, {"direction": "return"}])
def test_the_part_that_goes_back_under_the_same_number_is_not_the_parcel(flag: dict[str, Any]) -> None:
    """GHTK's `return_part_package`: 5, then 20 and 21 of what was left."""
    part = [scan("returning", 40, **flag), scan("returned", 60, **flag)]
    folded = fold([*OUT, scan("delivered", 20, **PARTIAL), *part])
    assert (folded.parcel.status, folded.parcel.outcome) == ("delivered", "delivered_unknown_mode")
    assert kinds(folded)[-1] == "delivered"
    assert findings(folded) == set()


def test_the_parts_own_number_is_returned() -> None:
    part = [
        scan("return_pending", 0, **PARTIAL),
        scan("returning", 1, **PARTIAL),
        scan("returned", 2, **PARTIAL),
    ]
    assert fold(part).parcel.outcome == "returned"


def steered(scans: list[Scan]) -> list[dict[str, Any]]:
    """Rows of a timeline as a page reads them."""
    first = {each.event_id: each for each in scans}
    ids = steering(Facts(*(getattr(each, name) for name in Facts._fields)) for each in first.values())
    return [first[each]._asdict() for each in ids]


def test_of_three_scans_in_one_second_the_top_line_is_the_state() -> None:
    same = [scan(status, 5) for status in ("delivered", "in_transit", "out_for_delivery")]
    for shuffled in (same, same[::-1]):
        assert [each.status for each in lines(steered(shuffled))] == [
            "delivered",
            "out_for_delivery",
            "in_transit",
        ]
    assert fold(same).parcel.status == "delivered"


def test_the_line_of_the_state_is_not_a_newer_scan_that_changed_nothing() -> None:
    scans = [*OUT, scan("delivered", 5, facility="BC1"), scan("in_transit", 9, facility="BC2"),
             scan("delivered", 10, facility="BC3")]  # fmt: skip
    parcel = fold(scans).parcel
    line = implied_by(lines(steered(scans)), parcel.status, parcel.last_at)
    assert line is not None
    assert (line.status, line.row["facility"]) == ("delivered", "BC1")


def test_the_lines_of_a_return_leg_say_what_they_mean() -> None:
    back = [scan("returning", 3), scan("in_transit", 4), scan("out_for_delivery", 5), scan("delivered", 6)]
    told = [each.status for each in lines(steered([*OUT, *back]))]
    assert told == [
        "returned",
        "returning",
        "returning",
        "returning",
        "attempt_failed",
        "out_for_delivery",
        "accepted",
    ]


def test_another_delivery_is_handed_over_in_a_mode_of_its_own() -> None:
    """It went back and out again: how it was handed over the first time says nothing of the second."""
    first = [scan("out_for_delivery", 0), scan("delivered", 1, delivery_mode="address")]
    out = scan("out_for_delivery", 40, direction="outward")
    again = [scan("return_pending", 20), out, scan("delivered", 41)]
    parcel = fold([*first, *again]).parcel
    assert (parcel.delivery_mode, parcel.outcome) == ("unknown", "delivered_unknown_mode")
    assert fold([*first, scan("delivered", 2)]).parcel.delivery_mode == "address", "the same, said again"


def test_a_day_that_came_before_turns_no_line_that_the_fold_does_not_turn() -> None:
    """A flag of the way back on a day alone, told beside a later state of that day: page and fold differed."""
    day = scan("in_transit", 0, day_only=True, direction="return")._replace(
        occurred_at=END_OF_DAY, received_at=END_OF_DAY + 60_000
    )
    scans = [scan("damaged", 2), day, scan("delivered", 30, partial_return=True)]
    assert fold(scans).parcel.status == lines(steered(scans))[0].status == "delivered"


@settings(max_examples=300)
@given(corrected_journeys())
def test_a_page_finds_the_line_that_gave_a_parcel_its_status(scans: list[Scan]) -> None:
    plain = [each._replace(day_only=False) for each in scans]
    unique = list({each.event_id: each for each in plain}.values())
    parcel = fold(unique).parcel
    line = implied_by(lines(steered(unique)), parcel.status, parcel.last_at)
    assert (line is None) == (parcel.status is None)


@settings(max_examples=300)
@given(corrected_journeys(), st.randoms(use_true_random=False))
def test_nothing_is_told_as_if_it_came_to_the_recipient_while_it_goes_back(
    scans: list[Scan], chance: random.Random
) -> None:
    """Of a journey whose first confirmed scan goes back, without a scan that says otherwise."""
    back = [each._replace(direction=None, partial_return=False, day_only=False) for each in scans]
    first = scan("returning", -1)
    shuffled = [first, *back]
    chance.shuffle(shuffled)
    assert GOES_OUT.isdisjoint(kinds(fold(shuffled)))
    assert (fold(shuffled).parcel.outcome or "").startswith("delivered") is False


def test_the_table_says_of_every_status_what_it_means_on_the_way_back() -> None:
    ends = {
        "returned",
        "cancelled",
        "damaged",
        "lost",
        "compensated",
        "expired",
        "return_pending",
        "returning",
    }
    assert set(map(str, ON_THE_WAY_BACK)) | ends == set(map(str, Status))
    assert set(ON_THE_WAY_BACK.values()) <= GOES_BACK
