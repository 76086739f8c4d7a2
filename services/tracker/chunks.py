"""A chunk of parcel events, applied in one transaction: load, fold, write, tell.

Two paths lead through a chunk: `fast.py` for a scan that is plainly later than all that is known of
its parcel, `slow.py` for everything else. A key goes one way with all its records of the chunk.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, batch_of, encode_rows
from buuta.model.identifiers import parcel_key, split_key
from buuta.model.milestone import Action, ParcelMilestone
from buuta.model.scan import DeadlinePassed, Registration
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.telemetry import metrics
from services.tracker import storage
from services.tracker.domain.epochs import GAP_MS, Papers
from services.tracker.domain.figures import CellChanges, contribution, counted
from services.tracker.domain.parcel import Parcel
from services.tracker.fast import Fast, not_later, scan_columns, take_fast
from services.tracker.lateness import Lateness, lateness
from services.tracker.slow import (
    Known,
    Own,
    Past,
    Placed,
    Slow,
    Told,
    beyond,
    key_of,
    own_records,
    take_slow,
)

EXPECTED: Final = frozenset({"ScanEvent", "ParcelRegistration", "DeadlinePassed"})


class ChunkFold:
    """The work on one chunk; `apply` is what a chunk worker calls.

    `mark_parcels` says whether changed parcels are marked for the compacted topic.
    """

    def __init__(self, codec: Codec, gap_ms: int = GAP_MS, *, mark_parcels: bool = False) -> None:
        self._codec = codec
        self._gap_ms = gap_ms
        self._mark_parcels = mark_parcels

    async def apply(self, con: Any, chunk: Chunk, decoded: Decoded) -> Sequence[Pair]:
        """Write a chunk's effects in the transaction of `con`; returns the milestones to tell."""
        scans, others = scan_columns(decoded), _others(decoded)
        told_of = {key_of(each) for _, each in others}
        parcels = await storage.load_parcels(con, {*scans.keys, *told_of})
        before = {key: counted(parcel) for key, parcel in parcels.items()}
        slow_keys = not_later(scans, parcels, self._gap_ms) | told_of
        fast = take_fast(scans, slow_keys, parcels)
        slow = await self._slow(con, own_records(scans, others, slow_keys), parcels)
        await storage.delete_scans(con, slow.replaced)
        added = _added(fast, slow)
        await storage.insert_scans(con, added)
        await storage.insert_deadlines(con, slow.passed)
        await storage.insert_declarations(con, slow.declared)
        await storage.write_parcels(con, chunk.partition, parcels, before)
        await storage.write_past(con, chunk.partition, slow.past)
        if self._mark_parcels:
            await storage.mark_parcels(con, parcels.keys())
        changes = cell_changes(before, parcels, slow.past)
        await storage.add_to_cells(con, chunk.partition, changes.counts)
        await storage.add_transit(con, chunk.partition, changes.transit)
        await storage.add_lateness(con, chunk.partition, _lateness(added, slow))
        _count(fast, slow, len(scans.keys))
        return [*fast.encoded(self._codec), *self._encoded(slow.told)]

    async def _slow(self, con: Any, own: Own, parcels: dict[str, Parcel]) -> Slow:
        late = beyond(own, parcels)
        copies = await storage.load_copies(con, [scan for scans in late.values() for scan in scans])
        folded = {key: records for key, records in own.items() if key not in late}
        slow = take_slow(folded, await self._known(con, folded.keys(), parcels), parcels)
        for key, scans in late.items():
            slow.append(key, copies.get(key, ()), scans)
        return slow

    async def _known(
        self, con: Any, keys: Collection[str], parcels: Mapping[str, Parcel]
    ) -> dict[str, Known]:
        stored = {key: parcels[key] for key in keys if key in parcels}
        history = await storage.load_history(con, keys)
        passed = await storage.load_deadlines(con, [key for key, each in stored.items() if each.deadlines])
        reused = [key for key, each in stored.items() if each.epoch > 1]
        past = await storage.load_past(con, reused)
        declared = await storage.load_declarations(
            con, [key for key, each in stored.items() if each.epoch > 1 or _has_papers(each)]
        )
        none = frozenset[Any]()
        return {
            key: Known(
                history.get(key, ()),
                Papers(passed.get(key, none), declared.get(key, none), self._gap_ms),
                past.get(key, ()),
            )
            for key in keys
        }

    def _encoded(self, told: Sequence[ParcelMilestone]) -> list[Pair]:
        values = encode_rows(self._codec, "ParcelMilestone", told)
        keys = (parcel_key(each.carrier, each.number).encode() for each in told)
        return list(zip(keys, values, strict=True))


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


def _count(fast: Fast, slow: Slow, scans: int) -> None:
    metrics.TRACKER_SCANS.labels("fast").inc(len(fast.rows))
    metrics.TRACKER_SCANS.labels("slow").inc(scans - len(fast.rows))
    metrics.TRACKER_MILESTONES.labels(Action.JOINED.value).inc(len(fast.told))
    for action, count in Counter(each.action for each in slow.told).items():
        metrics.TRACKER_MILESTONES.labels(action).inc(count)
