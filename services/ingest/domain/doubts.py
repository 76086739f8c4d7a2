"""What a sender hears of a time that cannot be believed: the report is kept, and does not count as it says.

`docs/decisions/0091` says how such a scan counts; the tracker decides it by the same function, `doubt_of`.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from buuta.model.scan import Scan
from buuta.model.steering import DID_NOT_OCCUR, Doubt, doubt_of
from buuta.model.times import VIETNAM_MINUTES

MINUTE_MS: Final = 60_000
NEAR_MS: Final = 30 * MINUTE_MS
"""So near to Vietnam's distance from UTC a clock that is ahead is no slow or fast clock."""
AHEAD: Final = "time_ahead"
TOO_OLD: Final = "time_too_old"


class Warned(NamedTuple):
    """A stable code, what to fix, and whether the scan steers its parcel's state all the same."""

    code: str
    message: str
    steers: bool


OLD: Final = Warned(
    TOO_OLD,
    "it happened more than a year before its receipt: it is kept and does not steer the parcel",
    False,
)
SUMS: Final = {
    AHEAD: "{} scans lie more than 10 minutes after their receipt, and count from it: check the carrier's clock",
    TOO_OLD: "{} scans lie more than a year before their receipt: they are kept and do not steer their parcels",
}
WARNED: Final = frozenset(SUMS)


def ahead_ms(scan: Scan) -> int:
    """By how much a scan's clock is ahead of its receipt; negative where it is not, 0 where it says no clock."""
    return 0 if scan.day_only else scan.occurred_at - scan.received_at


def doubt(scan: Scan) -> Warned | None:
    """What cannot be believed of a scan's time; None where all can.

    What did not occur has no time: a correction that says so counts whenever it is said to be.
    """
    if scan.correction_kind == DID_NOT_OCCUR:
        return None
    return doubt_at(scan.occurred_at, scan.received_at, day_only=scan.day_only)


def doubt_at(occurred_at: int, received_at: int, *, day_only: bool) -> Warned | None:
    """The same of a time, in UTC milliseconds."""
    found = doubt_of(occurred_at, received_at, day_only=day_only)
    if found is Doubt.TOO_OLD:
        return OLD
    return None if found is Doubt.NONE else Warned(AHEAD, _ahead(occurred_at - received_at), True)


def in_sum(doubts: Mapping[str, int]) -> list[str]:
    """What is said of many at once, of how many by their codes."""
    return [SUMS[code].format(count) for code, count in sorted(doubts.items()) if count]


def _ahead(by_ms: int) -> str:
    hint = ""
    if abs(by_ms - VIETNAM_MINUTES * MINUTE_MS) < NEAR_MS:
        hint = "; so far is Vietnam from UTC: write +07:00 for a clock in Vietnam, and not Z"
    return f"it lies {_minutes(by_ms)} after its receipt, so it counts from its receipt: check your clock{hint}"


def _minutes(by_ms: int) -> str:
    """How long, in minutes up to two hours, then in hours, then in days; rounded down."""
    minutes = by_ms // MINUTE_MS
    for size, most, name in ((1, 120, "minutes"), (60, 2_880, "hours")):
        if minutes < most:
            return f"{minutes // size} {name}"
    return f"{minutes // 1_440} days"
