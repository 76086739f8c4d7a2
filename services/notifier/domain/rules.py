"""The notifier's rules as tables."""

from collections.abc import Mapping
from typing import Final

from buuta.model.milestone import MilestoneKind
from buuta.model.statuses import Status

VERSION: Final = "2"
HOUR_MS: Final = 3_600_000

NEWS_HOURS: Final[Mapping[str, int]] = {
    MilestoneKind.ACCEPTED: 24,
    MilestoneKind.CUSTOMS_HOLD: 48,
    MilestoneKind.HELD: 24,
    MilestoneKind.OUT_FOR_DELIVERY: 10,
    MilestoneKind.ATTEMPT_FAILED: 24,
    MilestoneKind.READY_AT_POINT: 72,
    MilestoneKind.DELIVERED: 48,
    MilestoneKind.RETURNING: 48,
    MilestoneKind.RETURNED: 72,
    MilestoneKind.CANCELLED: 72,
    MilestoneKind.DAMAGED: 72,
    MilestoneKind.LOST: 72,
    MilestoneKind.DELAYED: 48,
}
"""Milestones that become messages, and for how many hours each is news; that a parcel moves on is seen on its page.

"Mind your phone" is of a courier's day; an end is looked for as long as somebody waits for the parcel. The setting
`tell_within_hours` shortens all of them.
"""
TOLD: Final = frozenset(NEWS_HOURS)

_ENDS: Final = frozenset(
    {
        Status.DELIVERED, Status.RETURN_PENDING, Status.RETURNING, Status.RETURNED, Status.CANCELLED,
        Status.LOST, Status.COMPENSATED, Status.EXPIRED,
    }
)  # fmt: skip
_LAST_MILE: Final = frozenset({Status.OUT_FOR_DELIVERY, Status.ATTEMPT_FAILED, Status.READY_AT_POINT})
_STOPS: Final = frozenset({Status.CUSTOMS_HOLD, Status.HELD, Status.DAMAGED})
_FURTHER: Final = _LAST_MILE | _STOPS | _ENDS
_ANYTHING: Final = _FURTHER | {Status.ACCEPTED, Status.IN_TRANSIT}
_UNDONE: Final = _FURTHER - {Status.DAMAGED}
OVERTAKEN_BY: Final[Mapping[str, frozenset[str]]] = {
    MilestoneKind.ACCEPTED: _FURTHER,
    MilestoneKind.CUSTOMS_HOLD: _ANYTHING,
    MilestoneKind.HELD: _ANYTHING,
    MilestoneKind.OUT_FOR_DELIVERY: _ANYTHING,
    MilestoneKind.ATTEMPT_FAILED: _FURTHER,
    MilestoneKind.READY_AT_POINT: _ANYTHING,
    MilestoneKind.DELIVERED: _UNDONE,
    MilestoneKind.RETURNING: _UNDONE,
    MilestoneKind.RETURNED: _UNDONE,
    MilestoneKind.CANCELLED: _ANYTHING,
    MilestoneKind.DAMAGED: frozenset(),
    MilestoneKind.LOST: _ANYTHING,
    MilestoneKind.DELAYED: _LAST_MILE | _ENDS,
}
"""By which later states a message is overtaken: said after one of them, it would be wrong or no use any more.

A parcel that moves on was accepted all the same, and its attempt failed all the same; but what was out for delivery
and is in transit again does not come today. Damage stays news whatever follows. By the names of statuses, which are
those of milestones, too.
"""

BACKOFF_SECONDS: Final = (5, 30, 120, 600, 1800, 3600, 7200)
"""Pauses between attempts that a provider answered; after the last a message has failed."""
FIRST_AWAY_SECONDS: Final = 1.0
LONGEST_AWAY_SECONDS: Final = 60.0


def pause_after(attempts: int) -> int | None:
    """Seconds to wait after so many attempts; None when it was the last."""
    return BACKOFF_SECONDS[attempts - 1] if attempts <= len(BACKOFF_SECONDS) else None


def away_pause(misses: int) -> float:
    """Seconds until a provider that could not be reached so many times in a row is tried again."""
    return min(FIRST_AWAY_SECONDS * float(1 << min(max(misses - 1, 0), 10)), LONGEST_AWAY_SECONDS)


def news_ms(kind: str, within_hours: int) -> int:
    """For how many milliseconds after it happened a kind is news, where the setting allows so many hours."""
    return min(NEWS_HOURS.get(kind, within_hours), within_hours) * HOUR_MS
