"""Findings: what in a parcel's history a careful clerk would ask about. Each names its rule."""

from typing import Final, NamedTuple

from services.tracker.domain.parcel import Parcel


class Finding(NamedTuple):
    """A rule that was broken: the letter that `parcels.findings` keeps, a name, and what it says."""

    letter: str
    name: str
    says: str


IMPOSSIBLE_MOVE: Final = Finding(
    "I", "impossible_move", "a scan that the transition table bars; it changed nothing"
)
NO_ROUND_BEFORE_DELIVERY: Final = Finding(
    "D", "delivered_without_out_for_delivery", "delivered, though it neither went out nor waited at a point"
)
NO_ROUND_BEFORE_ATTEMPT: Final = Finding(
    "A", "attempt_without_out_for_delivery", "an attempt failed that no courier set out for"
)
ATTEMPT_FAR_AWAY: Final = Finding(
    "F",
    "attempt_far_from_address",
    "an attempt failed more than 1 km from the address: perhaps none was made",
)
TIME_OUT_OF_RANGE: Final = Finding(
    "T",
    "time_out_of_range",
    "a scan that is older than a year when it comes; it is kept and does not steer",
)
TIME_AHEAD: Final = Finding(
    "U", "time_ahead", "a scan more than 10 minutes ahead of its receipt; it steers by its receipt"
)
DELIVERED_ON_THE_WAY_BACK: Final = Finding(
    "B",
    "delivered_on_the_way_back",
    "reported as delivered on its way back: to its sender, so it is returned",
)
TRIED_AFTER_DELIVERY: Final = Finding(
    "E",
    "tried_after_delivery",
    "on its round again after it was delivered: the delivery was a mistake, or a time is wrong",
)

TOO_FAST: Final = Finding(
    "V",
    "places_too_far_apart",
    "two scans in a row lie further apart than a flight covers in the time between",
)
NOT_INVITED_TWICE: Final = Finding(
    "W",
    "return_without_two_invitations",
    "goes back, though the addressee was not invited twice, two working days apart (Postal Law Art. 17(1))",
)
TOO_MANY_SCANS: Final = Finding(
    "Z",
    "too_many_scans",
    "more scans than a parcel can have; the first 2,000 received steer (posts take turns), the rest is kept",
)
COPIES_DIFFER: Final = Finding(
    "C",
    "copies_differ",
    "a report came again under its own id and said something else; what was received first stands",
)
CORRECTS_ANOTHERS: Final = Finding(
    "R", "corrects_anothers_scan", "a post took back what another reported; the other's scan stands"
)

FINDINGS: Final = (
    IMPOSSIBLE_MOVE, NO_ROUND_BEFORE_DELIVERY, NO_ROUND_BEFORE_ATTEMPT, ATTEMPT_FAR_AWAY, TIME_OUT_OF_RANGE,
    TOO_FAST, NOT_INVITED_TWICE, TOO_MANY_SCANS, COPIES_DIFFER,
    CORRECTS_ANOTHERS, TIME_AHEAD, DELIVERED_ON_THE_WAY_BACK, TRIED_AFTER_DELIVERY,
)  # fmt: skip


def find(parcel: Parcel, finding: Finding) -> None:
    """Note a finding on a parcel; a set of letters in one order, however often and when it is found."""
    if finding.letter not in parcel.findings:
        parcel.findings = "".join(sorted(parcel.findings + finding.letter))
