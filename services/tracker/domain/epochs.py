"""Epochs: a carrier's number that is used again is another parcel.

S10 numbers may come again after twelve months, and carriers recycle theirs sooner. A scan that sends a
parcel on its way (`OPENS`), 180 days or more after the number's last parcel ended, begins the next epoch;
a return leg never does. Where the epochs part is a function of the scans, so a late scan can join two.

A registration is of the epoch that was under way when it was made; made long after the ending, it is of
the next one, which then begins with it. So nobody who registers hears of a stranger's old parcel.

Of one parcel there may be several registrations, and each stands alone: its versions follow each other and no
other's. Which of them steers is nobody's to choose who registers: the carrier confirms one, or the first steers.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from buuta.model.scan import Scan
from buuta.model.statuses import Status
from buuta.model.times import DAY_MS, REGISTERED_AHEAD_MS
from services.tracker.domain.deadlines import Passed
from services.tracker.domain.parcel import Declared
from services.tracker.domain.rules import NEXT_EXPECTED_MS, RULES

GAP_MS: Final = 180 * DAY_MS
"""A number is used again so long after an ending, or later; a setting of the tracker."""
AHEAD_MS: Final = REGISTERED_AHEAD_MS
OPENS: Final = frozenset(map(str, NEXT_EXPECTED_MS)) - {
    Status.RETURN_PENDING.value, Status.RETURNING.value,
}  # fmt: skip
"""What can begin a parcel: all that waits for a next scan, but for the return leg."""


class Papers(NamedTuple):
    """All that is known of a key beside its scans, and the gap after which its number is used again.

    `copies_differ` says that some of its scans had a copy, not kept, that said something else.
    """

    passed: frozenset[Passed] = frozenset()
    registrations: frozenset[Declared] = frozenset()
    gap_ms: int = GAP_MS
    copies_differ: bool = False


NO_PAPERS: Final = Papers()


class Standing(NamedTuple):
    """What the registrations of a parcel come to: the one that steers, and the ids of all that are told."""

    steers: Declared | None
    told: tuple[str, ...]


class Epoch(NamedTuple):
    """One parcel of a number: its scans in business order, how its registrations stand, its beginning.

    `since` is UTC milliseconds; None for the first parcel of a number. `awaits_next` says that what was
    registered for the parcel after it was withdrawn before that began: with another ending it may be this one's.
    `registered_at` is the latest of its registrations, which another ending may give to the parcel after it.
    """

    scans: Sequence[Scan]
    standing: Standing
    since: int | None
    awaits_next: bool = False
    registered_at: int | None = None


def epochs(scans: Sequence[Scan], papers: Papers) -> list[Epoch]:
    """The parcels of a number, the oldest first; of scans that steer, in business order."""
    parts, endings = _parts(scans, papers.gap_ms)
    changes = [ended_at + papers.gap_ms - AHEAD_MS for ended_at in endings]
    registered: list[list[Declared]] = [[] for _ in range(len(endings) + 1)]
    for each in papers.registrations:
        registered[bisect_right(changes, each.registered_at)].append(each)
    if len(parts) == len(endings) and not all(each.withdrawn for each in registered[-1]):
        parts.append([])
    waits = len(registered) > len(parts) and bool(registered[-1])
    return [
        Epoch(
            part,
            standing(of),
            None if number == 0 else _since(part, of),
            waits,
            max((each.registered_at for each in of), default=None),
        )
        for number, (part, of) in enumerate(zip(parts, registered, strict=False))
    ]


def standing(versions: Sequence[Declared]) -> Standing:
    """How the registrations of a parcel stand, from all their versions.

    Of each its newest version holds. What the carrier confirms comes first, then what was made first: that one
    steers, withdrawn or not, since the parcel still goes there; told are all that were not withdrawn.
    """
    first_at, held = dict[str, int](), dict[str, Declared]()
    for each in sorted(versions, key=lambda each: (each.version, each.registered_at)):
        own = each.registration_id
        first_at[own] = min(each.registered_at, first_at.get(own, each.registered_at))
        held[own] = each
    order = sorted(
        held.values(),
        key=lambda each: (not each.confirmed, first_at[each.registration_id], each.registration_id),
    )
    told = tuple(each.registration_id for each in order if not each.withdrawn)
    return Standing(order[0] if order else None, told)


def _since(part: Sequence[Scan], registered: Sequence[Declared]) -> int:
    return part[0].occurred_at if part else min(each.registered_at for each in registered)


def _parts(scans: Sequence[Scan], gap_ms: int) -> tuple[list[Sequence[Scan]], list[int]]:
    """The scans by epoch, and when each epoch ended; the last one has perhaps not ended yet."""
    cuts, endings = [0], list[int]()
    status: str | None = None
    last_at = 0
    for place, scan in enumerate(scans):
        if scan.provisional:
            continue
        ended = status is not None and status not in NEXT_EXPECTED_MS
        if ended and scan.status in OPENS and scan.occurred_at - last_at >= gap_ms:
            cuts.append(place)
            endings.append(last_at)
        elif status is not None and scan.status in RULES[status].barred:
            continue
        status, last_at = scan.status, scan.occurred_at
    if status is not None and status not in NEXT_EXPECTED_MS:
        endings.append(last_at)
    return [scans[start:end] for start, end in zip(cuts, [*cuts[1:], None], strict=True)], endings
