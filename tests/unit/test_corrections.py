"""Corrections: which scans stand, whatever corrects what, and in whatever order it comes."""

from hypothesis import given
from hypothesis import strategies as st

from buuta.model.scan import Scan
from buuta.model.steering import Facts, steering
from services.tracker.domain.fold import fold
from services.tracker.domain.tell import difference
from tests.scans import scan

ACCEPTED, WENT_OUT, DELIVERED = scan("accepted", 0), scan("out_for_delivery", 1), scan("delivered", 2)


def correction(of: Scan, kind: str, status: str = "in_transit", hour: float = 3, name: str = "c") -> Scan:
    return scan(
        status,
        hour,
        event_id=f"{name}{of.event_id}"[:32],
        corrects_event_id=of.event_id,
        correction_kind=kind,
    )


def stand(*scans: Scan) -> set[str]:
    return steering(
        Facts(
            each.event_id, each.corrects_event_id, each.correction_kind, each.occurred_at, each.received_at
        )
        for each in scans
    )


def test_did_not_occur_takes_the_scan_away_and_says_nothing_else() -> None:
    state, live, _ = fold(
        [ACCEPTED, WENT_OUT, DELIVERED, correction(DELIVERED, "did_not_occur", "delivered", 2)]
    )
    assert (state.status, state.outcome) == ("out_for_delivery", None)
    assert state.awaits_scan, "whether the next delivery is another only all scans together tell"
    assert [each.kind for each in live] == ["accepted", "out_for_delivery"]


def test_incorrect_data_stands_instead() -> None:
    wrong = correction(DELIVERED, "incorrect_data", "attempt_failed", 2)
    state, live, _ = fold([ACCEPTED, WENT_OUT, DELIVERED, wrong])
    assert (state.status, state.attempts) == ("attempt_failed", 1)
    assert [each.kind for each in live] == ["accepted", "out_for_delivery", "attempt_failed"]


def test_a_correction_of_a_correction_lets_the_scan_stand_again() -> None:
    first = correction(DELIVERED, "did_not_occur")
    assert fold([ACCEPTED, DELIVERED, first, correction(first, "did_not_occur")])[0].status == "delivered"


def test_a_correction_before_its_scan_waits_for_it() -> None:
    early = correction(DELIVERED, "did_not_occur")
    assert fold([ACCEPTED, early])[0].awaits_scan
    assert fold([ACCEPTED, early, DELIVERED])[0].status == "accepted"


def test_corrections_in_a_circle_cancel_out() -> None:
    one = scan("held", 1, event_id="a" * 32, corrects_event_id="b" * 32, correction_kind="incorrect_data")
    two = scan("held", 2, event_id="b" * 32, corrects_event_id="a" * 32, correction_kind="incorrect_data")
    own = scan("held", 3, event_id="e" * 32, corrects_event_id="e" * 32, correction_kind="incorrect_data")
    assert stand(one, two, own) == {"a" * 32, "b" * 32, "e" * 32}


def test_what_is_taken_back_is_retracted_and_what_changes_is_amended() -> None:
    before = fold([ACCEPTED, WENT_OUT, DELIVERED])[1]
    after = fold([ACCEPTED, WENT_OUT, DELIVERED, correction(DELIVERED, "did_not_occur")])[1]
    assert [(action, each.kind) for action, each in difference(before, after)] == [
        ("retracted", "delivered")
    ]
    moved = fold(
        [ACCEPTED, WENT_OUT, DELIVERED, correction(WENT_OUT, "incorrect_data", "out_for_delivery", 1.5)]
    )
    assert [(action, each.kind) for action, each in difference(before, moved[1])] == [
        ("amended", "out_for_delivery")
    ]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=8, unique_by=lambda pair: pair[0])
)
def test_a_scan_stands_exactly_if_nothing_that_stands_corrects_it(pairs: list[tuple[int, int]]) -> None:
    """The rule itself, on any graph; on a circle that nothing from outside breaks, everything stands."""
    names = {number: f"{number}" * 32 for number in range(10)}
    scans = {
        names[place]: scan(
            "held", place, event_id=names[place], corrects_event_id=names[target],
            correction_kind="incorrect_data",
        )
        for place, target in pairs
    }  # fmt: skip
    found = stand(*scans.values())
    circles = {name for name in scans if _returns(name, scans)}
    for name in scans:
        correctors = [other for other, each in scans.items() if each.corrects_event_id == name]
        if name not in circles:
            assert (name in found) == (not any(other in found for other in correctors))
        elif name not in found:
            assert any(other in found for other in correctors)


def _returns(name: str, scans: dict[str, Scan]) -> bool:
    at = scans[name].corrects_event_id
    for _ in scans:
        if at == name:
            return True
        at = scans[at].corrects_event_id if at in scans else None
    return False


def test_what_did_not_occur_steers_nothing_also_where_it_does_not_say_what() -> None:
    """No door lets it in, but the log may hold it: beside another correction it was void, and alone it steered."""
    nothing = scan("lost", 3, correction_kind="did_not_occur")
    elsewhere = correction(WENT_OUT, "incorrect_data", "in_transit", 1)
    assert fold([ACCEPTED, nothing]).parcel.status == "accepted"
    assert fold([ACCEPTED, WENT_OUT, elsewhere, nothing]).parcel.status == "in_transit"
