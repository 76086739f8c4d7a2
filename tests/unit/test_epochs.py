"""A number that is used again is another parcel: after 180 days, never for a return leg (domain 1, point 8)."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.model.gaps import read_gaps
from buuta.model.scan import Scan
from services.tracker.domain.epochs import AHEAD_MS, GAP_MS, Papers, standing
from services.tracker.domain.fold import Folded, fold
from services.tracker.domain.parcel import Declared
from services.tracker.domain.tell import difference, numbered, told_ids
from tests.scans import HOUR, MORNING, declared, later, letters, reused_journeys, scan

DELIVERED = [scan("accepted", 0), scan("out_for_delivery", 1), scan("delivered", 2)]
DAY = 24 * HOUR
NEXT = MORNING + 2 * HOUR + GAP_MS - AHEAD_MS
"""From here on a registration is of the number's next parcel."""


def again(days: int, *statuses: str) -> list[Scan]:
    """Scans of the same number, days after the hour at which the first parcel was delivered."""
    return [
        later(scan(status, 2 + hour), days)._replace(received_at=MORNING + days * DAY + 9 * HOUR)
        for hour, status in enumerate(statuses)
    ]


def with_(scans: list[Scan], *registrations: Declared) -> Folded:
    return fold(scans, Papers(registrations=frozenset(registrations)))


@pytest.mark.parametrize(("days", "epoch"), [(179, 1), (180, 2), (400, 2)])
def test_a_number_used_again_180_days_after_its_ending_is_another_parcel(days: int, epoch: int) -> None:
    parcel, live, past = fold([*DELIVERED, *again(days, "accepted", "delivered")])
    assert (parcel.epoch, len(past)) == (epoch, epoch - 1)
    if epoch == 2:
        assert (parcel.live, letters(past[0].live), parcel.attempts) == ("AD", "AOD", 0)
        assert [each.epoch for each in live] == [1, 1, 1, 2, 2]
        assert parcel.epoch_from == parcel.accepted_at
        assert past[0].outcome == parcel.outcome == "delivered_unknown_mode"


@pytest.mark.parametrize(
    "status", ["return_pending", "returning", "returned", "delivered", "compensated", "lost", "expired"]
)
def test_a_return_leg_and_what_only_ends_a_parcel_open_no_other(status: str) -> None:
    parcel, _, past = fold([*DELIVERED, *again(200, status)])
    assert (parcel.epoch, past) == (1, [])


def test_silence_is_no_ending() -> None:
    parcel, _, past = fold([scan("accepted", 0), *again(300, "accepted")])
    assert (parcel.epoch, past) == (1, [])


def test_what_a_courier_reports_and_nobody_confirms_opens_no_parcel() -> None:
    [report] = again(200, "accepted")
    assert fold([*DELIVERED, report._replace(provisional=True)]).parcel.epoch == 1


def test_a_late_scan_joins_two_epochs_and_what_was_told_is_not_told_again() -> None:
    reused = [*DELIVERED, *again(200, "accepted", "out_for_delivery")]
    still_alive = later(scan("attempt_failed", 1), 100)
    before, after = fold(reused), fold([*reused, still_alive])
    assert (before.parcel.epoch, after.parcel.epoch, after.past) == (2, 1, [])
    assert [(action.value, each.epoch, each.kind) for action, each in difference(before.live, after.live)] == [
        ("retracted", 2, "accepted"), ("retracted", 2, "out_for_delivery"), ("joined", 1, "attempt_failed"),
        ("moved", 1, "out_for_delivery"),
    ]  # fmt: skip


def test_who_registers_long_after_the_ending_hears_nothing_of_a_strangers_parcel() -> None:
    early, new = (
        declared(registered_at=NEXT - 1),
        declared(registered_at=NEXT, registration_id="n", province="79"),
    )
    parcel, _, past = with_(DELIVERED, early, new)
    assert (parcel.epoch, parcel.status, parcel.live, parcel.registration_id) == (2, None, "", "n")
    assert (parcel.epoch_from, past[0].dest_province, parcel.dest_province) == (NEXT, "01", "79")
    [record] = numbered("ghn", "Z82BS", parcel, difference([], with_(DELIVERED, early).live[:1]))
    assert record.registration_id is None, "the past parcel's news is not the new addressee's"


def test_a_registration_waits_for_its_parcel_whose_scans_then_come() -> None:
    new = declared(registered_at=NEXT + DAY, registration_id="n")
    waiting, came = with_(DELIVERED, new), with_([*DELIVERED, *again(200, "accepted")], new)
    assert (waiting.parcel.epoch, came.parcel.epoch) == (2, 2)
    assert (came.parcel.registration_id, came.past[0].registration_id) == ("n", None)


def test_a_withdrawal_long_after_the_ending_hides_no_parcel() -> None:
    withdrawn = declared(registered_at=NEXT, version=2, withdrawn=True)
    assert with_(DELIVERED, declared(), withdrawn).parcel.status == "delivered"


def test_of_two_first_versions_the_registration_that_was_made_first_holds() -> None:
    first, second = declared(registration_id="b"), declared(registration_id="a", registered_at=MORNING + 1)
    assert with_(DELIVERED, second, first).parcel.registration_id == "b"


FIRST = declared(registration_id="z-first", province="01", promised_at=7, service="express")
SECOND: dict[str, Any] = {
    "registration_id": "a-second",
    "registered_at": MORNING + 1,
    "province": "79",
    "service": "economy",
}


def steered(*versions: Declared) -> tuple[str | None, int | None, str | None, list[str]]:
    parcel = with_(DELIVERED, *versions).parcel
    return parcel.dest_province, parcel.promised_at, parcel.service, told_ids(parcel)


@pytest.mark.parametrize("version", [1, 2, 99])
def test_a_second_registration_steers_nothing_and_silences_nobody_whatever_its_version(
    version: int,
) -> None:
    second = declared(version=version, promised_at=9, **SECOND)
    assert steered(FIRST, second) == ("01", 7, "express", ["z-first", "a-second"])
    withdrawn = declared(version=version + 1, withdrawn=True, **SECOND)
    assert steered(FIRST, second, withdrawn) == ("01", 7, "express", ["z-first"])


def test_the_registration_that_the_carrier_confirms_steers_and_is_told_first() -> None:
    second = declared(version=2, confirmed=True, **SECOND)
    assert steered(FIRST, second) == ("79", None, "economy", ["a-second", "z-first"])
    assert steered(FIRST._replace(confirmed=True), second)[0] == "01", "of two, the first"


def test_who_withdraws_silences_only_their_own_recipients_and_the_parcel_still_goes_there() -> None:
    withdrawn = FIRST._replace(version=2, withdrawn=True, registered_at=MORNING + 5)
    assert steered(FIRST, withdrawn, declared(**SECOND)) == ("01", 7, "express", ["a-second"])


@given(st.lists(st.builds(
    declared, registration_id=st.sampled_from("abc"), version=st.integers(1, 3), withdrawn=st.booleans(),
    registered_at=st.integers(MORNING, MORNING + 3), confirmed=st.booleans(),
), max_size=6, unique_by=lambda each: (each.registration_id, each.version)), st.randoms())  # fmt: skip
def test_each_registration_stands_alone(versions: list[Declared], chance: Random) -> None:
    """Told is whose own newest version is not withdrawn, whatever anybody else declares, in any order."""
    shuffled = chance.sample(versions, len(versions))
    assert standing(versions) == standing(shuffled)
    alone = {own: [each for each in versions if each.registration_id == own] for own in "abc"}
    assert set(standing(versions).told) == {told for own in alone.values() for told in standing(own).told}


@given(reused_journeys(), st.integers(31, 400))
def test_a_longer_gap_parts_no_more_epochs(scans: list[Scan], days: int) -> None:
    many = fold(scans, Papers(gap_ms=days * DAY)).parcel.epoch
    assert fold(scans, Papers(gap_ms=(days + 30) * DAY)).parcel.epoch <= many


ENDED_AT = MORNING + 2 * HOUR


def registered(days: float, **more: Any) -> Declared:
    """A registration so many days after the first parcel's end."""
    return declared(registered_at=ENDED_AT + int(days * DAY), registration_id="n", **more)


@pytest.mark.parametrize(
    ("accepted", "made", "epoch"),
    [
        (60, 59, 2), (60, 60.5, 2), (3, 2, 2), (60, 31, 2),
        (60, 29, 1),  # too long before: of the parcel that was delivered then
        (60, 91, 1), (60, -1, 1),
    ],
)  # fmt: skip
def test_registered_again_and_accepted_again_within_180_days_it_is_another_parcel(
    accepted: int, made: float, epoch: int
) -> None:
    scans = [*DELIVERED, *again(accepted, "accepted", "out_for_delivery")]
    parcel, live, past = with_(scans, declared(), registered(made, province="79"))
    assert (parcel.epoch, len(past)) == (epoch, epoch - 1)
    if epoch == 2:
        assert (parcel.status, parcel.registration_id, parcel.dest_province) == (
            "out_for_delivery",
            "n",
            "79",
        )
        assert (past[0].outcome, past[0].registration_id) == (
            "delivered_unknown_mode",
            declared().registration_id,
        )
        assert [each.epoch for each in live] == [1, 1, 1, 2, 2]
    else:
        assert "I" in parcel.findings, "accepted, though it was delivered"


@pytest.mark.parametrize("status", ["in_transit", "info_received", "out_for_delivery", "returning"])
def test_registered_again_alone_or_scanned_again_alone_is_no_other_parcel(status: str) -> None:
    assert with_([*DELIVERED, *again(60, status)], registered(59)).parcel.epoch == 1
    assert fold([*DELIVERED, *again(60, "accepted")]).parcel.epoch == 1
    back = [each._replace(direction="return") for each in again(60, "accepted")]
    assert with_([*DELIVERED, *back], registered(59)).parcel.epoch == 1, "a return leg never is"


def test_what_was_announced_before_it_was_accepted_again_is_of_the_next_parcel() -> None:
    scans = [*DELIVERED, *again(60, "info_received", "pickup_in_progress", "accepted")]
    parcel, _, past = with_(scans, registered(59))
    assert (parcel.epoch_from, parcel.findings, past[0].findings) == (ENDED_AT + 60 * DAY, "", "")


SCANS = [
    *DELIVERED,
    *again(60, "info_received", "accepted", "delivered"),
    *again(120, "accepted", "returning"),
]


@given(
    st.lists(st.sampled_from(SCANS), unique=True),
    st.lists(st.sampled_from([-1, 1, 59, 61, 119, 200]), max_size=3, unique=True),
    st.randoms(),
)
def test_where_parcels_part_does_not_depend_on_the_order(
    scans: list[Scan], made: list[int], chance: Random
) -> None:
    papers = [registered(days, version=days + 2) for days in made]
    shuffled = chance.sample(scans, len(scans))
    assert with_(shuffled, *reversed(papers)) == with_(scans, *papers)


def test_a_carrier_may_use_its_numbers_again_sooner_or_later() -> None:
    gaps = read_gaps(180, "ghn=60, S10=365")
    assert (gaps.of_key("ghn:Z82BS"), gaps.of("s10"), gaps.of("vnp")) == (60 * DAY, 365 * DAY, 180 * DAY)
    assert gaps.longest_days == 365
    scans = [*DELIVERED, *again(60, "in_transit")]
    assert fold(scans, Papers(gap_ms=gaps.of("ghn"))).parcel.epoch == 2
    for wrong in ("ghn", "ghn=30", "ghn=x", "ghn=-90"):
        with pytest.raises(ValueError, match="31 at least"):
            read_gaps(180, wrong)


@pytest.mark.parametrize("flag", [{"direction": "return"}, {"partial_return": True}])
def test_what_is_announced_on_the_way_back_is_of_the_parcel_that_goes_back(flag: dict[str, Any]) -> None:
    """It began the next parcel, which then was on its way back from its first day."""
    announced = scan("info_received", 8, **flag)
    ended = [scan("accepted", 0), scan("returning", 1), scan("returned", 2)]
    parcel, _, past = fold([*ended, announced, *again(400, "accepted", "in_transit")])
    assert (parcel.status, parcel.direction, parcel.epoch_from) == ("in_transit", None, parcel.accepted_at)
    assert parcel.partial_return is False
    assert [each.outcome for each in past] == ["returned"]
