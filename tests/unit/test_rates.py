"""The delivery-to-address rate (domain 3.5)."""

from hypothesis import given
from hypothesis import strategies as st

from buuta.model.scan import Scan
from services.portal.domain.rates import Counts
from services.tracker.domain.fold import fold
from services.tracker.domain.parcel import CellChanges, contribution, counted
from tests.scans import journeys, scan

COUNT = st.integers(0, 10**6)


def test_net_gross_and_unknown_share() -> None:
    counts = Counts(100, 60, 10, 5, 5, 12, 3)
    assert (counts.delivered, counts.under_way) == (80, 5)
    assert (counts.rate_net, counts.rate_gross, counts.unknown_share) == (0.75, 0.631579, 0.0625)


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
