"""The notifier's rules as tables."""

from typing import Final

from buuta.model.milestone import MilestoneKind

VERSION: Final = "1"

TOLD: Final[frozenset[str]] = frozenset(
    {
        MilestoneKind.ACCEPTED,
        MilestoneKind.CUSTOMS_HOLD,
        MilestoneKind.HELD,
        MilestoneKind.OUT_FOR_DELIVERY,
        MilestoneKind.ATTEMPT_FAILED,
        MilestoneKind.READY_AT_POINT,
        MilestoneKind.DELIVERED,
        MilestoneKind.RETURNING,
        MilestoneKind.RETURNED,
        MilestoneKind.CANCELLED,
        MilestoneKind.DAMAGED,
        MilestoneKind.LOST,
        MilestoneKind.DELAYED,
    }
)
"""Milestones that become messages; that a parcel moves on is seen on its page."""

BACKOFF_SECONDS: Final = (5, 30, 120, 600, 1800, 3600, 7200)
"""Pauses between attempts; after the last a message has failed."""


def pause_after(attempts: int) -> int | None:
    """Seconds to wait after so many attempts; None when it was the last."""
    return BACKOFF_SECONDS[attempts - 1] if attempts <= len(BACKOFF_SECONDS) else None
