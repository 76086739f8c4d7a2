"""A milestone: a change worth telling."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class MilestoneKind(StrEnum):
    """What a parcel's history can imply, worth somebody's attention.

    `other` is what a reader sees for a kind that is newer than its schema; it is never written.
    """

    ACCEPTED = "accepted"
    IN_TRANSIT = "in_transit"
    CUSTOMS_HOLD = "customs_hold"
    HELD = "held"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPT_FAILED = "attempt_failed"
    READY_AT_POINT = "ready_at_point"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    DAMAGED = "damaged"
    LOST = "lost"
    STUCK = "stuck"
    DELAYED = "delayed"
    STALE = "stale"
    OTHER = "other"


class Action(StrEnum):
    """What happened to a milestone of the live set.

    `retold` says a standing milestone again because somebody registered since it joined; `moved` is one that
    was retracted in another epoch just before, since a late scan joined or parted two epochs.
    """

    JOINED = "joined"
    AMENDED = "amended"
    RETRACTED = "retracted"
    RETOLD = "retold"
    MOVED = "moved"


class Milestone(NamedTuple):
    """A member of a parcel's live set: epoch, kind and occurrence are its identity.

    `occurrence` is made of what tells milestones of one kind apart (the attempt's number, the day, the place), so
    that a late scan gives no other its number. `ordinal` counts for people: the second failed attempt has 2; a late
    scan may change it. `epoch` says which parcel of its number it is of, from 1. Zone, day, partial return and
    linked number are as in `Scan`.
    """

    kind: str
    ordinal: int
    status: str
    reason: str | None
    delivery_mode: str | None
    occurred_at: int
    offset_minutes: int
    facility: str | None
    province: str | None
    commune: str | None
    event_id: str
    epoch: int
    zone: str | None = None
    day_only: bool = False
    partial_return: bool = False
    linked_number: str | None = None
    occurrence: int = 1


class ParcelMilestone(NamedTuple):
    """One `ParcelMilestone` record: an action on a milestone, numbered by the parcel.

    `sequence` counts the records of a parcel from 1 without a gap, so a consumer that has seen
    number n has seen all below it. `milestone_id` is `parcel key + "#" + sequence`. Told are the recipients
    of `registration_id`, and of each in `also_registered`. Where `occurrence` is 0, the writer was an older one and
    `ordinal` told milestones of one kind apart.
    """

    milestone_id: str
    carrier: str
    number: str
    sequence: int
    action: str
    kind: str
    ordinal: int
    status: str
    reason: str | None
    delivery_mode: str | None
    occurred_at: int
    offset_minutes: int
    facility: str | None
    province: str | None
    commune: str | None
    event_id: str
    epoch: int
    registration_id: str | None
    promised_at: int | None
    also_registered: Sequence[str] = ()
    zone: str | None = None
    day_only: bool = False
    partial_return: bool = False
    linked_number: str | None = None
    occurrence: int = 0
