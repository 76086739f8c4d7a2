"""Which of a parcel's scans steer its state, those that stand, and by which time.

Nothing happened after it was received: a scan more than 10 minutes ahead steers by its receipt. One older than a
year is kept and does not steer: nobody can say of which parcel of the number it is.

Corrections follow GS1 EPCIS 2.0, `errorDeclaration`: a correction names the scan that it corrects.
*Did not occur* takes that scan's effect away and says nothing else; *incorrect data* is itself the
scan that stands instead. A correction may come before the scan that it corrects, come twice, and be
corrected in turn: then what it corrected stands again. It counts only against scans of the same reporter: posts
that share a parcel take back what they reported themselves.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from buuta.model.scan import Scan
from buuta.model.statuses import CorrectionKind
from buuta.model.times import DAY_MS

DID_NOT_OCCUR: Final = CorrectionKind.DID_NOT_OCCUR.value
FUTURE_MS: Final = 10 * 60_000
OLDEST_MS: Final = 365 * DAY_MS
"""A business time this far after, or before, its receipt cannot be believed."""
MOST_SCANS: Final = 2_000
"""So many scans of one key steer, the first received; more is no parcel but a fault or an attack. Posts that share
a parcel take turns, so that none crowds out another: the first scan of each, then the second of each."""


class Facts(NamedTuple):
    """What decides whether a scan steers; names and meaning as in `Scan`."""

    event_id: str
    corrects_event_id: str | None
    correction_kind: str | None
    occurred_at: int
    received_at: int
    reporter: str | None = None


class Doubt(IntEnum):
    """How far a scan's time can be believed; of copies of one event the one believed best stands."""

    NONE = 0
    AHEAD = 1
    TOO_OLD = 2


def steering_ms(occurred_at: int, received_at: int) -> int:
    """The business time by which a scan steers and is sorted: its own, or that of its receipt where it is ahead."""
    return received_at if occurred_at > received_at + FUTURE_MS else occurred_at


STEERING_MS: Final = f"""(
case when occurred_at > received_at + {FUTURE_MS} then received_at else occurred_at end)"""
"""The same in SQL, of columns of `scans`."""


def doubt_of(occurred_at: int, received_at: int, *, day_only: bool = False) -> Doubt:
    """How far a scan's time can be believed. A day alone has its last millisecond, and may be told before it is
    over."""
    if is_too_old(occurred_at, received_at):
        return Doubt.TOO_OLD
    ahead = FUTURE_MS + DAY_MS if day_only else FUTURE_MS
    return Doubt.AHEAD if occurred_at > received_at + ahead else Doubt.NONE


def is_too_old(occurred_at: int, received_at: int) -> bool:
    """Whether a scan came so late that it does not steer."""
    return occurred_at < received_at - OLDEST_MS


def first_received(scans: Iterable[Scan]) -> list[Scan]:
    """The scans of a parcel that can steer, of all (each event id once), and one more where there are more."""
    turns = Counter[str | None]()
    by_turn = list[tuple[int, int, str, Scan]]()
    for scan in sorted(scans, key=lambda each: (each.received_at, each.event_id)):
        turns[scan.reporter] += 1
        by_turn.append((turns[scan.reporter], scan.received_at, scan.event_id, scan))
    return [scan for *_, scan in sorted(by_turn, key=lambda each: each[:3])[: MOST_SCANS + 1]]


def steering(scans: Iterable[Facts | Scan]) -> set[str]:
    """The event ids of the scans that steer, of all scans of a parcel (each event id once)."""
    by_id = {scan.event_id: scan for scan in scans}
    void = voided(by_id)
    return {event_id for event_id, scan in by_id.items() if does_steer(scan, void)}


def does_steer(scan: Facts | Scan, void: Collection[str]) -> bool:
    """Whether a scan steers, where corrections take back those whose event ids are `void`."""
    return (
        scan.event_id not in void
        and scan.correction_kind != DID_NOT_OCCUR
        and not is_too_old(scan.occurred_at, scan.received_at)
    )


def voided(by_id: Mapping[str, Facts | Scan]) -> set[str]:
    """Scans that a correction takes back; a scan is void exactly if a correction that stands names it.

    Corrections that correct one another in a circle cancel out: none of them takes an effect away.
    """
    target = {
        event_id: scan.corrects_event_id
        for event_id, scan in by_id.items()
        if scan.corrects_event_id is not None
        and scan.corrects_event_id in by_id
        and by_id[scan.corrects_event_id].reporter == scan.reporter
    }
    undecided = Counter(target.values())
    void: set[str] = set()
    decided = [event_id for event_id in target if event_id not in undecided]
    while decided:
        correction = decided.pop()
        corrected = target.get(correction)
        if corrected is None:
            continue
        undecided[corrected] -= 1
        if corrected in void:
            continue
        if correction not in void:
            # Void, whatever else is said of it: so it is decided what its own correction does.
            void.add(corrected)
            decided.append(corrected)
        elif not undecided[corrected]:
            decided.append(corrected)
    return void
