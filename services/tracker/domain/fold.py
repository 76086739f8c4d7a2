"""The fold: from a parcel's scans to its state and its live set.

A parcel's state is a function of its set of scans. `fold` sorts the set by business time (ties by
rank of status, then by event id), merges copies of one event id, and steps through. A scan later
than all that is known may take `step` alone: the result is the same, and a property test holds it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from buuta.model.milestone import Milestone
from buuta.model.scan import Scan
from buuta.model.statuses import RANK, Status
from buuta.model.steering import MOST_SCANS, Facts, first_received, out_of_range, steering
from services.tracker.domain.copies import differing, distinct
from services.tracker.domain.deadlines import Passed, Silence
from services.tracker.domain.epochs import NO_PAPERS, Epoch, Papers, epochs
from services.tracker.domain.evidence import (
    FAR,
    READY_AT_POINT,
    UNKNOWN,
    Handover,
    graded,
)
from services.tracker.domain.findings import (
    ATTEMPT_FAR_AWAY,
    COPIES_DIFFER,
    CORRECTS_ANOTHERS,
    IMPOSSIBLE_MOVE,
    NO_ROUND_BEFORE_ATTEMPT,
    NO_ROUND_BEFORE_DELIVERY,
    NOT_INVITED_TWICE,
    TIME_OUT_OF_RANGE,
    TOO_FAST,
    TOO_MANY_SCANS,
    find,
)
from services.tracker.domain.invitations import GOES_BACK, INVITING, invite, returns_too_early
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.places import least_ms
from services.tracker.domain.rules import (
    DELIVERED_AS,
    LAST_MILE,
    MAY_STOP,
    MILESTONES,
    RULES,
    kind_of,
    next_expected_ms,
    stops_clock,
)

DELIVERED: Final = Status.DELIVERED.value
ATTEMPT_FAILED: Final = Status.ATTEMPT_FAILED.value
ACCEPTED: Final = Status.ACCEPTED.value
LAST_MILE_LETTERS: Final = frozenset(MILESTONES[status].letter for status in LAST_MILE)
WENT_OUT: Final = MILESTONES[Status.OUT_FOR_DELIVERY].letter

SEEN: Final = (
    "status", "reason", "delivery_mode", "provisional", "occurred_at", "attempt", "distance_bucket",
    "proof_present", "province", "carrier", "reporter",
)  # fmt: skip
"""What the fold looks at in a scan, in this order."""
Seen = tuple[
    str, str | None, str | None, bool, int, int | None, str | None, bool | None, str | None, str, str | None
]  # fmt: skip
seen: Final[Callable[[Scan], Seen]] = attrgetter(*SEEN)
_occurred_at, _corrects = attrgetter("occurred_at"), attrgetter("corrects_event_id")
_facts = attrgetter(*Facts._fields)


def advance(parcel: Parcel, scan: Seen) -> int | None:
    """Take in a scan that is later than all before it.

    Returns the ordinal of the milestone that joins the live set, if one does; its kind is the one
    that the status implies.
    """
    status, reason, _, provisional, occurred_at, _, _, _, province, carrier, reporter = scan
    parcel.greatest_at = occurred_at
    if provisional:
        # The courier reports; the carrier has not confirmed. It shows, and starts nothing.
        parcel.reported_status = status
        return None
    before = parcel.status
    if before is not None and status in RULES[before].barred:
        find(parcel, IMPOSSIBLE_MOVE)
        return None
    milestone, _, moves, ended_as = RULES[status]
    limit = next_expected_ms(carrier, parcel.service, status)
    if parcel.stopped_at is not None or status in MAY_STOP:
        _run_clock(parcel, scan)
    if moves:
        _move(parcel, status, occurred_at)
    if status == DELIVERED:
        ended_as = _deliver(parcel, scan)
    elif status == ATTEMPT_FAILED:
        _attempt(parcel, scan)
    if status in INVITING:
        invite(parcel, occurred_at)
    elif status in GOES_BACK and returns_too_early(parcel, status, reason):
        find(parcel, NOT_INVITED_TWICE)
    if reporter is not None or province != parcel.province:
        _arrive(parcel, scan)
    parcel.status, parcel.reason, parcel.reported_status = status, reason, None
    parcel.last_at = occurred_at
    parcel.outcome = ended_as if parcel.moved_at is not None else None
    parcel.next_expected_at = None if limit is None else occurred_at + limit
    return None if milestone is None or status == before else parcel.join(milestone)


def step(parcel: Parcel, scan: Scan) -> Milestone | None:
    """`advance`, and the milestone that joins with all that it says."""
    ordinal = advance(parcel, seen(scan))
    if ordinal is None:
        return None
    return Milestone(
        kind_of(scan.status), ordinal, scan.status, scan.reason, told_mode(parcel, scan.status),
        scan.occurred_at, scan.offset_minutes, scan.facility, scan.province, scan.commune,
        scan.event_id, parcel.epoch, scan.zone, scan.day_only, scan.partial_return, scan.linked_number,
    )  # fmt: skip


def told_mode(parcel: Parcel, status: str) -> str | None:
    """The delivery mode that a milestone of this status tells."""
    return parcel.delivery_mode if status == DELIVERED else None


def _credit(parcel: Parcel, status: str, reporter: str) -> None:
    """A parcel that posts share counts for the one of the last mile: whoever took it to the door last.

    A status that is reported again, as posts pass each other's events on, changes nothing.
    """
    begun = not LAST_MILE_LETTERS.isdisjoint(parcel.live)
    if not begun or (status in LAST_MILE and status != parcel.status):
        parcel.credited = reporter


def _run_clock(parcel: Parcel, scan: Seen) -> None:
    """The clock of the transit time runs again with the next scan, unless that one stops it, too."""
    status, reason, _, _, occurred_at, *_ = scan
    if parcel.stopped_at is not None:
        parcel.stopped_ms += occurred_at - parcel.stopped_at
    stops = parcel.delivered_at is None and stops_clock(status, reason)
    parcel.stopped_at = occurred_at if stops else None


def _move(parcel: Parcel, status: str, occurred_at: int) -> None:
    if parcel.moved_at is None:
        parcel.moved_at = occurred_at
    if parcel.accepted_at is None and status == ACCEPTED:
        # The clock of the transit time begins here.
        parcel.accepted_at, parcel.stopped_ms = occurred_at, 0


def _arrive(parcel: Parcel, scan: Seen) -> None:
    """The newest scan is another post's, or lies in another province than the one before.

    What says no place, bars nothing.
    """
    status, _, _, _, occurred_at, _, _, _, province, _, reporter = scan
    if reporter is not None:
        _credit(parcel, status, reporter)
    before, since = parcel.province, parcel.last_at
    parcel.province = province
    if before is None or since is None or province in (None, before):
        return
    if occurred_at - since < least_ms(before, province):
        find(parcel, TOO_FAST)


def _deliver(parcel: Parcel, scan: Seen) -> str:
    """Note how it was handed over; returns the outcome. A better known mode is not given up."""
    _, _, declared, _, occurred_at, _, distance, proof, *_ = scan
    waited_at_point, went_out = parcel.status == READY_AT_POINT, WENT_OUT in parcel.live
    if not (went_out or waited_at_point or parcel.status == DELIVERED):
        find(parcel, NO_ROUND_BEFORE_DELIVERY)
    mode, evidence = graded(Handover(declared, distance, proof, waited_at_point, went_out))
    if parcel.status != DELIVERED:
        parcel.delivered_at = occurred_at
    if mode != UNKNOWN or parcel.delivery_mode is None:
        parcel.delivery_mode, parcel.mode_evidence = mode, evidence
    return DELIVERED_AS[parcel.delivery_mode or UNKNOWN]


def _attempt(parcel: Parcel, scan: Seen) -> None:
    """Count a failed attempt once, however often it is reported in a row."""
    _, _, _, _, _, attempt, distance, *_ = scan
    if WENT_OUT not in parcel.live:
        find(parcel, NO_ROUND_BEFORE_ATTEMPT)
    if distance == FAR:
        find(parcel, ATTEMPT_FAR_AWAY)
    parcel.attempts = max(parcel.attempts + (parcel.status != ATTEMPT_FAILED), attempt or 0)


class Folded(NamedTuple):
    """What a key's records imply: its parcel, the live set of all its epochs, its past parcels."""

    parcel: Parcel
    live: list[Milestone]
    past: list[Parcel]


def fold(scans: Iterable[Scan], papers: Papers = NO_PAPERS) -> Folded:
    """The states and the live set that a set of scans implies, with the other `papers` of the key.

    Scans that a correction took back, and those whose time is out of range, do not steer.
    """
    scans = list(scans)
    everything = distinct(scans)
    by_id, surplus = _can_steer(everything)
    steers = sorted(_steers(by_id), key=_business_order)
    parcels, live = list[Parcel](), list[Milestone]()
    parts = epochs(steers, papers)
    for number, epoch in enumerate(parts, 1):
        folded, lives = _fold_epoch(number, epoch, papers.passed)
        parcels.append(folded)
        live += lives
    parcel = parcels.pop()
    parcel.awaits_scan = parts[-1].awaits_next
    parcel.deadlines = bool(papers.passed)
    _note(parcel, by_id)
    parcel.scans = len(everything)
    if papers.copies_differ or (len(everything) < len(scans) and differing(scans)):
        find(parcel, COPIES_DIFFER)
    if surplus is not None:
        find(parcel, TOO_MANY_SCANS)
        parcel.full_at, parcel.full_by = surplus.received_at, surplus.reporter
    return Folded(parcel, live, parcels)


def _fold_epoch(number: int, epoch: Epoch, passed: frozenset[Passed]) -> tuple[Parcel, list[Milestone]]:
    parcel, live = Parcel(epoch=number, epoch_from=epoch.since), list[Milestone]()
    steers, told = epoch.standing
    if steers is not None:
        parcel.register(steers, told)
        parcel.registered_at = epoch.registered_at
    silence, newest = Silence(passed), None
    for scan in epoch.scans:
        live += silence.until(parcel, newest, scan.occurred_at)
        milestone = step(parcel, scan)
        if milestone is not None:
            live.append(milestone)
        newest = scan
    return parcel, live + silence.until(parcel, newest, None)


def _business_order(scan: Scan) -> tuple[int, int, str]:
    return scan.occurred_at, RANK[scan.status], scan.event_id


def _steers(by_id: Mapping[str, Scan]) -> list[Scan]:
    """The scans that steer; where nothing is corrected, all whose time can be believed."""
    if any(map(_corrects, by_id.values())):
        ids = steering(Facts(*_facts(scan)) for scan in by_id.values())
        return [by_id[event_id] for event_id in ids]
    return [scan for scan in by_id.values() if not out_of_range(scan.occurred_at, scan.received_at)]


def _can_steer(by_id: dict[str, Scan]) -> tuple[dict[str, Scan], Scan | None]:
    """Those of a key's scans, by event id, that are not too many, and the first that is."""
    if len(by_id) <= MOST_SCANS:
        return by_id, None
    *steers, surplus = first_received(by_id.values())
    return {scan.event_id: scan for scan in steers}, surplus


def _note(parcel: Parcel, by_id: Mapping[str, Scan]) -> None:
    """What a parcel's scans imply whether they steer or not."""
    scans = by_id.values()
    parcel.greatest_at = max(map(_occurred_at, scans), default=None)
    corrections = [scan for scan in scans if scan.corrects_event_id is not None]
    for scan in corrections:
        corrected = by_id.get(scan.corrects_event_id or "")
        parcel.awaits_scan |= corrected is None
        if corrected is not None and corrected.reporter != scan.reporter:
            find(parcel, CORRECTS_ANOTHERS)
    if any(out_of_range(scan.occurred_at, scan.received_at) for scan in scans):
        find(parcel, TIME_OUT_OF_RANGE)


def latest(live: Sequence[Milestone]) -> Milestone | None:
    """The newest milestone of a live set, by business time."""
    return live[-1] if live else None


def identified(live: Iterable[Milestone]) -> Mapping[tuple[int, str, int], Milestone]:
    """A live set by identity: epoch, kind and ordinal."""
    return {(milestone.epoch, milestone.kind, milestone.ordinal): milestone for milestone in live}
