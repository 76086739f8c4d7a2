"""What a history means. The properties hold the ideas of design.md: 4, the live set; 6, a set's function."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buuta.model.milestone import Milestone
from buuta.model.scan import Scan
from buuta.model.statuses import Status
from buuta.model.steering import doubt_of
from services.tracker.domain.copies import merged
from services.tracker.domain.epochs import GAP_MS, Papers
from services.tracker.domain.figures import contribution, counted
from services.tracker.domain.fold import fold
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import LEAVES, MILESTONES, NEXT_EXPECTED_MS
from services.tracker.domain.step import step
from services.tracker.domain.tell import difference, numbered, retold
from tests.scans import HOUR, MORNING, declared, letters, reused_journeys, scan


def live_of(*scans: Scan) -> list[tuple[str, int]]:
    return [(each.kind, each.ordinal) for each in fold(scans)[1]]


def test_a_plain_journey() -> None:
    parcel, live, _ = fold(
        [scan("accepted", 0), scan("in_transit", 1), scan("out_for_delivery", 2),
         scan("delivered", 3, delivery_mode="address", province="01")]
    )  # fmt: skip
    assert (parcel.status, parcel.outcome) == ("delivered", "delivered_to_address")
    assert parcel.live == "ATO20261124,D"
    assert (parcel.accepted_at, parcel.last_at) == (MORNING, MORNING + 3 * HOUR)
    assert parcel.next_expected_at is None
    assert live[-1].delivery_mode == "address"


def test_a_second_attempt_has_an_ordinal_of_its_own() -> None:
    scans = [scan("out_for_delivery", 1), scan("attempt_failed", 2), scan("out_for_delivery", 3),
             scan("attempt_failed", 4)]  # fmt: skip
    assert live_of(*scans) == [("out_for_delivery", 1), ("attempt_failed", 1), ("attempt_failed", 2)]
    assert fold(scans)[0].attempts == 2


def test_an_attempt_is_counted_once_however_often_it_is_reported_and_the_carrier_may_know_of_more() -> None:
    twice = [scan("out_for_delivery", 1), scan("attempt_failed", 2), scan("attempt_failed", 2.5)]
    assert fold(twice)[0].attempts == 1
    assert fold([*twice, scan("attempt_failed", 3, attempt=4)])[0].attempts == 4


def test_a_late_scan_does_not_undo_what_later_ones_said() -> None:
    scans = [scan("out_for_delivery", 2), scan("delivered", 3), scan("in_transit", 1)]
    assert fold(scans)[0].status == "delivered"


def test_a_late_delivered_ends_the_parcel() -> None:
    scans = [scan("out_for_delivery", 1), scan("delivered", 2)]
    assert fold(reversed(scans))[0].outcome == "delivered_unknown_mode"


def test_a_provisional_scan_is_shown_and_starts_nothing() -> None:
    parcel, live, _ = fold([scan("out_for_delivery", 1), scan("delivered", 2, provisional=True)])
    assert (parcel.status, parcel.reported_status, parcel.outcome) == (
        "out_for_delivery",
        "delivered",
        None,
    )
    assert [each.kind for each in live] == ["out_for_delivery"]


def test_collected_after_waiting_at_a_point_is_delivered_at_a_point() -> None:
    parcel, _, _ = fold([scan("ready_at_point", 1), scan("delivered", 2)])
    assert (parcel.delivery_mode, parcel.outcome) == ("point", "delivered_at_point")


def test_delivered_is_not_absorbing_a_return_leg_follows() -> None:
    parcel, _, _ = fold(
        [scan("accepted", 0), scan("delivered", 1), scan("returning", 2), scan("returned", 3)]
    )
    assert (parcel.status, parcel.outcome) == ("returned", "returned")


def test_a_delivered_parcel_does_not_go_back_into_transit() -> None:
    parcel, live, _ = fold([scan("accepted", 0), scan("delivered", 1), scan("in_transit", 2)])
    assert (parcel.status, [each.kind for each in live]) == ("delivered", ["accepted", "delivered"])


def test_cancelled_before_acceptance_is_no_outcome_and_afterwards_counts_as_returned() -> None:
    assert fold([scan("info_received", 0), scan("cancelled", 1)])[0].outcome is None
    assert fold([scan("accepted", 0), scan("cancelled", 1)])[0].outcome == "returned"


def test_of_two_copies_the_one_received_first_holds_whichever_comes_first() -> None:
    early, late = scan("held", 1, received_at=5, reason="weather"), scan("held", 1, received_at=9)
    assert merged(early, late) == merged(late, early) == early


def test_without_acceptance_the_cohort_is_the_day_of_the_first_movement() -> None:
    before = fold([scan("info_received", 0), scan("in_transit", 30)])[0]
    after = fold([scan("info_received", 0), scan("in_transit", 30), scan("accepted", 5)])[0]
    moved, accepted = contribution("ghn", counted(before)), contribution("ghn", counted(after))
    assert moved is not None
    assert accepted is not None
    assert (moved.cell.day.day - accepted.cell.day.day, moved.cell.province) == (1, "unknown")


def test_the_newest_version_of_a_registration_holds_and_withdrawal_tells_nobody() -> None:
    versions = [declared(), declared(version=2, province="79")]
    parcel = fold([scan("accepted")], Papers(registrations=frozenset(versions)))[0]
    assert (parcel.dest_province, parcel.registration_id is None) == ("79", False)
    withdrawn = declared(version=3, province="79", withdrawn=True)
    parcel = fold([scan("accepted")], Papers(registrations=frozenset([*versions, withdrawn])))[0]
    assert (parcel.dest_province, parcel.registration_id) == ("79", None)


def test_who_registers_late_hears_the_newest_milestone_once() -> None:
    _, live, _ = fold([scan("accepted", 0), scan("out_for_delivery", 1)])
    assert [(action.value, each.kind) for action, each in retold(live)] == [("retold", "out_for_delivery")]
    assert retold([]) == []


def test_records_are_numbered_without_a_gap() -> None:
    parcel = Parcel(sequence=4, registration_id="r", promised_at=9)
    records = numbered(
        "ghn", "Z82BS", parcel, difference([], fold([scan("accepted"), scan("delivered", 1)])[1])
    )
    assert [each.milestone_id for each in records] == ["ghn:Z82BS#5", "ghn:Z82BS#6"]
    assert {(each.registration_id, each.promised_at) for each in records} == {("r", 9)}


@settings(max_examples=500)
@given(reused_journeys(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_any_order_and_any_duplication_folds_to_the_same(
    scans: list[Scan], chance: random.Random, copies: int
) -> None:
    shuffled = [*scans, *scans[:copies]]
    chance.shuffle(shuffled)
    assert fold(shuffled) == fold(scans)


@settings(max_examples=500)
@given(reused_journeys())
def test_the_fast_path_equals_the_refold(scans: list[Scan]) -> None:
    """One step for a plain scan later than all before it, the refold for everything else."""
    parcel, known, live, past = Parcel(), [], list[Milestone](), list[Parcel]()
    for each in scans:
        known.append(each)
        odd = (
            parcel.awaits_scan or each.corrects_event_id or doubt_of(each.occurred_at, each.received_at)
            or each.day_only or each.partial_return or each.linked_number or parcel.partial_return
            or parcel.linked_number
            or (parcel.last_at is not None and each.occurred_at >= parcel.last_at + GAP_MS)
        )  # fmt: skip
        if not odd and (parcel.greatest_at is None or each.occurred_at > parcel.greatest_at):
            joined = step(parcel, each)
            parcel.scans += 1
            live += [joined] if joined else []
        else:
            parcel, live, past = fold(known)
    assert (parcel, live, past) == fold(scans)


@settings(max_examples=300)
@given(reused_journeys(), st.lists(st.integers(0, 12), max_size=4), st.randoms(use_true_random=False))
def test_any_chunking_tells_the_same_live_set(
    scans: list[Scan], cuts: list[int], chance: random.Random
) -> None:
    """What a consumer holds after joins, amendments and retractions is the live set of the whole."""
    chance.shuffle(scans)
    told: dict[tuple[int, str, int], Milestone] = {}
    before: list[Milestone] = []
    for end in sorted({*(cut for cut in cuts if cut < len(scans)), len(scans)}):
        after = fold(scans[:end])[1]
        for action, milestone in difference(before, after):
            key = (milestone.epoch, milestone.kind, milestone.occurrence)
            if action == "retracted":
                assert told.pop(key)
            else:
                assert (key in told) == (action == "amended")
                told[key] = milestone
        before = after
    live = fold(scans)[1]
    assert told == {(each.epoch, each.kind, each.occurrence): each for each in live}
    assert len(told) == len(live)


@given(reused_journeys())
def test_the_stored_letters_are_the_live_set(scans: list[Scan]) -> None:
    parcel, live, past = fold(scans)
    of = {str(rule.kind): rule.letter for rule in MILESTONES.values()}
    assert letters("".join(each.live for each in [*past, parcel])) == "".join(
        of[each.kind] for each in live
    )


def test_the_tables_know_only_statuses_and_letters_are_unique() -> None:
    for table in (MILESTONES, LEAVES, NEXT_EXPECTED_MS):
        assert set(table) <= {str(status) for status in Status}
    letters = {(rule.kind, rule.letter) for rule in MILESTONES.values()}
    assert len({letter for _, letter in letters}) == len(letters)


@pytest.mark.parametrize("status", [str(each) for each in Status])
def test_every_status_can_be_the_first_scan(status: str) -> None:
    assert fold([scan(status)])[0].status == status
