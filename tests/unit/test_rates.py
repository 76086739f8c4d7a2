"""The delivery-to-address rate (domain 3.5)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.model.scan import Scan
from buuta.model.times import vietnam_day
from services.portal.domain.rates import Choice, Counts, Knowledge
from services.tracker.domain.figures import CellChanges, contribution, counted
from services.tracker.domain.fold import fold
from tests.scans import HOUR, MORNING, journeys, papers, scan

COUNT = st.integers(0, 10**6)


def test_net_gross_and_unknown_share() -> None:
    counts = Counts(100, 60, 10, 5, 5, 12, 3)
    assert (counts.delivered, counts.under_way) == (80, 5)
    assert (counts.rate_net, counts.rate_gross, counts.unknown_share) == (0.75, 0.631579, 0.0625)


def test_what_the_law_leaves_open_counts_by_choice_and_never_twice() -> None:
    counts = Counts(100, 60, 10, 5, 5, 12, 3, delivered_to_locker=4)
    redirect, locker = frozenset({Choice.REDIRECT}), frozenset({Choice.LOCKER})
    assert replace(counts, choices=redirect).rate_net == 65 / 80
    assert replace(counts, choices=locker).rate_net == 64 / 80
    assert replace(counts, choices=redirect | locker).to_address == 69
    assert replace(counts, choices=redirect | locker).delivered == counts.delivered


def test_nothing_ended_is_no_rate_and_not_zero() -> None:
    assert Counts(5, 0, 0, 0, 0, 0, 0).rate_net is None


@given(st.tuples(COUNT, COUNT, COUNT, COUNT, COUNT, COUNT))
def test_gross_is_never_above_net_and_unknown_never_helps(parts: tuple[int, ...]) -> None:
    address, point, asked, unknown, returned, lost = parts
    counts = Counts(sum(parts), address, point, asked, unknown, returned, lost)
    if counts.rate_net is not None and counts.rate_gross is not None:
        assert counts.rate_gross <= counts.rate_net
        known = Counts(sum(parts), address + unknown, point, asked, 0, returned, lost).rate_net
        assert known is not None
        assert counts.rate_net <= known


def test_a_late_acceptance_decides_the_day_even_after_a_movement() -> None:
    part = contribution("ghn", counted(fold([scan("in_transit", 1), scan("accepted", 30)])[0]))
    assert part is not None
    assert part.cell.day == vietnam_day(scan("accepted", 30).occurred_at)


@pytest.mark.parametrize(
    ("before", "promised_hours", "measures"),
    [
        ([], None, ("delivered_first_attempt",)),
        ([], 5, ("delivered_first_attempt", "promised", "on_time")),
        ([], 4.999, ("delivered_first_attempt", "promised")),
        ([scan("attempt_failed", 2)], 6, ("promised", "on_time")),
    ],
)
def test_first_attempt_and_on_time(
    before: list[Scan], promised_hours: float | None, measures: tuple[str, ...]
) -> None:
    promised_at = None if promised_hours is None else MORNING + round(promised_hours * HOUR)
    delivered = [scan("delivered", 5), scan("delivered", 9)]
    parcel, _, _ = fold([scan("accepted", 0), *before, *delivered], papers(promised_at=promised_at))
    part = contribution("ghn", counted(parcel))
    assert part is not None
    assert part.measures == measures


@pytest.mark.parametrize(
    ("said", "declared"),
    [
        ({"delivery_mode": "address"}, {"delivered_to_address_declared"}),
        ({"distance_bucket": "within_50_m"}, set()),
    ],
)
def test_the_carriers_word_is_counted_apart_from_what_follows_from_distance(
    said: dict[str, str], declared: set[str]
) -> None:
    part = contribution("ghn", counted(fold([scan("accepted", 0), scan("delivered", 5, **said)])[0]))
    assert part is not None
    assert part.outcome == "delivered_to_address"
    assert set(part.measures) - {"delivered_first_attempt"} == declared


@given(st.tuples(COUNT, COUNT, COUNT, COUNT, COUNT, COUNT))
def test_the_true_share_lies_in_the_range_whatever_the_unknown_were(parts: tuple[int, ...]) -> None:
    address, point, asked, unknown, returned, lost = parts
    counts = Counts(sum(parts), address, point, asked, unknown, returned, lost)
    for reached in {0, unknown // 2, unknown}:
        truth = Counts(sum(parts), address + reached, point + unknown - reached, asked, 0, returned, lost)
        for (least, most, of), true in ((counts.net, truth.rate_net), (counts.gross, truth.rate_gross)):
            assert (true is None) == (of == 0)
            assert true is None or (least is not None and most is not None and least <= true <= most)


@pytest.mark.parametrize(
    ("counts", "standing", "few"),
    [
        (Counts(9, 0, 0, 0, 0, 0, 0), Knowledge.NOTHING_ENDED, True),
        (Counts(90, 0, 0, 0, 60, 0, 0), Knowledge.UNKNOWN, False),
        (Counts(90, 30, 0, 0, 30, 0, 0), Knowledge.KNOWN, False),
        (Counts(90, 29, 0, 0, 0, 0, 0), Knowledge.KNOWN, True),
    ],
)
def test_missing_evidence_is_no_verdict_and_few_parcels_are_said(
    counts: Counts,
    standing: Knowledge,
    few: bool,  # noqa: FBT001 - what is expected
) -> None:
    assert (counts.standing(0.5), counts.net.few) == (standing, few)


@pytest.mark.parametrize(
    ("between", "hours"),
    [
        ([], 10),
        ([scan("customs_hold", 2, reason="customs"), scan("in_transit", 5)], 7),
        ([scan("customs_hold", 2), scan("in_transit", 5)], 10),
        ([scan("customs_hold", 2, reason="customs"), scan("customs_hold", 4), scan("in_transit", 5)], 8),
        ([scan("attempt_failed", 2, reason="reschedule_requested"), scan("out_for_delivery", 8)], 4),
        ([scan("attempt_failed", 2, reason="addressee_absent"), scan("out_for_delivery", 8)], 10),
        ([scan("held", 2, reason="weather"), scan("held", 3, reason="other")], 9),
        ([scan("held", 2, reason="weather", provisional=True), scan("in_transit", 5)], 10),
        ([scan("customs_hold", 9.5, reason="customs")], 10),
        ([scan("customs_hold", -3, reason="customs"), scan("in_transit", -1)], 10),
    ],
)
def test_the_clock_of_the_transit_time_stands_still(between: list[Scan], hours: int) -> None:
    """Hours begun, from acceptance; not with customs, after a date that was asked for, in bad weather."""
    scans = [scan("accepted", 0), *between, scan("delivered", 10), scan("delivered", 12)]
    part = contribution("ghn", counted(fold(scans)[0]))
    assert part is not None
    assert part.transit_hours == hours


def test_what_is_not_delivered_has_no_transit_time_and_a_locker_is_a_point() -> None:
    lost = contribution("ghn", counted(fold([scan("accepted", 0), scan("lost", 1)])[0]))
    locker = contribution(
        "ghn", counted(fold([scan("accepted"), scan("delivered", 1, delivery_mode="locker")])[0])
    )
    assert lost is not None
    assert locker is not None
    assert (lost.transit_hours, locker.transit_hours) == (None, 1)
    assert (locker.outcome, "delivered_to_locker" in locker.measures) == ("delivered_at_point", True)


@given(journeys(), st.integers(0, 12))
def test_minus_the_old_plus_the_new_ends_where_counting_once_does(scans: list[Scan], cut: int) -> None:
    stepwise, once = CellChanges(), CellChanges()
    half = contribution("ghn", counted(fold(scans[:cut])[0]))
    whole = contribution("ghn", counted(fold(scans)[0]))
    stepwise.move(None, half)
    stepwise.move(half, whole)
    once.move(None, whole)
    assert {key: count for key, count in stepwise.counts.items() if count} == once.counts


def test_a_late_acceptance_moves_the_cell() -> None:
    changes = CellChanges()
    moved = contribution("ghn", counted(fold([scan("in_transit", 30)])[0]))
    changes.move(
        moved, contribution("ghn", counted(fold([scan("in_transit", 30), scan("accepted", 0)])[0]))
    )
    assert sorted(changes.counts.values()) == [-1, 1]


def test_parcels_of_one_cell_add_up_and_one_that_leaves_is_taken_off() -> None:
    delivered = contribution("ghn", counted(fold([scan("accepted", 0), scan("delivered", 3)])[0]))
    assert delivered is not None
    changes = CellChanges()
    for _ in range(5):
        changes.move(None, delivered)
    changes.move(delivered, None)
    assert changes.counts[delivered.cell, "accepted"] == 4
    assert list(changes.transit.values()) == [4]
