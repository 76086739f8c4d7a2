"""Epochs: a carrier's number that is used again is another parcel.

S10 numbers may come again after twelve months, and carriers recycle theirs sooner. A scan that sends a parcel on
its way (`OPENS`), 180 days or more after the number's last parcel ended, begins the next epoch; a carrier may have
another gap. Sooner an acceptance does, where somebody registered the number after that ending, and within 30 days
of the acceptance. A return leg never does. Where the epochs part is a function of the records, so a late scan can
join two.

A registration is of the epoch that was under way when it was made; made long after the ending, it is of
the next one, which then begins with it. So nobody who registers hears of a stranger's old parcel.

Of one parcel there may be several registrations, and each stands alone: its versions follow each other and no
other's. Which of them steers is nobody's to choose who registers: the carrier confirms one, or the first steers.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from buuta.model.gaps import GAP_DAYS
from buuta.model.scan import Scan
from buuta.model.statuses import Status
from buuta.model.times import DAY_MS, REGISTERED_AHEAD_MS
from buuta.model.ways import RETURN
from services.tracker.domain.deadlines import Passed
from services.tracker.domain.moves import came_before, move
from services.tracker.domain.parcel import Declared
from services.tracker.domain.rules import NEXT_EXPECTED_MS

GAP_MS: Final = GAP_DAYS * DAY_MS
"""A number is used again so long after an ending, or later; a setting, by carrier, too."""
AHEAD_MS: Final = REGISTERED_AHEAD_MS
OPENS: Final = frozenset(map(str, NEXT_EXPECTED_MS)) - {
    Status.RETURN_PENDING.value, Status.RETURNING.value,
}  # fmt: skip
"""What can begin a parcel: all that waits for a next scan, but for the return leg."""
ANNOUNCES: Final = frozenset({
    Status.INFO_RECEIVED.value, Status.PICKUP_IN_PROGRESS.value, Status.PICKUP_FAILED.value,
})  # fmt: skip
"""What comes before the acceptance by which a parcel begins, and is of it."""


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
    """The parcels of a number, the oldest first; of scans that steer, in business order and at their times."""
    parts, changes = _parts(scans, papers)
    registered: list[list[Declared]] = [[] for _ in range(len(changes) + 1)]
    for each in papers.registrations:
        registered[bisect_right(changes, each.registered_at)].append(each)
    if len(parts) == len(changes) and not all(each.withdrawn for each in registered[-1]):
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


@dataclass
class _Walk:
    """A number's state as far as it says where its parcels part."""

    papers: Papers
    status: str | None = None
    last_at: int | None = None
    direction: str | None = None
    partial_return: bool = False

    @property
    def has_ended(self) -> bool:
        return self.status is not None and self.status not in NEXT_EXPECTED_MS

    @property
    def free_at(self) -> int:
        """From then on a registration is of the next parcel, if none was scanned before."""
        return (self.last_at or 0) + self.papers.gap_ms - AHEAD_MS

    def begins(self, scan: Scan) -> int | None:
        """From when on registrations are of the parcel that a scan begins; None where it begins none."""
        if (
            not self.has_ended
            or scan.status not in OPENS
            or scan.direction == RETURN
            or self.last_at is None
        ):
            return None
        if scan.occurred_at - self.last_at >= self.papers.gap_ms:
            return self.free_at
        if scan.status != Status.ACCEPTED:
            return None
        first, last = max(self.last_at + 1, scan.occurred_at - AHEAD_MS), scan.occurred_at + AHEAD_MS
        again = any(first <= each.registered_at <= last for each in self.papers.registrations)
        return first if again else None

    def begin(self) -> None:
        """Be another parcel, of which nothing is known."""
        self.status = self.last_at = self.direction = None
        self.partial_return = False

    def take(self, scan: Scan) -> None:
        """Move on with a scan, as the parcel does."""
        self.partial_return |= scan.partial_return
        if scan.day_only and came_before(self, scan):
            return
        found = move(self, scan.status, scan.direction, scan.occurred_at)
        self.direction = found.direction
        if found.status is None:
            return
        if found.status in NEXT_EXPECTED_MS or found.status != self.status:
            self.last_at = scan.occurred_at
        self.status = found.status


def _parts(scans: Sequence[Scan], papers: Papers) -> tuple[list[Sequence[Scan]], list[int]]:
    """The scans by epoch, and from when on registrations are of the next one, for each that ended."""
    cuts, changes, walk = [0], list[int](), _Walk(papers)
    for place, scan in enumerate(scans):
        if scan.provisional:
            continue
        since = walk.begins(scan)
        if since is not None:
            cuts.append(_first_of(scans, place, cuts[-1], walk.last_at or 0))
            changes.append(since)
            walk.begin()
        walk.take(scan)
    if walk.has_ended:
        changes.append(walk.free_at)
    return [scans[start:end] for start, end in zip(cuts, [*cuts[1:], None], strict=True)], changes


def _first_of(scans: Sequence[Scan], place: int, least: int, ended_at: int) -> int:
    """Where a parcel begins that is accepted here: with what was announced of it since the one before ended."""
    while place - 1 > least and _announces(scans[place - 1], ended_at):
        place -= 1
    return place


def _announces(scan: Scan, ended_at: int) -> bool:
    """Whether a scan is of the parcel that is accepted after it; what is on its way back is of the one before."""
    goes_back = scan.direction == RETURN or scan.partial_return
    return scan.status in ANNOUNCES and scan.occurred_at > ended_at and not goes_back
