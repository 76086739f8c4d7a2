"""The tracker's rules as tables. To change what a status means, change a row here.

`VERSION` grows with every change of a row: it is shown by the service and by `/health`.
"""

from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from buuta.model.milestone import MilestoneKind
from buuta.model.statuses import DEADLINE_LETTER, Deadline, DeliveryMode, Outcome, Reason, Service, Status

VERSION: Final = "8"
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Apart(Enum):
    """What tells the milestones of one kind apart; so it says when there is another one.

    `ONCE`: nothing does. `EACH_TIME`: it came to it again from something else; they are counted. `A_DAY`: the day
    at the place, so twice on a day is one. `A_STAY`: the day as well, where it came to it from something else.
    `ATTEMPT`: the number of the attempt where the carrier counts, else the day and whether it went out again.
    `POINT`: the place and the day of the arrival.
    """

    ONCE = auto()
    EACH_TIME = auto()
    A_DAY = auto()
    A_STAY = auto()
    ATTEMPT = auto()
    POINT = auto()


class MilestoneRule(NamedTuple):
    """Which milestone a status implies, the letter that `parcels.live` keeps, and what tells two of them apart."""

    kind: str
    letter: str
    apart: Apart


IN_A_ROW: Final = frozenset({Apart.A_DAY, Apart.ATTEMPT, Apart.POINT})
"""There may be another one though the status was the same before."""

MILESTONES: Final[dict[str, MilestoneRule]] = {
    Status.ACCEPTED: MilestoneRule(MilestoneKind.ACCEPTED.value, "A", Apart.ONCE),
    Status.IN_TRANSIT: MilestoneRule(MilestoneKind.IN_TRANSIT.value, "T", Apart.ONCE),
    Status.CUSTOMS_HOLD: MilestoneRule(MilestoneKind.CUSTOMS_HOLD.value, "C", Apart.ONCE),
    Status.HELD: MilestoneRule(MilestoneKind.HELD.value, "H", Apart.A_STAY),
    Status.OUT_FOR_DELIVERY: MilestoneRule(MilestoneKind.OUT_FOR_DELIVERY.value, "O", Apart.A_DAY),
    Status.ATTEMPT_FAILED: MilestoneRule(MilestoneKind.ATTEMPT_FAILED.value, "F", Apart.ATTEMPT),
    Status.READY_AT_POINT: MilestoneRule(MilestoneKind.READY_AT_POINT.value, "P", Apart.POINT),
    Status.DELIVERED: MilestoneRule(MilestoneKind.DELIVERED.value, "D", Apart.EACH_TIME),
    Status.RETURN_PENDING: MilestoneRule(MilestoneKind.RETURNING.value, "R", Apart.EACH_TIME),
    Status.RETURNING: MilestoneRule(MilestoneKind.RETURNING.value, "R", Apart.EACH_TIME),
    Status.RETURNED: MilestoneRule(MilestoneKind.RETURNED.value, "U", Apart.ONCE),
    Status.CANCELLED: MilestoneRule(MilestoneKind.CANCELLED.value, "X", Apart.EACH_TIME),
    Status.DAMAGED: MilestoneRule(MilestoneKind.DAMAGED.value, "M", Apart.EACH_TIME),
    Status.LOST: MilestoneRule(MilestoneKind.LOST.value, "L", Apart.EACH_TIME),
    Status.COMPENSATED: MilestoneRule(MilestoneKind.LOST.value, "L", Apart.EACH_TIME),
}
"""A status that does not stand here is worth no milestone."""

LAST_MILE: Final = frozenset(
    {Status.OUT_FOR_DELIVERY, Status.ATTEMPT_FAILED, Status.READY_AT_POINT, Status.DELIVERED}
)
"""Of the posts that share a parcel, who reports one of these is the one that it counts for."""

_RETURN: Final = frozenset({Status.RETURN_PENDING, Status.RETURNING, Status.RETURNED})
_MOVES: Final = frozenset(Status) - {
    Status.INFO_RECEIVED, Status.PICKUP_IN_PROGRESS, Status.PICKUP_FAILED,
}  # fmt: skip

LEAVES: Final[dict[str, frozenset[Status]]] = {
    # A return leg may carry the same number, and a delivery may have been reported by mistake (`REOPENS_MS`).
    Status.DELIVERED: _RETURN | {Status.OUT_FOR_DELIVERY, Status.ATTEMPT_FAILED, Status.READY_AT_POINT},
    Status.RETURNED: frozenset(),
    # An order that was cancelled and moves all the same: what happened counts.
    Status.CANCELLED: _MOVES - {Status.EXPIRED},
    # Lost things are found.
    Status.LOST: _MOVES - {Status.EXPIRED},
    Status.DAMAGED: _RETURN | {Status.DELIVERED, Status.LOST, Status.COMPENSATED},
    Status.COMPENSATED: frozenset(),
}
"""Where an ended parcel can still go; a move that is not here changes nothing. Others go anywhere."""

REOPENS_MS: Final[dict[str, int]] = {
    Status.ATTEMPT_FAILED: 0,
    Status.OUT_FOR_DELIVERY: HOUR_MS,
    Status.READY_AT_POINT: HOUR_MS,
}
"""So long after a delivery, or later, such a scan says that it was none. Sooner it is of the round before: couriers
scan in a hurry and clocks differ; that an attempt failed is no slip of a minute."""

BEFORE_ACCEPTANCE: Final = frozenset(
    {
        Status.INFO_RECEIVED,
        Status.PICKUP_IN_PROGRESS,
        Status.PICKUP_FAILED,
        Status.CANCELLED,
        Status.EXPIRED,
    }
)
"""No movement: these open no cohort. Cancelled before acceptance is no outcome (domain 3.5)."""

DELIVERED_AS: Final[dict[str, str]] = {
    DeliveryMode.ADDRESS: Outcome.DELIVERED_TO_ADDRESS.value,
    DeliveryMode.POINT: Outcome.DELIVERED_AT_POINT.value,
    DeliveryMode.LOCKER: Outcome.DELIVERED_AT_POINT.value,
    DeliveryMode.REDIRECT: Outcome.DELIVERED_AS_ASKED.value,
    DeliveryMode.UNKNOWN: Outcome.DELIVERED_UNKNOWN_MODE.value,
}
"""Postal Law 49/2010/QH12, Art. 11(3): at the address, at a service point, or as the user asked."""

ENDED_AS: Final[dict[str, Outcome]] = {
    Status.RETURNED: Outcome.RETURNED,
    Status.CANCELLED: Outcome.RETURNED,
    Status.DAMAGED: Outcome.LOST,
    Status.LOST: Outcome.LOST,
    Status.COMPENSATED: Outcome.LOST,
}
"""Cancelled after acceptance goes back to its sender, so it counts among the returned."""

NEXT_EXPECTED_MS: Final[dict[str, int]] = {
    Status.INFO_RECEIVED: 2 * DAY_MS,
    Status.PICKUP_IN_PROGRESS: DAY_MS,
    Status.PICKUP_FAILED: 2 * DAY_MS,
    Status.ACCEPTED: DAY_MS,
    Status.IN_TRANSIT: 2 * DAY_MS,
    Status.CUSTOMS_HOLD: 7 * DAY_MS,
    Status.HELD: 3 * DAY_MS,
    Status.OUT_FOR_DELIVERY: 14 * HOUR_MS,
    Status.ATTEMPT_FAILED: 2 * DAY_MS,
    Status.READY_AT_POINT: 7 * DAY_MS,
    Status.RETURN_PENDING: 3 * DAY_MS,
    Status.RETURNING: 3 * DAY_MS,
}
"""How long after a status the next scan is due, at the latest; ended parcels wait for nothing."""

LIMITS_MS: Final[dict[tuple[str | None, str | None], dict[str, int]]] = {
    (None, Service.EXPRESS.value): {
        Status.ACCEPTED: 12 * HOUR_MS, Status.IN_TRANSIT: DAY_MS, Status.ATTEMPT_FAILED: DAY_MS,
    },
    (None, Service.ECONOMY.value): {Status.IN_TRANSIT: 4 * DAY_MS},
    (None, Service.FREIGHT.value): {Status.ACCEPTED: 2 * DAY_MS, Status.IN_TRANSIT: 5 * DAY_MS},
}  # fmt: skip
"""Other limits by carrier and service, either of them or both; the most exact row counts."""
STALE_MS: Final = 30 * DAY_MS
"""So long without a scan, a parcel is stale, whatever its status."""

DEADLINES: Final[dict[str, MilestoneRule]] = {
    Deadline.STUCK: MilestoneRule(MilestoneKind.STUCK.value, DEADLINE_LETTER[Deadline.STUCK], Apart.A_DAY),
    Deadline.DELAYED: MilestoneRule(
        MilestoneKind.DELAYED.value, DEADLINE_LETTER[Deadline.DELAYED], Apart.ONCE
    ),
    Deadline.STALE: MilestoneRule(MilestoneKind.STALE.value, DEADLINE_LETTER[Deadline.STALE], Apart.A_DAY),
}
"""Which milestone a deadline implies that passed."""


STOPS_CLOCK: Final[frozenset[tuple[str, str | None]]] = frozenset({
    (Status.CUSTOMS_HOLD.value, Reason.CUSTOMS.value),
    (Status.HELD.value, Reason.RESCHEDULE_REQUESTED.value),
    (Status.ATTEMPT_FAILED.value, Reason.RESCHEDULE_REQUESTED.value),
    (Status.READY_AT_POINT.value, Reason.RESCHEDULE_REQUESTED.value),
    (Status.HELD.value, Reason.WEATHER.value),
    (Status.ATTEMPT_FAILED.value, Reason.WEATHER.value),
})  # fmt: skip
"""Status and reason from which on the clock of the transit time stands still, up to the next scan: customs that
say why they hold it (UPU EMSEVT: EME with a reason, up to EMF), a date that the recipient asked for, force
majeure."""
MAY_STOP: Final = frozenset(status for status, _ in STOPS_CLOCK)


class StatusRule(NamedTuple):
    """All that the tables say of one status, in one look-up, with plain texts: the hot path's table."""

    milestone: MilestoneRule | None
    in_a_row: bool
    barred: frozenset[str]
    moves: bool
    ended_as: str | None


def _rule(status: Status) -> StatusRule:
    goes = LEAVES.get(status)
    barred = (
        frozenset[str]() if goes is None else frozenset(str(each) for each in Status if each not in goes)
    )
    milestone = MILESTONES.get(status)
    return StatusRule(
        milestone,
        milestone is not None and milestone.apart in IN_A_ROW,
        barred - {str(status)},
        status not in BEFORE_ACCEPTANCE,
        ENDED_AS[status].value if status in ENDED_AS else None,
    )


RULES: Final[dict[str, StatusRule]] = {status.value: _rule(status) for status in Status}


@lru_cache(maxsize=4096)
def next_expected_ms(carrier: str, service: str | None, status: str) -> int | None:
    """How long a carrier may be silent after a status; None where nothing more is waited for."""
    default = NEXT_EXPECTED_MS.get(status)
    if default is None:
        return None
    rows = ((carrier, service), (carrier, None), (None, service))
    return next((LIMITS_MS[row][status] for row in rows if status in LIMITS_MS.get(row, ())), default)


def stops_clock(status: str, reason: str | None) -> bool:
    """Whether the clock of the transit time stands still from such a scan on."""
    return (status, reason) in STOPS_CLOCK


def kind_of(status: str) -> str:
    """The kind of milestone that a status implies; only for statuses that imply one."""
    return MILESTONES[status].kind
