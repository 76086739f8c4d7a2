"""A chunk of parcel events: loaded and folded before its transaction, then written in it and told.

Two paths lead through a chunk: `fast.py` for a scan that is plainly later than all that is known of
its parcel, `slow.py` for everything else. A key goes one way with all its records of the chunk.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pyarrow as pa

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, batch_of, encode_rows
from buuta.model.gaps import Gaps
from buuta.model.identifiers import parcel_key, split_key
from buuta.model.milestone import Action, ParcelMilestone
from buuta.model.scan import DeadlinePassed, Registration, Scan
from buuta.model.steering import MOST_SCANS
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.streaming.work import TooMuch
from buuta.telemetry import metrics
from services.tracker import history, storage
from services.tracker.domain.epochs import Papers
from services.tracker.domain.figures import CellChanges, contribution, counted
from services.tracker.domain.parcel import Parcel
from services.tracker.early import early_places, without
from services.tracker.fast import Fast, ScanColumns, not_later, scan_columns, take_fast, with_repeats
from services.tracker.lateness import Lateness, lateness
from services.tracker.slow import (
    Known,
    Own,
    Past,
    Placed,
    Slow,
    Told,
    beyond,
    cost,
    key_of,
    own_records,
    slices,
)

T = TypeVar("T")
USUAL: Final = Gaps()
EXPECTED: Final = frozenset({"ScanEvent", "ParcelRegistration", "DeadlinePassed"})
MOST_FOLDED: Final = 100_000
"""About a second's work, and a bound on what one chunk tells."""
SLICE: Final = 4_000
"""So many scans of history are held in memory and folded at once."""
FEW: Final = 1_000
"""Scans to fold, or milestones to encode, that are not worth a thread: some 10 ms."""


@dataclass(frozen=True)
class Folded:
    """What a chunk changes, ready to be written; `before` is what figures knew of its parcels."""

    partition: int
    parcels: Mapping[str, Parcel]
    before: Mapping[str, tuple[Any, ...]]
    fast: Fast
    slow: Slow
    added: Any
    changes: CellChanges
    lateness: Counter[Lateness]
    told: Sequence[Pair]
    marks_parcels: bool

    async def write(self, con: Any) -> Sequence[Pair]:
        """Write it in the transaction of `con`; returns the milestones to tell.

        Raises:
            Retry: somebody took a parcel away since it was loaded.
        """
        slow, slot = self.slow, self.partition
        await history.replace_scans(con, slow.replaced, self.added, slow.differing)
        await storage.insert_deadlines(con, slow.passed)
        await storage.insert_declarations(con, slow.declared)
        await storage.write_parcels(con, slot, self.parcels, self.before)
        await storage.write_past(con, slot, slow.past)
        if self.marks_parcels:
            await storage.mark_parcels(con, self.parcels.keys())
        await storage.add_to_cells(con, slot, self.changes.counts)
        await storage.add_transit(con, slot, self.changes.transit)
        await storage.add_lateness(con, slot, self.lateness)
        _count(self.fast, slow)
        return self.told


class ChunkFold:
    """The work on one chunk; `prepare` is what a chunk worker calls.

    `mark_parcels` says whether changed parcels are marked for the compacted topic; `most_folded` is how many
    scans one chunk may fold anew before it is done in halves, None: any number.
    """

    def __init__(
        self,
        codec: Codec,
        gaps: Gaps = USUAL,
        *,
        mark_parcels: bool = False,
        most_folded: int | None = MOST_FOLDED,
    ) -> None:
        self._codec = codec
        self._gaps = gaps
        self._mark_parcels = mark_parcels
        self._most_folded = most_folded

    async def prepare(self, source: Any, chunk: Chunk, decoded: Decoded) -> Folded:
        """Load by `source`, a pool or a connection, and fold; nothing is written.

        Raises:
            TooMuch: as `Prepare` has it.
        """
        early = early_places(chunk, decoded)
        metrics.TRACKER_DEADLINES.labels("early").inc(len(early))
        decoded = without(decoded, early)
        scans, others = scan_columns(decoded), _others(decoded)
        told_of = {key_of(each) for _, each in others}
        parcels = await storage.load_parcels(source, {*scans.keys, *told_of})
        before = {key: counted(parcel) for key, parcel in parcels.items()}
        slow_keys = not_later(scans, parcels, self._gaps) | told_of | with_repeats(scans)
        slow_keys |= await history.stored_keys(source, _perhaps_stored(scans, slow_keys, parcels))
        own = own_records(scans, others, slow_keys)
        late = beyond(own, parcels)
        folded = {key: records for key, records in own.items() if key not in late}
        self._limit(len(scans.keys) + len(others), cost(folded, parcels))
        fast = take_fast(scans, slow_keys, parcels)
        slow = await self._slow(source, folded, parcels)
        await self._append(source, late, slow)
        added = _added(fast, slow)
        told = [*fast.encoded(self._codec), *await _aside(len(slow.told), self._encoded, slow.told)]
        return Folded(
            chunk.partition, parcels, before, fast, slow, added, cell_changes(before, parcels, slow.past),
            _lateness(added, slow), told, self._mark_parcels,
        )  # fmt: skip

    def _limit(self, records: int, work: int) -> None:
        if self._most_folded is not None and records > 1 and work > self._most_folded:
            raise TooMuch(f"{work} scans to fold for {records} records")

    async def _slow(self, source: Any, own: Own, parcels: dict[str, Parcel]) -> Slow:
        """Fold anew, slice by slice and beside the event loop, which must not wait for it."""
        slow = Slow(parcels)
        for part in slices(own, parcels, SLICE):
            known = await self._known(source, part, parcels)
            await _aside(cost(part, parcels), slow.take, part, known)
        return slow

    async def _append(self, source: Any, late: Mapping[str, list[Scan]], slow: Slow) -> None:
        """Keep the scans of keys that are full."""
        copies = await history.load_copies(source, [scan for scans in late.values() for scan in scans])
        for key, scans in late.items():
            slow.append(key, copies.get(key, ()), scans)

    async def _known(self, con: Any, own: Own, parcels: Mapping[str, Parcel]) -> dict[str, Known]:
        stored = {key: parcels[key] for key in own if key in parcels}
        scans = await self._scans(con, own, stored)
        passed = await storage.load_deadlines(con, [key for key, each in stored.items() if each.deadlines])
        reused = [key for key, each in stored.items() if each.epoch > 1]
        past = await storage.load_past(con, reused)
        declared = await storage.load_declarations(
            con, [key for key, each in stored.items() if each.epoch > 1 or _has_papers(each)]
        )
        none = frozenset[Any]()
        return {
            key: Known(
                scans.get(key, ()),
                Papers(passed.get(key, none), declared.get(key, none), self._gaps.of_key(key)),
                past.get(key, ()),
            )
            for key in own
        }

    async def _scans(
        self, con: Any, own: Own, stored: Mapping[str, Parcel]
    ) -> Mapping[str, Sequence[Scan]]:
        """The scans that can steer; of keys that have more, the stored copies of their own ones, too."""
        first = await history.load_history(con, stored.keys())
        full = [key for key in stored if stored[key].scans > MOST_SCANS]
        mine = [record for key in full for record in own[key] if isinstance(record, Scan)]
        copies = await history.load_copies(con, mine)
        return {**first, **{key: [*first[key], *copies[key]] for key in copies}}

    def _encoded(self, told: Sequence[ParcelMilestone]) -> list[Pair]:
        values = encode_rows(self._codec, "ParcelMilestone", told)
        keys = (parcel_key(each.carrier, each.number).encode() for each in told)
        return list(zip(keys, values, strict=True))


async def _aside(work: int, does: Callable[..., T], *given: Any) -> T:
    """Do something in a thread if there is enough of it, so that the event loop goes on meanwhile."""
    return await asyncio.to_thread(does, *given) if work > FEW else does(*given)


def _perhaps_stored(
    scans: ScanColumns, slow: Collection[str], stored: Container[str]
) -> list[history.Identity]:
    """The scans that are not slow for their time, of parcels that have a history."""
    return [
        (key, event_id)
        for key, event_id in zip(scans.keys, scans.ids, strict=True)
        if key not in slow and key in stored
    ]


def _has_papers(parcel: Parcel) -> bool:
    """Whether anything was declared of it; what was withdrawn before its parcel began waits for a scan."""
    return parcel.registration_version is not None or parcel.awaits_scan


def _added(fast: Fast, slow: Slow) -> Any:
    """All scans that the chunk adds to the history, as columns."""
    more = [batch_of("ScanEvent", slow.added)] if slow.added else []
    return pa.concat_batches([fast.batch(), *more])


def _lateness(added: Any, slow: Slow) -> Counter[Lateness]:
    counts = lateness(added)
    if slow.replaced:
        counts.subtract(lateness(batch_of("ScanEvent", slow.replaced)))
    return counts


OTHERS: Final[Mapping[str, type[Told]]] = {
    "ParcelRegistration": Registration, "DeadlinePassed": DeadlinePassed,
}  # fmt: skip


def _others(decoded: Decoded) -> list[Placed]:
    """Registrations and passed deadlines of a chunk."""
    return [
        (place, OTHERS[group.schema]._make(row))
        for group in decoded.groups
        if group.schema in OTHERS
        for place, row in zip(group.places, group.rows(OTHERS[group.schema]._fields), strict=True)
    ]


def cell_changes(
    before: Mapping[str, tuple[Any, ...]], parcels: Mapping[str, Parcel], past: Past
) -> CellChanges:
    """What the chunk moves between rate cells; `past` are past parcels, before and after."""
    changes = CellChanges()
    for key, parcel in parcels.items():
        was, now = before.get(key), counted(parcel)
        if was != now:
            carrier, _ = split_key(key)
            changes.move(contribution(carrier, was), contribution(carrier, now))
    for key, both in past.items():
        carrier, _ = split_key(key)
        changes.replace(*([contribution(carrier, counted(each)) for each in parts] for parts in both))
    return changes


def _count(fast: Fast, slow: Slow) -> None:
    metrics.TRACKER_SCANS.labels("fast").inc(len(fast.rows))
    metrics.TRACKER_SCANS.labels("slow").inc(len(fast.scans.keys) - len(fast.rows))
    metrics.TRACKER_MILESTONES.labels(Action.JOINED.value).inc(len(fast.told))
    for action, count in Counter(each.action for each in slow.told).items():
        metrics.TRACKER_MILESTONES.labels(action).inc(count)
