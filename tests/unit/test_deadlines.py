"""What a deadline that passed means, and that a late scan takes it back."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from buuta.model.scan import Scan
from services.tracker.domain.deadlines import Passed, running
from services.tracker.domain.epochs import Papers
from services.tracker.domain.fold import fold
from services.tracker.domain.rules import LIMITS_MS, NEXT_EXPECTED_MS, STALE_MS, next_expected_ms
from services.tracker.domain.tell import difference
from tests.scans import HOUR, MORNING, corrected_journeys, letters, papers, scan

WENT_OUT = [scan("accepted", 0), scan("out_for_delivery", 1)]
STUCK_AT = MORNING + 15 * HOUR
STUCK = Papers(frozenset({Passed("stuck", STUCK_AT)}))


def kinds(scans: list[Scan], given: Papers) -> list[tuple[str, int]]:
    return [(each.kind, each.ordinal) for each in fold(scans, given)[1]]


def test_a_parcel_is_stuck_after_the_limit_of_its_status() -> None:
    parcel, live, _ = fold(WENT_OUT, STUCK)
    assert (parcel.overdue, letters(parcel.live), parcel.status) == ("K", "AOK", "out_for_delivery")
    assert (live[-1].occurred_at, live[-1].event_id) == (STUCK_AT, WENT_OUT[-1].event_id)


def test_a_later_scan_ends_it_and_an_earlier_one_takes_it_back() -> None:
    after, before = scan("attempt_failed", 20), scan("attempt_failed", 9)
    parcel, live, _ = fold([*WENT_OUT, after], STUCK)
    assert (parcel.overdue, letters(parcel.live)) == ("", "AOKF")
    assert [each.kind for each in live] == ["accepted", "out_for_delivery", "stuck", "attempt_failed"]
    changes = difference(fold(WENT_OUT, STUCK)[1], fold([*WENT_OUT, before], STUCK)[1])
    assert [(action.value, each.kind) for action, each in changes] == [
        ("retracted", "stuck"), ("joined", "attempt_failed"),
    ]  # fmt: skip


def test_a_deadline_that_no_scan_implies_means_nothing() -> None:
    assert fold(WENT_OUT, Papers(frozenset({Passed("stuck", STUCK_AT + 1)})))[0].overdue == ""
    assert fold([], STUCK)[1] == []


def test_delayed_is_past_the_promise_in_force_and_ends_with_the_parcel() -> None:
    promise = MORNING + 6 * HOUR
    given = papers(Passed("delayed", promise), promised_at=promise)
    assert fold(WENT_OUT, given)[0].overdue == "Y"
    assert fold(WENT_OUT, papers(Passed("delayed", promise), promised_at=promise + HOUR))[0].overdue == ""
    late, _, _ = fold([*WENT_OUT, scan("delivered", 8)], given)
    assert (late.overdue, letters(late.live)) == ("", "AOYD")
    assert letters(fold([*WENT_OUT, scan("delivered", 5)], given)[0].live) == "AOD"
    assert letters(fold([*WENT_OUT, scan("returning", 5)], given)[0].live) == "AOR"


def test_stale_is_thirty_days_of_silence_and_can_come_again() -> None:
    first, second = MORNING + STALE_MS, MORNING + 31 * 24 * HOUR + STALE_MS
    given = Papers(frozenset({Passed("stale", first), Passed("stale", second)}))
    scans = [scan("accepted", 0), scan("in_transit", 31 * 24)]
    assert kinds(scans, given) == [("accepted", 1), ("stale", 1), ("in_transit", 1), ("stale", 2)]


def test_service_and_carrier_have_limits_of_their_own() -> None:
    assert next_expected_ms("ghn", None, "in_transit") == NEXT_EXPECTED_MS["in_transit"]
    assert next_expected_ms("ghn", "express", "in_transit") == LIMITS_MS[None, "express"]["in_transit"]
    assert next_expected_ms("ghn", "express", "held") == NEXT_EXPECTED_MS["held"]
    assert next_expected_ms("ghn", "express", "delivered") is None
    assert fold(WENT_OUT[:1], papers(service="express"))[0].next_expected_at == MORNING + 12 * HOUR


@settings(max_examples=500)
@given(corrected_journeys(), st.integers(0, 10), st.randoms(use_true_random=False))
def test_any_order_of_scans_and_deadlines_ends_in_the_same_live_set(
    scans: list[Scan], seen: int, chance: random.Random
) -> None:
    """Deadlines seen to pass at any moment of the arrival: what a clerk with all the papers would write."""
    promise = MORNING + 5 * HOUR
    passed = frozenset(running(fold(scans[:seen], papers(promised_at=promise))[0]))
    given = papers(*passed, promised_at=promise)
    shuffled = [*scans]
    chance.shuffle(shuffled)
    assert fold(shuffled, given) == fold(scans, given)
    parcel, live, _ = fold(scans, given)
    assert len({(each.kind, each.occurrence) for each in live}) == len(live) == len(letters(parcel.live))
    assert len(parcel.overdue) <= len(passed & set(running(parcel)))
