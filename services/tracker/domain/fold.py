"""The fold: from a parcel's scans to its state and its live set.

A parcel's state is a function of its set of scans. `fold` sorts the set by business time (ties by
rank of status, then by event id), merges copies of one event id, and steps through. A scan later
than all that is known may take `step` alone: the result is the same, and a property test holds it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from buuta.model.milestone import Milestone
from buuta.model.scan import Scan
from buuta.model.statuses import RANK, DeliveryMode, Status
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import DELIVERED_AS, RULES, MilestoneRule, kind_of

POINT: Final = DeliveryMode.POINT.value
UNKNOWN: Final = DeliveryMode.UNKNOWN.value
PLAIN_MODES: Final = {UNKNOWN, None}
DELIVERED: Final = Status.DELIVERED.value
ATTEMPT_FAILED: Final = Status.ATTEMPT_FAILED.value
ACCEPTED: Final = Status.ACCEPTED.value
READY_AT_POINT: Final = Status.READY_AT_POINT.value


SEEN: Final = ("status", "reason", "delivery_mode", "provisional", "occurred_at", "attempt")
"""What the fold looks at in a scan, in this order."""
Seen = tuple[str, str | None, str | None, bool, int, int | None]
seen: Final[Callable[[Scan], Seen]] = attrgetter(*SEEN)


def advance(parcel: Parcel, scan: Seen) -> int | None:
    """Take in a scan that is later than all before it.

    Returns the ordinal of the milestone that joins the live set, if one does; its kind is the one
    that the status implies.
    """
    status, reason, declared_mode, provisional, occurred_at, attempt = scan
    parcel.greatest_at = occurred_at
    if provisional:
        # The courier reports; the carrier has not confirmed. It shows, and starts nothing.
        parcel.reported_status = status
        return None
    before = parcel.status
    if before is not None and status in RULES[before].barred:
        return None
    milestone, _, moves, ended_as, limit = RULES[status]
    if moves:
        _move(parcel, status, occurred_at)
    if status == DELIVERED:
        parcel.delivery_mode = mode = _mode(before, parcel.delivery_mode, declared_mode)
        ended_as = DELIVERED_AS[mode]
    elif status == ATTEMPT_FAILED:
        parcel.attempts = max(parcel.attempts + (before != status), attempt or 0)
    parcel.status, parcel.reason, parcel.reported_status = status, reason, None
    parcel.last_at = occurred_at
    parcel.outcome = ended_as if parcel.moved_at is not None else None
    parcel.next_expected_at = None if limit is None else occurred_at + limit
    return None if milestone is None or status == before else _join(parcel, milestone)


def step(parcel: Parcel, scan: Scan) -> Milestone | None:
    """`advance`, and the milestone that joins with all that it says."""
    ordinal = advance(parcel, seen(scan))
    if ordinal is None:
        return None
    return Milestone(
        kind_of(scan.status), ordinal, scan.status, scan.reason, told_mode(parcel, scan.status),
        scan.occurred_at, scan.offset_minutes, scan.facility, scan.province, scan.commune,
        scan.event_id,
    )  # fmt: skip


def told_mode(parcel: Parcel, status: str) -> str | None:
    """The delivery mode that a milestone of this status tells."""
    return parcel.delivery_mode if status == DELIVERED else None


def _move(parcel: Parcel, status: str, occurred_at: int) -> None:
    if parcel.moved_at is None:
        parcel.moved_at = occurred_at
    if parcel.accepted_at is None and status == ACCEPTED:
        parcel.accepted_at = occurred_at


def _mode(before: str | None, known: str | None, declared: str | None) -> str:
    """How it was handed over: as declared, else a point where it waited at one, else unknown."""
    if declared not in PLAIN_MODES:
        return str(declared)
    if known not in PLAIN_MODES:
        return str(known)
    return POINT if before == READY_AT_POINT else UNKNOWN


def _join(parcel: Parcel, rule: MilestoneRule) -> int | None:
    count = parcel.live.count(rule.letter)
    if count and not rule.repeats:
        return None
    parcel.live += rule.letter
    return count + 1


def merged(one: Scan, other: Scan) -> Scan:
    """Of two copies of one event, the one that was received first; then by content, so that
    the choice does not depend on which copy came first."""
    return min(one, other, key=lambda scan: (scan.received_at, repr(scan)))


def distinct(scans: Iterable[Scan]) -> dict[str, Scan]:
    """Scans by event id, copies merged."""
    by_id: dict[str, Scan] = {}
    for scan in scans:
        known = by_id.get(scan.event_id)
        by_id[scan.event_id] = scan if known is None else merged(known, scan)
    return by_id


def fold(scans: Iterable[Scan]) -> tuple[Parcel, list[Milestone]]:
    """The state and the live set that a set of scans implies."""
    parcel, live = Parcel(), []
    ordered = sorted(
        distinct(scans).values(),
        key=lambda scan: (scan.occurred_at, RANK[scan.status], scan.event_id),
    )
    for scan in ordered:
        milestone = step(parcel, scan)
        if milestone is not None:
            live.append(milestone)
    return parcel, live


def latest(live: Sequence[Milestone]) -> Milestone | None:
    """The newest milestone of a live set, by business time."""
    return live[-1] if live else None


def identified(live: Iterable[Milestone]) -> Mapping[tuple[str, int], Milestone]:
    """A live set by identity: kind and ordinal."""
    return {(milestone.kind, milestone.ordinal): milestone for milestone in live}
