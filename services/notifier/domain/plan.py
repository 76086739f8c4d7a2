"""Which messages a milestone record calls for. One per parcel, meaning, recipient and channel."""

from dataclasses import dataclass

from buuta.model.identifiers import parcel_key
from buuta.model.milestone import Action, ParcelMilestone
from services.notifier.domain.rules import TOLD, news_ms


@dataclass(frozen=True)
class Meaning:
    """What a message would say: a milestone of a parcel, whatever its number.

    `ordinal` is what tells milestones of one kind apart, and no count:
    `buuta.model.milestone.Milestone.occurrence`.
    """

    parcel_key: str
    epoch: int
    kind: str
    ordinal: int


def meaning(milestone: ParcelMilestone) -> Meaning:
    """The meaning of a milestone record."""
    key = parcel_key(milestone.carrier, milestone.number)
    return Meaning(key, milestone.epoch, milestone.kind, milestone.occurrence or milestone.ordinal)


def told_of(milestone: ParcelMilestone) -> list[str]:
    """The registrations whose recipients a record tells, the first first; none where nobody is to be told."""
    first = milestone.registration_id
    return [] if first is None or not is_told(milestone) else [first, *milestone.also_registered]


def is_news(milestone: ParcelMilestone, told_at: int, within_hours: int) -> bool:
    """Whether what happened was told in time to be of use to somebody; `told_at` is when the record was made.

    What comes late, since a carrier's file or a code that had to be mapped came late, is on the page.
    """
    return told_at - milestone.occurred_at <= news_ms(milestone.kind, within_hours)


def is_told(milestone: ParcelMilestone) -> bool:
    """Whether somebody is to be told: a kind worth it, somebody registered, and not taken back.

    Of one that has moved to another epoch too, unless the same event was told there before.
    """
    return (
        milestone.kind in TOLD
        and milestone.registration_id is not None
        and milestone.action in (Action.JOINED, Action.RETOLD, Action.MOVED)
    )
