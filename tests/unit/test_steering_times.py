"""By which time a scan steers: nothing happened after it was received; a true copy heals one that was ahead."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buuta.model.scan import Scan
from buuta.model.steering import FUTURE_MS, OLDEST_MS, Doubt, doubt_of, steering_ms
from services.tracker.domain.copies import merged
from services.tracker.domain.deadlines import Passed
from services.tracker.domain.figures import contribution, counted
from services.tracker.domain.findings import FINDINGS
from services.tracker.domain.fold import fold
from tests.scans import HOUR, MORNING, papers, repeated, scan

DAY = 24 * HOUR
ROUND = [scan("accepted", 0), scan("out_for_delivery", 1)]
MIDNIGHT = 1_795_453_200_000
"""The beginning of the day in Vietnam."""
END_OF_DAY = MIDNIGHT + DAY - 1


def findings(scans: list[Scan]) -> list[str]:
    letters = fold(scans).parcel.findings
    return [each.name for each in FINDINGS if each.letter in letters]


def of_a_day(status: str, days: int = 0, **more: Any) -> Scan:
    """A scan that says its day and no clock."""
    end = MIDNIGHT + (days + 1) * DAY - 1
    return scan(
        status, (end - MORNING) / HOUR, day_only=True, **{"received_at": end + HOUR} | more
    )._replace(occurred_at=end)


@pytest.mark.parametrize(
    ("ahead", "at"), [(FUTURE_MS, FUTURE_MS), (FUTURE_MS + 1, 0), (400 * DAY, 0), (-DAY, -DAY)]
)
def test_what_is_more_than_ten_minutes_ahead_steers_by_its_receipt(ahead: int, at: int) -> None:
    assert steering_ms(MORNING + ahead, MORNING) == MORNING + at


def test_a_scan_ahead_is_folded_told_and_found_by_its_receipt_and_bars_nothing_after_it() -> None:
    """A clock a year ahead: what comes after it is later, and the parcel goes on."""
    ahead = scan("out_for_delivery", 1)._replace(occurred_at=MORNING + 365 * DAY)
    folded = fold([scan("accepted", 0), ahead, scan("delivered", 2)])
    received = ahead.received_at
    assert (folded.parcel.status, folded.parcel.greatest_at) == ("delivered", MORNING + 2 * HOUR)
    assert [(each.kind, each.occurred_at) for each in folded.live][1] == ("out_for_delivery", received)
    assert findings([scan("accepted", 0), ahead]) == ["time_ahead"]


def test_older_than_a_year_is_kept_and_does_not_steer() -> None:
    old = scan("delivered", 2, received_at=MORNING + 2 * HOUR + OLDEST_MS + 1)
    assert (fold([*ROUND, old]).parcel.status, findings([*ROUND, old])) == (
        "out_for_delivery",
        ["time_out_of_range"],
    )


def test_a_later_true_copy_heals_one_that_was_ahead() -> None:
    wrong = scan("delivered", 2)._replace(occurred_at=MORNING + 90 * DAY, received_at=MORNING + 2 * HOUR)
    true = wrong._replace(occurred_at=MORNING + 2 * HOUR, received_at=MORNING + 3 * HOUR)
    late = wrong._replace(received_at=MORNING + 91 * DAY)
    assert merged(wrong, true) == merged(true, wrong) == true
    assert merged(wrong, late) == late, "and so does its time, when it has come"
    assert merged(true, late) == true, "of those that can be believed the first received"
    assert "time_ahead" not in findings([*ROUND, wrong, true])
    assert fold([*ROUND, wrong, true]).parcel.delivered_at == MORNING + 2 * HOUR


def test_a_day_that_is_not_over_is_not_ahead_and_steers_by_its_receipt() -> None:
    done = of_a_day("delivered", received_at=MORNING + 5 * HOUR)
    folded = fold([*ROUND, done])
    assert (folded.parcel.last_at, findings([*ROUND, done])) == (MORNING + 5 * HOUR, [])
    assert doubt_of(done.occurred_at, MORNING, day_only=True) is Doubt.NONE
    assert doubt_of(done.occurred_at + 2 * DAY, MORNING, day_only=True) is Doubt.AHEAD


def test_a_day_is_sorted_by_its_end_and_before_what_usually_follows_on_the_same_day() -> None:
    accepted, out, done = (
        of_a_day("accepted"),
        scan("out_for_delivery", 1),
        scan("delivered", 2, delivery_mode="address"),
    )
    folded = fold([done, accepted, out])
    assert (folded.parcel.status, findings([done, accepted, out])) == ("delivered", [])
    assert folded.parcel.accepted_at is not None
    part = contribution("ghn", counted(folded.parcel))
    assert part is not None
    assert (part.outcome, part.transit_hours) == ("delivered_to_address", None), (
        "hours are not known from days"
    )
    assert fold([scan("in_transit", 1), of_a_day("accepted")]).parcel.status == "in_transit"
    assert fold([out, of_a_day("delivered")]).parcel.status == "delivered"
    assert fold([done, of_a_day("out_for_delivery")]).parcel.status == "delivered", "no round after it"
    assert fold([done, of_a_day("out_for_delivery", 1)]).parcel.status == "out_for_delivery"


def test_a_whole_journey_of_days_is_in_the_order_in_which_parcels_go() -> None:
    days = [of_a_day(status) for status in ("delivered", "accepted", "out_for_delivery", "in_transit")]
    assert [each.kind for each in fold(days).live] == [
        "accepted",
        "in_transit",
        "out_for_delivery",
        "delivered",
    ]
    assert all(each.day_only for each in fold(days).live)


@pytest.mark.parametrize(
    ("promised", "said"),
    [
        (END_OF_DAY - 7 * HOUR, {"on_time"}), (END_OF_DAY + 1, {"on_time"}), (END_OF_DAY - DAY, {"delayed"}),
        (END_OF_DAY + 1 - DAY, {"delayed"}), (END_OF_DAY + DAY, {"on_time"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("received", [MORNING + 12 * HOUR, END_OF_DAY + 9 * HOUR])
def test_a_promise_is_compared_by_the_day_where_a_delivery_has_no_clock(
    promised: int, said: set[str], received: int
) -> None:
    done = of_a_day("delivered", delivery_mode="address", received_at=received)
    given = papers(Passed("delayed", promised), promised_at=promised)
    first = scan("accepted", -48)
    parcel, live, _ = fold([first, done], given)
    part = contribution("ghn", counted(parcel))
    assert part is not None
    assert part.transit_hours is None, "hours are not known from days"
    assert "promised" in part.measures
    told = {*part.measures, *(each.kind for each in live)}
    assert told & {"on_time", "delayed"} == said, "page and rate say the same"


@settings(max_examples=300)
@given(repeated(), st.randoms(use_true_random=False))
def test_which_copy_stands_does_not_depend_on_the_order(scans: list[Scan], chance: random.Random) -> None:
    shuffled = [*scans]
    chance.shuffle(shuffled)
    assert fold(shuffled) == fold(scans)


@settings(max_examples=300)
@given(repeated())
def test_nothing_steers_by_a_time_after_its_receipt(scans: list[Scan]) -> None:
    latest = max((each.received_at for each in scans), default=0) + FUTURE_MS
    folded = fold(scans)
    assert all(each.occurred_at <= latest for each in folded.live)
    assert (folded.parcel.greatest_at or 0) <= latest
