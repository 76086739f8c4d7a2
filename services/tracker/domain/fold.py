"""The fold: from a parcel's scans to its state and its live set.

A parcel's state is a function of its set of scans. `fold` sorts the set into the one order (`buuta/model/ways.py`:
business time, rank of status, event id), merges copies of one event id, and steps through. A scan later
than all that is known may take a step alone (`step.py`): the result is the same, and a property test holds it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from buuta.model.milestone import Milestone
from buuta.model.scan import Scan
from buuta.model.steering import (
    MOST_SCANS,
    Doubt,
    does_steer,
    first_received,
    steering_ms,
    voided,
)
from buuta.model.ways import Order, business_order
from services.tracker.domain.copies import differing, distinct, doubt
from services.tracker.domain.days import day_begins
from services.tracker.domain.deadlines import Passed, Silence
from services.tracker.domain.epochs import NO_PAPERS, Epoch, Papers, epochs
from services.tracker.domain.findings import (
    COPIES_DIFFER,
    CORRECTS_ANOTHERS,
    TIME_AHEAD,
    TIME_OUT_OF_RANGE,
    TOO_MANY_SCANS,
    find,
)
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.step import step
from services.tracker.domain.undone import NOTHING_TAKEN_BACK, TakenBack, taken_back

DOUBTFUL: Final = {Doubt.AHEAD: TIME_AHEAD, Doubt.TOO_OLD: TIME_OUT_OF_RANGE}


class Folded(NamedTuple):
    """What a key's records imply: its parcel, the live set of all its epochs, its past parcels."""

    parcel: Parcel
    live: list[Milestone]
    past: list[Parcel]


def fold(scans: Iterable[Scan], papers: Papers = NO_PAPERS) -> Folded:
    """The states and the live set that a set of scans implies, with the other `papers` of the key.

    Scans that a correction took back, and those that are older than a year when they come, do not steer.
    """
    scans = list(scans)
    everything = distinct(scans)
    by_id, surplus = _can_steer(everything)
    steering, undone = _steering(by_id)
    parcels, live = list[Parcel](), list[Milestone]()
    parts = epochs(steering, papers)
    for number, epoch in enumerate(parts, 1):
        folded, lives = _fold_epoch(number, epoch, papers.passed, undone)
        parcels.append(folded)
        live += lives
    parcel = parcels.pop()
    # Of what was taken back only all scans together tell whether the next one is another.
    parcel.awaits_scan = parts[-1].awaits_next or bool(undone)
    parcel.deadlines = bool(papers.passed)
    _note(parcel, by_id)
    parcel.scans = len(everything)
    if papers.copies_differ or (len(everything) < len(scans) and differing(scans)):
        find(parcel, COPIES_DIFFER)
    if surplus is not None:
        find(parcel, TOO_MANY_SCANS)
        parcel.full_at, parcel.full_by = surplus.received_at, surplus.reporter
    return Folded(parcel, live, parcels)


def _fold_epoch(
    number: int, epoch: Epoch, passed: frozenset[Passed], undone: TakenBack
) -> tuple[Parcel, list[Milestone]]:
    parcel, live = Parcel(epoch=number, epoch_from=epoch.since), list[Milestone]()
    steers, told = epoch.standing
    if steers is not None:
        parcel.register(steers, told)
        parcel.registered_at = epoch.registered_at
    silence, newest = Silence(passed), None
    for scan in epoch.scans:
        live += silence.until(parcel, newest, _ends_silence(scan))
        milestone = step(parcel, scan, undone.before(scan) if undone else 0)
        if milestone is not None:
            live.append(milestone)
        newest = scan
    return parcel, live + silence.until(parcel, newest, None)


def _ends_silence(scan: Scan) -> int:
    """By when the silence before a scan was over; a day without a clock is compared by the day."""
    return day_begins(scan.occurred_at, scan.zone) + 1 if scan.day_only else scan.occurred_at


def _steering(by_id: Mapping[str, Scan]) -> tuple[list[Scan], TakenBack]:
    """The scans that steer, in business order, with the time by which they do; and what was taken back of them."""
    void = voided(by_id)
    timed = [_timed(scan) for scan in by_id.values() if does_steer(scan, void)]
    return sorted(timed, key=_business_order), taken_back(by_id, void) if void else NOTHING_TAKEN_BACK


def _business_order(scan: Scan) -> Order:
    return business_order(scan.occurred_at, scan.received_at, scan.status, scan.event_id)


def _timed(scan: Scan) -> Scan:
    """The scan at the time by which it steers."""
    at = steering_ms(scan.occurred_at, scan.received_at)
    return scan if at == scan.occurred_at else scan._replace(occurred_at=at)


def _can_steer(by_id: dict[str, Scan]) -> tuple[dict[str, Scan], Scan | None]:
    """Those of a key's scans, by event id, that are not too many, and the first that is."""
    if len(by_id) <= MOST_SCANS:
        return by_id, None
    *steers, surplus = first_received(by_id.values())
    return {scan.event_id: scan for scan in steers}, surplus


def _note(parcel: Parcel, by_id: Mapping[str, Scan]) -> None:
    """What a parcel's scans imply whether they steer or not."""
    scans = by_id.values()
    parcel.greatest_at = max(
        (steering_ms(each.occurred_at, each.received_at) for each in scans), default=None
    )
    corrections = [scan for scan in scans if scan.corrects_event_id is not None]
    for scan in corrections:
        corrected = by_id.get(scan.corrects_event_id or "")
        parcel.awaits_scan |= corrected is None
        if corrected is not None and corrected.reporter != scan.reporter:
            find(parcel, CORRECTS_ANOTHERS)
    for each in set(map(doubt, scans)) & DOUBTFUL.keys():
        find(parcel, DOUBTFUL[each])


def latest(live: Sequence[Milestone]) -> Milestone | None:
    """The newest milestone of a live set, by business time."""
    return live[-1] if live else None


def identified(live: Iterable[Milestone]) -> Mapping[tuple[int, str, int], Milestone]:
    """A live set by identity: epoch, kind and occurrence."""
    return {(milestone.epoch, milestone.kind, milestone.occurrence): milestone for milestone in live}
