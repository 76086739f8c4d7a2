"""Posts hand S10 items over to each other: one parcel, credited to the post of the last mile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.model.identifiers import SHARED, owner_of
from buuta.model.scan import Scan
from buuta.model.steering import MOST_SCANS, first_received
from services.tracker.domain.figures import contribution, counted
from services.tracker.domain.fold import fold
from services.tracker.slow import beyond
from tests.scans import HOUR, MORNING, journeys, scan

ITEM = "EE123456785VN"


@pytest.mark.parametrize(
    ("carrier", "number", "is_post", "owner"),
    [
        ("vnpost", ITEM, True, (SHARED, "vnpost")),
        ("laopost", "EJ012345678VN", True, (SHARED, "laopost")),
        ("vnpost", "Z82BS", True, ("vnpost", None)),
        ("ghn", ITEM, False, ("ghn", None)),
    ],
)
def test_only_posts_share_and_only_s10_numbers_whatever_their_check_digit(
    carrier: str, number: str, *, is_post: bool, owner: tuple[str, str | None]
) -> None:
    assert owner_of(carrier, number, is_post=is_post) == owner


def by(reporter: str, status: str, hour: float) -> Scan:
    return scan(status, hour, ITEM, carrier=SHARED, reporter=reporter)


def credited(*scans: Scan) -> str | None:
    return fold(scans).parcel.credited


def test_until_the_last_mile_an_item_counts_for_who_has_it_and_then_for_who_took_it_to_the_door() -> None:
    sent = by("vnpost", "accepted", 0), by("vnpost", "in_transit", 1)
    arrived = by("laopost", "in_transit", 20)
    assert credited(*sent) == "vnpost"
    assert credited(*sent, arrived) == "laopost"
    out = by("laopost", "out_for_delivery", 30)
    assert credited(*sent, arrived, out, by("vnpost", "in_transit", 31)) == "laopost"


def test_who_passes_an_others_delivery_on_gets_no_credit_for_it() -> None:
    delivered = by("laopost", "delivered", 32)
    assert credited(by("vnpost", "accepted", 0), delivered, by("vnpost", "delivered", 33)) == "laopost"


def test_a_return_is_no_last_mile() -> None:
    failed = by("laopost", "out_for_delivery", 30), by("laopost", "attempt_failed", 31)
    assert credited(*failed, by("laopost", "returning", 40), by("vnpost", "returned", 60)) == "laopost"


def taken_back(by_whom: str, of: Scan, kind: str = "did_not_occur") -> Scan:
    wrong = by(by_whom, "in_transit", 40)
    return wrong._replace(corrects_event_id=of.event_id, correction_kind=kind, event_id="c" * 32)


@pytest.mark.parametrize("kind", ["did_not_occur", "incorrect_data"])
@pytest.mark.parametrize("first", [False, True])
def test_a_post_takes_back_what_it_reported_itself_and_nothing_else(kind: str, *, first: bool) -> None:
    delivered = by("laopost", "delivered", 32)
    for post, live in (("vnpost", "D"), ("laopost", "")):
        correction = taken_back(post, delivered, kind)
        parcel = fold([correction, delivered] if first else [delivered, correction]).parcel
        assert (live in parcel.live, "R" in parcel.findings) == (True, post == "vnpost")
        assert (parcel.delivered_at is None) == (post == "laopost")


def test_a_post_that_floods_a_parcel_crowds_out_no_other() -> None:
    flood = [
        by("laopost", "in_transit", place / 1_000)._replace(event_id=f"{place:032x}", received_at=1)
        for place in range(MOST_SCANS + 50)
    ]
    steers = [scan._replace(occurred_at=MORNING + place) for place, scan in enumerate(flood)]
    late = by("vnpost", "delivered", 30)
    parcel = fold([*steers, late]).parcel
    assert (parcel.status, parcel.full_by, "Z" in parcel.findings) == ("delivered", "laopost", True)


def test_of_a_post_that_floods_a_parcel_later_scans_are_kept_without_a_fold() -> None:
    flood = [
        by("laopost", "held", 0)._replace(event_id=f"{place:032x}", received_at=MORNING + place)
        for place in range(2_500)
    ]
    parcel = fold(flood).parcel
    more = {
        post: by(post, "delivered", 1)._replace(received_at=MORNING + HOUR, event_id=name * 32)
        for post, name in (("laopost", "a"), ("vnpost", "b"))
    }
    assert parcel.full_at == MORNING + MOST_SCANS
    assert beyond({"k": [more["laopost"]]}, {"k": parcel}) == {"k": [more["laopost"]]}
    assert beyond({"k": [more["laopost"], more["vnpost"]]}, {"k": parcel}) == {}
    assert fold([*flood, more["laopost"]]).parcel.status == "held"
    assert fold([*flood, *more.values()]).parcel.status == "delivered"


def test_posts_take_turns_where_there_is_too_much() -> None:
    few = [by("vnpost", "held", place) for place in range(3)]
    many = [
        by("laopost", "held", 0)._replace(event_id=f"{place:032x}", received_at=place)
        for place in range(5_000)
    ]
    first = first_received([*many, *few])
    assert len(first) == MOST_SCANS + 1, "and the first that is too many"
    assert {scan.event_id for scan in few} <= {scan.event_id for scan in first}
    assert [scan.received_at for scan in first if scan.reporter == "laopost"] == list(range(MOST_SCANS - 2))


def test_figures_are_those_of_the_credited_post() -> None:
    folded = fold([by("vnpost", "accepted", 0), by("laopost", "delivered", 30)])
    found = contribution(SHARED, counted(folded.parcel))
    assert found is not None
    assert found.cell.carrier == "laopost"


@given(journeys(), st.randoms(use_true_random=False))
def test_the_credit_does_not_depend_on_the_order_of_arrival(scans: list[Scan], order: object) -> None:
    shuffled = sorted(scans, key=lambda _: order.random())  # type: ignore[attr-defined]
    assert fold(scans).parcel.credited == fold(shuffled).parcel.credited
