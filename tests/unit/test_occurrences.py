"""What is once and what comes again; what tells two milestones of a kind apart stays when a scan comes late."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buuta.model.scan import Scan
from services.tracker.domain.days import day_begins, day_number, written
from services.tracker.domain.fold import fold
from services.tracker.domain.tell import difference
from tests.scans import HOUR, MORNING, corrected_journeys, journeys, scan

DAY = 24
Told = list[tuple[str, int, int]]


def told(*scans: Scan) -> Told:
    return [(each.kind, each.ordinal, each.occurrence) for each in fold(scans).live]


def changed(before: list[Scan], after: list[Scan]) -> list[tuple[str, str, int]]:
    found = difference(fold(before).live, fold(after).live)
    return [(action.value, each.kind, each.occurrence) for action, each in found]


def test_out_for_delivery_twice_on_a_day_is_one_and_on_another_day_another() -> None:
    rounds = [scan("out_for_delivery", 0), scan("attempt_failed", 2), scan("out_for_delivery", 4)]
    assert [each for each in told(*rounds) if each[0] == "out_for_delivery"] == [
        ("out_for_delivery", 1, 20261124)
    ]
    assert told(scan("out_for_delivery", 0), scan("out_for_delivery", DAY)) == [
        ("out_for_delivery", 1, 20261124), ("out_for_delivery", 2, 20261125),
    ]  # fmt: skip


def test_the_day_is_that_of_the_place() -> None:
    """11:30 and 13:00 UTC: one day in Hanoi and two in Auckland."""
    late = [scan("out_for_delivery", hour, zone="Pacific/Auckland") for hour in (5, 5.5, 6, 12)]
    days = {written(day_number(each.occurred_at, "Pacific/Auckland")) for each in late}
    assert len(told(*late)) == len(days)
    begins = day_begins(MORNING, "Pacific/Auckland")
    assert day_number(begins, "Pacific/Auckland") == day_number(begins - 1, "Pacific/Auckland") + 1
    assert day_begins(begins, "Pacific/Auckland") == begins
    assert (
        day_number(day_begins(MORNING, None), None) == day_number(day_begins(MORNING, None) - 1, None) + 1
    )


FAILED: list[tuple[list[Scan], Told]] = [
    ([scan("attempt_failed", 1), scan("attempt_failed", 2)], [("attempt_failed", 1, 20261124)]),
    ([scan("attempt_failed", 1, attempt=1), scan("attempt_failed", 2, attempt=2)],
     [("attempt_failed", 1, 1), ("attempt_failed", 2, 2)]),
    ([scan("attempt_failed", 1, attempt=1), scan("attempt_failed", 2, attempt=1), scan("attempt_failed", DAY,
    attempt=1)],
     [("attempt_failed", 1, 1)]),
    ([scan("attempt_failed", 1), scan("attempt_failed", DAY + 1)],
     [("attempt_failed", 1, 20261124), ("attempt_failed", 2, 20261125)]),
    ([scan("attempt_failed", 1), scan("in_transit", 2), scan("attempt_failed", 3)],
     [("attempt_failed", 1, 20261124), ("in_transit", 1, 1), ("attempt_failed", 2, 120261124)]),
    ([scan("attempt_failed", 1, attempt=3)], [("attempt_failed", 3, 3)]),
    ([scan("attempt_failed", 1), scan("attempt_failed", 2, attempt=1)], [("attempt_failed", 1, 20261124)]),
]  # fmt: skip


@pytest.mark.parametrize(("scans", "expected"), FAILED)
def test_a_second_failed_attempt_is_told_with_its_number(scans: list[Scan], expected: Told) -> None:
    assert told(*scans) == expected
    assert fold(scans).parcel.attempts == max(
        ordinal for kind, ordinal, _ in expected if kind == "attempt_failed"
    )


def test_ready_at_another_point_is_another_and_at_the_same_it_still_lies_there() -> None:
    def ready(hour: float, facility: str | None) -> Scan:
        return scan("ready_at_point", hour, facility=facility)

    assert len(told(ready(1, "BC1"), ready(2, "BC2"))) == 2
    assert len(told(ready(1, "BC1"), ready(2, "bc1"), ready(DAY, "BC1"), ready(DAY + 1, None))) == 1
    assert len(told(ready(1, "BC1"), ready(2, "BC2"), ready(3, "BC1"))) == 2, "there and back on a day"
    again = told(ready(1, "BC1"), scan("out_for_delivery", DAY), ready(DAY + 5, "BC1"))
    assert [kind for kind, *_ in again] == ["ready_at_point", "out_for_delivery", "ready_at_point"]


ROUND = [scan("accepted", 0), scan("out_for_delivery", 1)]


@pytest.mark.parametrize("round_", [[], [scan("out_for_delivery", 5)], [scan("attempt_failed", 4)]])
def test_delivered_by_mistake_and_taken_back_is_told_again_when_it_is(round_: list[Scan]) -> None:
    wrong = scan("delivered", 2)
    back = scan("delivered", 2, event_id="c" * 32, corrects_event_id=wrong.event_id,
                correction_kind="did_not_occur", received_at=MORNING + 3 * HOUR)  # fmt: skip
    taken_back = [*ROUND, wrong, back]
    assert ("retracted", "delivered", 1) in changed([*ROUND, wrong], taken_back)
    done = [*taken_back, *round_, scan("delivered", 6, delivery_mode="address")]
    assert ("joined", "delivered", 2) in changed(taken_back, done)
    assert fold(done).parcel.outcome == "delivered_to_address"


def test_of_two_reports_of_one_delivery_one_may_be_taken_back_and_nobody_hears_of_the_other() -> None:
    one, other = scan("delivered", 2), scan("delivered", 2.5)
    back = scan("delivered", 2, event_id="c" * 32, corrects_event_id=one.event_id,
                correction_kind="did_not_occur", received_at=MORNING + 9 * HOUR)  # fmt: skip
    assert changed([*ROUND, one, other], [*ROUND, one, other, back]) == [("amended", "delivered", 1)]
    better = scan("delivered", 2.2, corrects_event_id=one.event_id, correction_kind="incorrect_data")
    assert changed([*ROUND, one], [*ROUND, one, better]) == [("amended", "delivered", 1)]


@pytest.mark.parametrize(
    ("status", "hour"), [("attempt_failed", 2.1), ("out_for_delivery", DAY), ("ready_at_point", 4)]
)
def test_tried_again_after_it_was_delivered_it_was_not_and_then_is_delivered_again(
    status: str, hour: float
) -> None:
    mistaken = [*ROUND, scan("delivered", 2, delivery_mode="point"), scan(status, hour)]
    parcel = fold(mistaken).parcel
    assert (parcel.status, parcel.outcome, parcel.delivered_at, "E" in parcel.findings) == (
        status,
        None,
        None,
        True,
    )
    done = [*mistaken, scan("delivered", hour + 2, delivery_mode="address")]
    assert told(*done)[-1] == ("delivered", 2, 2)
    assert fold(done).parcel.outcome == "delivered_to_address"


@pytest.mark.parametrize("status", ["out_for_delivery", "ready_at_point", "in_transit", "accepted", "held"])
def test_what_is_stamped_a_little_late_undoes_no_delivery(status: str) -> None:
    parcel = fold([*ROUND, scan("delivered", 2), scan(status, 2.5)]).parcel
    assert (parcel.status, parcel.last_at) == ("delivered", MORNING + 2 * HOUR)


def test_delivered_that_is_said_again_stays_when_it_was_delivered() -> None:
    parcel = fold([*ROUND, scan("delivered", 2), scan("delivered", 9, delivery_mode="address")]).parcel
    assert (parcel.last_at, parcel.delivered_at) == (MORNING + 2 * HOUR, MORNING + 2 * HOUR)
    assert parcel.outcome == "delivered_to_address", "what is known better is taken"


def test_who_heard_of_an_attempt_does_not_hear_of_it_again_since_an_earlier_one_came_late() -> None:
    known = [*ROUND, scan("attempt_failed", DAY)]
    assert [
        each for each in changed(known, [*known, scan("attempt_failed", 2)]) if each[0] == "joined"
    ] == [("joined", "attempt_failed", 20261124)]


NUMBERED: dict[str, Any] = {
    "direction": None,
    "partial_return": False,
    "day_only": False,
    "provisional": False,
}


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 3)), max_size=8), st.integers(0, 90))
def test_a_late_round_or_attempt_gives_no_other_another_number(
    known: list[tuple[int, int]], late: int
) -> None:
    """The milestones of rounds and numbered attempts only grow with a further scan of their kind."""
    rounds = [scan("out_for_delivery", hour) for hour, _ in known]
    attempts = [scan("attempt_failed", hour + 0.25, attempt=number) for hour, number in known]
    before = {(each.kind, each.occurrence) for each in fold([*rounds, *attempts]).live}
    for more in (scan("out_for_delivery", late), scan("attempt_failed", late + 0.25, attempt=9)):
        after = {(each.kind, each.occurrence) for each in fold([*rounds, *attempts, more]).live}
        assert before <= after


@settings(max_examples=300)
@given(corrected_journeys(), journeys(2), st.randoms(use_true_random=False))
def test_every_milestone_of_a_parcel_has_a_number_of_its_own_in_any_order(
    scans: list[Scan], more: list[Scan], chance: random.Random
) -> None:
    shuffled = [*scans, *more]
    chance.shuffle(shuffled)
    live = fold(shuffled).live
    assert len({(each.kind, each.occurrence) for each in live}) == len(live)
    assert live == fold([*scans, *more]).live
    assert all(0 < each.occurrence < 2**31 for each in live)
