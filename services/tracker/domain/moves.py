"""Moves: to which status a scan brings a parcel, if it changes anything; the state machine by itself."""

from typing import Final, NamedTuple, Protocol

from buuta.model.scan import Scan
from buuta.model.statuses import RANK, Status
from buuta.model.ways import GOES_BACK, stands_for, turned
from services.tracker.domain.days import day_begins
from services.tracker.domain.rules import REOPENS_MS, RULES

DELIVERED: Final = Status.DELIVERED.value


class Stands(Protocol):
    """What a parcel's next move depends on; names and meaning as in `Parcel`."""

    status: str | None
    last_at: int | None
    direction: str | None
    partial_return: bool


class Move(NamedTuple):
    """The status that a scan means, None where it changes none, and the way that the parcel is on from it on.

    `is_impossible` says that it changes none since that is against the rules, and not for another cause.
    """

    status: str | None
    direction: str | None
    is_impossible: bool = False


def move(parcel: Stands, status: str, flag: str | None, at: int) -> Move:
    """The move of a parcel by a scan of this status and flag at `at` (UTC milliseconds)."""
    before = parcel.status
    if parcel.partial_return and before == DELIVERED and status in GOES_BACK:
        return Move(None, parcel.direction)
    direction = turned(parcel.direction, status, flag, partial=parcel.partial_return)
    means = stands_for(status, direction)
    if before is None:
        return Move(means, direction)
    if means in RULES[before].barred or (before == DELIVERED and not _reopens(parcel, means, at)):
        return Move(None, direction, is_impossible=True)
    return Move(means, direction)


def as_it_stands(parcel: Stands, status: str, flag: str | None) -> str:
    """What a status means on the way that the parcel is on with it."""
    return stands_for(status, turned(parcel.direction, status, flag, partial=parcel.partial_return))


def came_before(parcel: Stands, scan: Scan) -> bool:
    """Whether a scan of a day without a clock came before what a clock of that day says; so it changes no status.

    Its day is sorted by its end. What usually comes before the parcel's status, and is told of the same day, did.
    """
    if scan.provisional or parcel.status is None or parcel.last_at is None:
        return False
    means = as_it_stands(parcel, scan.status, scan.direction)
    return parcel.last_at >= day_begins(scan.occurred_at, scan.zone) and RANK[means] < RANK[parcel.status]


def _reopens(parcel: Stands, status: str, at: int) -> bool:
    """Whether a scan comes late enough after a delivery to say that it was none; others pass."""
    least = REOPENS_MS.get(status)
    return least is None or parcel.last_at is None or at - parcel.last_at >= least
