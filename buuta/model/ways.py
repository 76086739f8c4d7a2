"""In which order a parcel's scans are read, and what each means on the way that the parcel is on.

Pure and shared: the tracker folds by it, pages and commands show by it, so that the top line is the state.

A return leg is a direction that a parcel has from the first scan that goes back, by its status or since the carrier
flags it, until a scan is flagged `outward`. Nothing else says otherwise: a round, an attempt with its number or a
point are on the way back the sender's. Where a carrier's code is always of the way out (GHN `delivering`), its code
table flags it. What on the way back is reported as delivered was handed to the sender: `returned`.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from buuta.model.statuses import RANK, Direction, Status
from buuta.model.steering import steering_ms
from buuta.model.zones import local

RETURN: Final = Direction.RETURN.value
GOES_BACK: Final = frozenset({Status.RETURN_PENDING.value, Status.RETURNING.value, Status.RETURNED.value})
"""These turn a parcel round, whatever it was."""
ON_THE_WAY_BACK: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            Status.INFO_RECEIVED.value, Status.PICKUP_IN_PROGRESS.value, Status.PICKUP_FAILED.value,
            Status.ACCEPTED.value, Status.IN_TRANSIT.value, Status.CUSTOMS_HOLD.value, Status.HELD.value,
            Status.OUT_FOR_DELIVERY.value, Status.ATTEMPT_FAILED.value, Status.READY_AT_POINT.value,
        ),
        Status.RETURNING.value,
    ),
    Status.DELIVERED.value: Status.RETURNED.value,
}  # fmt: skip
"""What a status means on the way back; one that does not stand here means what it always does."""

Order = tuple[int, int, str]


def business_order(occurred_at: int, received_at: int, status: str, event_id: str) -> Order:
    """The one order of a parcel's scans, oldest first: time, then rank of the status, then event id."""
    return steering_ms(occurred_at, received_at), RANK[status], event_id


def turned(direction: str | None, status: str, flag: str | None, *, partial: bool = False) -> str | None:
    """The way that a parcel is on from a scan of this status and flag on; it was on `direction` before."""
    if partial:
        return direction
    return RETURN if status in GOES_BACK else flag or direction


def stands_for(status: str, direction: str | None) -> str:
    """What a status means on this way."""
    return ON_THE_WAY_BACK.get(status, status) if direction == RETURN else status


class Line(NamedTuple):
    """A line of a timeline: the row as it was read, what its status means, and the time by which it is sorted."""

    row: Any
    status: str
    at: int


def lines(rows: Iterable[Any]) -> list[Line]:
    """The scans of one parcel that steer, newest first, as they stand.

    Of a row are read `status`, `provisional`, `occurred_at`, `received_at`, `event_id`, `direction`,
    `partial_return`, `day_only`, `zone`.
    """
    found, direction, partial, newest = list[Line](), None, False, None
    for row in sorted(rows, key=_order):
        partial = partial or (row["partial_return"] and not row["provisional"])
        on = turned(direction, row["status"], row["direction"], partial=partial)
        at = steering_ms(row["occurred_at"], row["received_at"])
        line = Line(row, stands_for(row["status"], on), at)
        if _came_before(line, newest):
            line = line._replace(status=stands_for(row["status"], direction))
        elif not row["provisional"]:
            # What a courier reports and nobody has confirmed turns nothing.
            direction = on
            newest = line if newest is None or line.status != newest.status else newest
        found.append(line)
    return found[::-1]


def _came_before(line: Line, newest: Line | None) -> bool:
    """Whether a scan of a day without a clock came before the newest that day, and so turns nothing."""
    if newest is None or line.row["provisional"] or not line.row["day_only"]:
        return False
    day, known = (local(each.at, line.row["zone"]).date() for each in (line, newest))
    return day == known and RANK[line.status] < RANK[newest.status]


def implied_by(timeline: Iterable[Line], status: str | None, last_at: int | None) -> Line | None:
    """The line that gave a parcel the status it has; `last_at` is the parcel's. None where none is there."""
    same = (each for each in timeline if each.at == last_at and each.status == status)
    return next((each for each in same if not each.row["provisional"]), None)


def _order(row: Any) -> Order:
    return business_order(row["occurred_at"], row["received_at"], row["status"], row["event_id"])
