"""The tracker's rules as tables. To change what a status means, change a row here.

`VERSION` grows with every change of a row: it is shown by the service and by `/health`.
"""

from typing import Final, NamedTuple

from buuta.model.milestone import MilestoneKind
from buuta.model.statuses import DeliveryMode, Outcome, Status

VERSION: Final = "1"
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class MilestoneRule(NamedTuple):
    """Which milestone a status implies, the letter that `parcels.live` keeps, and whether again."""

    kind: MilestoneKind
    letter: str
    repeats: bool


ONCE: Final = False
EACH_TIME: Final = True

MILESTONES: Final[dict[str, MilestoneRule]] = {
    Status.ACCEPTED: MilestoneRule(MilestoneKind.ACCEPTED, "A", ONCE),
    Status.IN_TRANSIT: MilestoneRule(MilestoneKind.IN_TRANSIT, "T", ONCE),
    Status.CUSTOMS_HOLD: MilestoneRule(MilestoneKind.CUSTOMS_HOLD, "C", ONCE),
    Status.HELD: MilestoneRule(MilestoneKind.HELD, "H", EACH_TIME),
    Status.OUT_FOR_DELIVERY: MilestoneRule(MilestoneKind.OUT_FOR_DELIVERY, "O", EACH_TIME),
    Status.ATTEMPT_FAILED: MilestoneRule(MilestoneKind.ATTEMPT_FAILED, "F", EACH_TIME),
    Status.READY_AT_POINT: MilestoneRule(MilestoneKind.READY_AT_POINT, "P", EACH_TIME),
    Status.DELIVERED: MilestoneRule(MilestoneKind.DELIVERED, "D", ONCE),
    Status.RETURN_PENDING: MilestoneRule(MilestoneKind.RETURNING, "R", ONCE),
    Status.RETURNING: MilestoneRule(MilestoneKind.RETURNING, "R", ONCE),
    Status.RETURNED: MilestoneRule(MilestoneKind.RETURNED, "U", ONCE),
    Status.CANCELLED: MilestoneRule(MilestoneKind.CANCELLED, "X", ONCE),
    Status.DAMAGED: MilestoneRule(MilestoneKind.DAMAGED, "M", ONCE),
    Status.LOST: MilestoneRule(MilestoneKind.LOST, "L", ONCE),
    Status.COMPENSATED: MilestoneRule(MilestoneKind.LOST, "L", ONCE),
}
"""A status that does not stand here is worth no milestone."""

_RETURN: Final = frozenset({Status.RETURN_PENDING, Status.RETURNING, Status.RETURNED})
_MOVES: Final = frozenset(Status) - {
    Status.INFO_RECEIVED, Status.PICKUP_IN_PROGRESS, Status.PICKUP_FAILED,
}  # fmt: skip

LEAVES: Final[dict[str, frozenset[Status]]] = {
    # A return leg may carry the same number, so delivered is not absorbing.
    Status.DELIVERED: _RETURN,
    Status.RETURNED: frozenset(),
    # An order that was cancelled and moves all the same: what happened counts.
    Status.CANCELLED: _MOVES - {Status.EXPIRED},
    # Lost things are found.
    Status.LOST: _MOVES - {Status.EXPIRED},
    Status.DAMAGED: _RETURN | {Status.DELIVERED, Status.LOST, Status.COMPENSATED},
    Status.COMPENSATED: frozenset(),
}
"""Where an ended parcel can still go; a move that is not here changes nothing. Others go anywhere."""

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

DELIVERED_AS: Final[dict[str, Outcome]] = {
    DeliveryMode.ADDRESS: Outcome.DELIVERED_TO_ADDRESS,
    DeliveryMode.POINT: Outcome.DELIVERED_AT_POINT,
    DeliveryMode.LOCKER: Outcome.DELIVERED_AT_POINT,
    DeliveryMode.REDIRECT: Outcome.DELIVERED_AS_ASKED,
    DeliveryMode.UNKNOWN: Outcome.DELIVERED_UNKNOWN_MODE,
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
