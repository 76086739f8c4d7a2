"""A step of the fold: a scan that is later than all before it, taken into a parcel's state."""

from operator import attrgetter
from typing import Final

from buuta.model.milestone import Milestone
from buuta.model.scan import Scan
from buuta.model.statuses import Status
from buuta.model.ways import GOES_BACK
from services.tracker.domain.evidence import (
    FAR,
    READY_AT_POINT,
    UNKNOWN,
    Handover,
    graded,
)
from services.tracker.domain.findings import (
    ATTEMPT_FAR_AWAY,
    DELIVERED_ON_THE_WAY_BACK,
    IMPOSSIBLE_MOVE,
    NO_ROUND_BEFORE_ATTEMPT,
    NO_ROUND_BEFORE_DELIVERY,
    NOT_INVITED_TWICE,
    TOO_FAST,
    TRIED_AFTER_DELIVERY,
    find,
)
from services.tracker.domain.invitations import INVITING, invite, returns_too_early
from services.tracker.domain.moves import as_it_stands, came_before, move
from services.tracker.domain.occurrences import Joined, join
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.places import least_ms
from services.tracker.domain.rules import (
    DELIVERED_AS,
    LAST_MILE,
    MAY_STOP,
    MILESTONES,
    REOPENS_MS,
    RULES,
    kind_of,
    next_expected_ms,
    stops_clock,
)
from services.tracker.domain.seen import Seen, seen

DELIVERED: Final = Status.DELIVERED.value
ATTEMPT_FAILED: Final = Status.ATTEMPT_FAILED.value
ACCEPTED: Final = Status.ACCEPTED.value
LAST_MILE_LETTERS: Final = frozenset(MILESTONES[status].letter for status in LAST_MILE)
WENT_OUT: Final = MILESTONES[Status.OUT_FOR_DELIVERY].letter

_began = attrgetter("accepted_at", "moved_at", "delivered_at")


def advance(parcel: Parcel, scan: Seen, undone: int = 0) -> Joined | None:
    """Take in a scan that is later than all before it, and whose time is the one by which it steers.

    Returns what joins the live set, if something does; its kind is the one that the parcel's status then implies.
    `undone` of that kind were taken back before the scan came.
    """
    said, flag = scan[0], scan[11]
    parcel.greatest_at = scan[4]
    if scan[3]:
        # The courier reports; the carrier has not confirmed. It shows, and starts nothing.
        parcel.reported_status = as_it_stands(parcel, said, flag)
        return None
    if flag is not None or parcel.direction is not None or said in GOES_BACK or parcel.status == DELIVERED:
        status = _moved(parcel, scan)
        return None if status is None else _take(parcel, status, scan, undone)
    if parcel.status is not None and said in RULES[parcel.status].barred:
        find(parcel, IMPOSSIBLE_MOVE)
        return None
    return _take(parcel, said, scan, undone)


def _take(parcel: Parcel, status: str, scan: Seen, undone: int) -> Joined | None:
    """Be in the status that a scan means; returns what joins the live set."""
    _, reason, _, _, occurred_at, _, _, _, province, carrier, reporter, _, _, _ = scan
    before = parcel.status
    milestone, in_a_row, _, moves, ended_as = RULES[status]
    limit = next_expected_ms(carrier, parcel.service, status)
    if parcel.stopped_at is not None or status in MAY_STOP:
        _run_clock(parcel, status, reason, occurred_at)
    if moves:
        _move(parcel, status, occurred_at)
    if status == DELIVERED:
        ended_as = _deliver(parcel, scan)
    elif status == ATTEMPT_FAILED:
        _question_attempt(parcel, scan)
    if status in INVITING:
        invite(parcel, occurred_at)
    elif status in GOES_BACK and returns_too_early(parcel, status, reason):
        find(parcel, NOT_INVITED_TWICE)
    if reporter is not None or province != parcel.province:
        _arrive(parcel, status, scan)
    joined = None
    if milestone is not None and (in_a_row or status != before):
        joined = join(parcel, status, scan, undone)
    if limit is not None or status != before:
        # That it has ended may be said again; it ended when it was said first.
        parcel.last_at = occurred_at
    parcel.status, parcel.reason, parcel.reported_status = status, reason, None
    parcel.outcome = ended_as if parcel.moved_at is not None else None
    parcel.next_expected_at = None if limit is None else occurred_at + limit
    return joined


def step(parcel: Parcel, scan: Scan, undone: int = 0) -> Milestone | None:
    """`advance`, and the milestone that joins with all that it says.

    Here belongs what is rare, so that the fast path, which takes none of it, need not look: a day without a clock,
    and a part that goes back.
    """
    if scan.partial_return or scan.linked_number is not None:
        _link(parcel, scan)
    if scan.day_only and came_before(parcel, scan):
        _note_acceptance(parcel, scan)
        return None
    began = _began(parcel)
    joined = advance(parcel, seen(scan), undone)
    if scan.day_only and began != _began(parcel):
        parcel.by_day = True
    if joined is None or parcel.status is None:
        return None
    return Milestone(
        kind_of(parcel.status), joined[0], parcel.status, scan.reason, told_mode(parcel, parcel.status),
        scan.occurred_at, scan.offset_minutes, scan.facility, scan.province, scan.commune,
        scan.event_id, parcel.epoch, scan.zone, scan.day_only, parcel.partial_return, parcel.linked_number,
        joined[1],
    )  # fmt: skip


def _moved(parcel: Parcel, scan: Seen) -> str | None:
    """The status that a scan means on the way that it brings the parcel on; None where it changes nothing."""
    said, _, _, _, occurred_at, _, _, _, _, _, _, flag, _, _ = scan
    found = move(parcel, said, flag, occurred_at)
    parcel.direction = found.direction
    if found.status is None:
        if found.is_impossible:
            find(parcel, IMPOSSIBLE_MOVE)
        return None
    if said == DELIVERED != found.status and flag is None:
        find(parcel, DELIVERED_ON_THE_WAY_BACK)
    if parcel.status == DELIVERED and found.status in REOPENS_MS:
        find(parcel, TRIED_AFTER_DELIVERY)
        parcel.delivered_at = parcel.delivery_mode = parcel.mode_evidence = None
    return found.status


def _link(parcel: Parcel, scan: Scan) -> None:
    """Note that a part goes back, and the number of the other part."""
    if not scan.provisional:
        parcel.partial_return |= scan.partial_return
        parcel.linked_number = scan.linked_number or parcel.linked_number


def _note_acceptance(parcel: Parcel, scan: Scan) -> None:
    """An acceptance of a day without a clock, which by what else that day says came before: its day is a fact."""
    if scan.status == ACCEPTED and parcel.direction is None and parcel.accepted_at is None:
        parcel.accepted_at, parcel.by_day = parcel.last_at, True


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


def _run_clock(parcel: Parcel, status: str, reason: str | None, occurred_at: int) -> None:
    """The clock of the transit time runs again with the next scan, unless that one stops it, too."""
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


def _arrive(parcel: Parcel, status: str, scan: Seen) -> None:
    """The newest scan is another post's, or lies in another province than the one before.

    What says no place, bars nothing.
    """
    _, _, _, _, occurred_at, _, _, _, province, _, reporter, _, _, _ = scan
    if reporter is not None:
        _credit(parcel, status, reporter)
    before, since = parcel.province, parcel.last_at
    parcel.province = province
    if before is None or since is None or province in (None, before):
        return
    if occurred_at - since < least_ms(before, province):
        find(parcel, TOO_FAST)


def _deliver(parcel: Parcel, scan: Seen) -> str:
    """Note how it was handed over; returns the outcome. Of one delivery a better known mode is not given up."""
    _, _, declared, _, occurred_at, _, distance, proof, _, _, _, _, _, _ = scan
    waited_at_point, went_out = parcel.status == READY_AT_POINT, WENT_OUT in parcel.live
    if not (went_out or waited_at_point or parcel.status == DELIVERED):
        find(parcel, NO_ROUND_BEFORE_DELIVERY)
    mode, evidence = graded(Handover(declared, distance, proof, waited_at_point, went_out))
    is_another = parcel.status != DELIVERED
    if is_another:
        parcel.delivered_at = occurred_at
    if is_another or mode != UNKNOWN:
        parcel.delivery_mode, parcel.mode_evidence = mode, evidence
    return DELIVERED_AS[parcel.delivery_mode or UNKNOWN]


def _question_attempt(parcel: Parcel, scan: Seen) -> None:
    """What a careful clerk would ask about a failed attempt."""
    _, _, _, _, _, _, distance, _, _, _, _, _, _, _ = scan
    if WENT_OUT not in parcel.live:
        find(parcel, NO_ROUND_BEFORE_ATTEMPT)
    if distance == FAR:
        find(parcel, ATTEMPT_FAR_AWAY)
