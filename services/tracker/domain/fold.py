"""The fold: from a parcel's scans to its state and its live set.

A parcel's state is a function of its set of scans. `fold` sorts the set by business time (ties by
rank of status, then by event id), merges copies of one event id, and steps through. A scan later
than all that is known may take `step` alone: the result is the same, and a property test holds it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from buuta.model.milestone import Milestone
from buuta.model.scan import Scan
from buuta.model.statuses import RANK, DeliveryMode, Status
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import (
    BEFORE_ACCEPTANCE,
    DELIVERED_AS,
    ENDED_AS,
    LEAVES,
    MILESTONES,
    NEXT_EXPECTED_MS,
)

PLAIN_MODES: Final = {DeliveryMode.UNKNOWN, None}


def step(parcel: Parcel, scan: Scan) -> Milestone | None:
    """Take in a scan that is later than all before it; returns the milestone that joins, if any."""
    parcel.greatest_at = scan.occurred_at
    if scan.provisional:
        # The courier reports; the carrier has not confirmed. It shows, and starts nothing.
        parcel.reported_status = scan.status
        return None
    status = scan.status
    before = parcel.status
    leaves = LEAVES.get(before) if before is not None else None
    if leaves is not None and status != before and status not in leaves:
        return None
    _place(parcel, scan)
    _cohort(parcel, scan)
    if status == Status.DELIVERED:
        parcel.delivery_mode = _mode(before, parcel.delivery_mode, scan.delivery_mode)
    if status == Status.ATTEMPT_FAILED and (before != status or scan.attempt is not None):
        parcel.attempts = max(parcel.attempts + (before != status), scan.attempt or 0)
    parcel.status = status
    parcel.reason = scan.reason
    parcel.reported_status = None
    parcel.outcome = _outcome(parcel)
    limit = NEXT_EXPECTED_MS.get(status)
    parcel.next_expected_at = None if limit is None else scan.occurred_at + limit
    return None if status == before else _join(parcel, scan)


def _place(parcel: Parcel, scan: Scan) -> None:
    parcel.last_at = scan.occurred_at
    parcel.last_offset = scan.offset_minutes
    if scan.facility or scan.province:
        parcel.facility, parcel.province, parcel.commune = (
            scan.facility, scan.province, scan.commune,
        )  # fmt: skip


def _cohort(parcel: Parcel, scan: Scan) -> None:
    if parcel.accepted_at is None and scan.status == Status.ACCEPTED:
        parcel.accepted_at = scan.occurred_at
    if parcel.moved_at is None and scan.status not in BEFORE_ACCEPTANCE:
        parcel.moved_at = scan.occurred_at


def _mode(before: str | None, known: str | None, declared: str | None) -> str:
    """How it was handed over: as declared, else a point where it waited at one, else unknown."""
    if declared not in PLAIN_MODES:
        return str(declared)
    if known not in PLAIN_MODES:
        return str(known)
    return DeliveryMode.POINT if before == Status.READY_AT_POINT else DeliveryMode.UNKNOWN


def _outcome(parcel: Parcel) -> str | None:
    if parcel.status == Status.DELIVERED:
        return DELIVERED_AS[parcel.delivery_mode or DeliveryMode.UNKNOWN]
    moved = parcel.accepted_at is not None or parcel.moved_at is not None
    return ENDED_AS.get(parcel.status or "") if moved else None


def _join(parcel: Parcel, scan: Scan) -> Milestone | None:
    rule = MILESTONES.get(scan.status)
    if rule is None:
        return None
    count = parcel.live.count(rule.letter)
    if count and not rule.repeats:
        return None
    parcel.live += rule.letter
    return Milestone(
        str(rule.kind), count + 1, scan.status, scan.reason,
        parcel.delivery_mode if scan.status == Status.DELIVERED else None,
        scan.occurred_at, scan.offset_minutes, scan.facility, scan.province, scan.commune,
        scan.event_id,
    )  # fmt: skip


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
