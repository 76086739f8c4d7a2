"""A chunk of parcel events, applied in one transaction: load, fold, write, tell.

Two paths lead through a chunk. Fast: a scan later than the greatest business time ever known for its
key takes one step of the fold; it cannot be a duplicate, for a duplicate is not later than itself.
Slow: for everything else, ties too, and for keys with a registration, the parcel is folded anew from
its history and the chunk's own scans; what changed in its live set is told. A registration in between
splits them: what came before it in the log is told to nobody, and then the newest milestone is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, encode_rows
from buuta.model.identifiers import parcel_key, split_key
from buuta.model.milestone import Action, Milestone, ParcelMilestone
from buuta.model.scan import Registration, Scan
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.telemetry import metrics
from services.tracker import storage
from services.tracker.domain.fold import distinct, fold, step
from services.tracker.domain.parcel import CellChanges, Parcel, contribution, counted
from services.tracker.domain.tell import Change, difference, numbered, retold

EXPECTED: Final = frozenset({"ScanEvent", "ParcelRegistration", "DeadlinePassed"})
Record = TypeVar("Record", Scan, Registration)


class ChunkFold:
    """The work on one chunk; `apply` is what a chunk worker calls."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def apply(self, con: Any, chunk: Chunk, decoded: Decoded) -> Sequence[Pair]:
        """Write a chunk's effects in the transaction of `con`; returns the milestones to tell."""
        places, scans = _records(decoded, "ScanEvent", Scan)
        registrations = list(zip(*_records(decoded, "ParcelRegistration", Registration), strict=True))
        keys = [f"{scan.carrier}:{scan.number}" for scan in scans]
        registered = {_key(registration) for _, registration in registrations}
        stored = await storage.load_parcels(con, {*keys, *registered})
        work = _Work(stored, _slow_keys(keys, scans, stored) | registered)
        fast = work.take_fast(places, keys, scans)
        await work.take_slow(con, registrations)
        await storage.delete_scans(con, work.replaced)
        await storage.insert_scans(con, [*fast, *work.added])
        await work.write(con, chunk.partition)
        _count(len(fast), len(scans) - len(fast), work.told)
        return self._encoded(work.told)

    def _encoded(self, told: Sequence[ParcelMilestone]) -> list[Pair]:
        values = encode_rows(self._codec, "ParcelMilestone", told)
        keys = (parcel_key(each.carrier, each.number).encode() for each in told)
        return list(zip(keys, values, strict=True))


class _Work:
    """What a chunk changes, while it is being worked out."""

    def __init__(self, stored: dict[str, Parcel], slow: Iterable[str]) -> None:
        self._stored = stored
        self._parcels = dict(stored)
        self._slow = set(slow)
        self._own: dict[str, list[tuple[int, Scan | Registration]]] = defaultdict(list)
        self._before = {key: counted(parcel) for key, parcel in stored.items()}
        self.told: list[ParcelMilestone] = []
        self.added: list[Scan] = []
        self.replaced: list[Scan] = []

    def take_fast(self, places: Sequence[int], keys: Sequence[str], scans: Sequence[Scan]) -> list[Scan]:
        """Step the scans of fast keys; returns them. The scans of slow keys wait."""
        fast = []
        slow, parcels, told = self._slow, self._parcels, self.told
        for place, key, scan in zip(places, keys, scans, strict=True):
            if key in slow:
                self._own[key].append((place, scan))
                continue
            parcel = parcels.get(key)
            if parcel is None:
                parcel = parcels[key] = Parcel()
            milestone = step(parcel, scan)
            if milestone is not None:
                change = ((Action.JOINED, milestone),)
                told.extend(numbered(scan.carrier, scan.number, parcel, change))
            fast.append(scan)
        return fast

    async def take_slow(self, con: Any, registrations: Iterable[tuple[int, Registration]]) -> None:
        """Fold the slow keys anew, from history and the chunk's own records in the order of the log."""
        for place, registration in registrations:
            self._own[_key(registration)].append((place, registration))
        history = await storage.load_history(con, self._slow)
        for key in sorted(self._slow):
            own = [record for _, record in sorted(self._own[key], key=lambda each: each[0])]
            self._refold(key, history.get(key, []), own)

    def _refold(self, key: str, known: Sequence[Scan], own: Sequence[Scan | Registration]) -> None:
        parcel = self._parcels.setdefault(key, Parcel())
        scans = list(known)
        _, live = fold(known)
        for record in own:
            if isinstance(record, Scan):
                scans.append(record)
                continue
            live = self._tell_difference(key, parcel, live, scans)
            if parcel.register(record) and parcel.registration_id is not None:
                self._tell(key, parcel, retold(live))
        self._tell_difference(key, parcel, live, scans)
        self._keep(distinct(known), distinct(scans))

    def _tell_difference(
        self, key: str, parcel: Parcel, before: Sequence[Milestone], scans: Sequence[Scan]
    ) -> list[Milestone]:
        """Fold all scans so far, tell what changed, and return the live set."""
        folded, live = fold(scans)
        parcel.adopt(folded)
        self._tell(key, parcel, difference(before, live))
        return live

    def _tell(self, key: str, parcel: Parcel, changes: Iterable[Change]) -> None:
        carrier, number = split_key(key)
        self.told += numbered(carrier, number, parcel, changes)

    def _keep(self, known: dict[str, Scan], all_scans: dict[str, Scan]) -> None:
        """Note which rows of history to add, and which copies an earlier-received one replaces."""
        for event_id, scan in all_scans.items():
            if known.get(event_id) != scan:
                self.added.append(scan)
                if event_id in known:
                    self.replaced.append(scan)

    async def write(self, con: Any, slot: int) -> None:
        """Write states and rate cells."""
        changes = CellChanges()
        for key, parcel in self._parcels.items():
            before, after = self._before.get(key), counted(parcel)
            if before != after:
                carrier, _ = split_key(key)
                changes.move(contribution(carrier, before), contribution(carrier, after))
        stored = self._stored
        new = [(key, parcel) for key, parcel in self._parcels.items() if key not in stored]
        await storage.insert_parcels(con, slot, new)
        await storage.update_parcels(con, slot, [*self._stored.items()])
        await storage.add_to_cells(con, slot, changes.counts)


def _key(registration: Registration) -> str:
    return parcel_key(registration.carrier, registration.number)


def _records(decoded: Decoded, schema: str, kind: type[Record]) -> tuple[list[int], list[Record]]:
    """The records of one schema and their places, in the order of the log, whatever their framing."""
    groups = [group for group in decoded.groups if group.schema == schema]
    placed = [
        (place, record)
        for group in groups
        for place, record in zip(group.places, map(kind._make, group.rows(kind._fields)), strict=True)
    ]
    if len(groups) > 1:
        placed.sort(key=lambda each: each[0])
    return [place for place, _ in placed], [record for _, record in placed]


def _slow_keys(keys: Sequence[str], scans: Sequence[Scan], stored: dict[str, Parcel]) -> set[str]:
    """Keys with a scan that is not later than all known before it, the chunk's earlier ones too."""
    greatest = {key: parcel.greatest_at for key, parcel in stored.items()}
    slow = set()
    for key, scan in zip(keys, scans, strict=True):
        known = greatest.get(key)
        if known is not None and scan.occurred_at <= known:
            slow.add(key)
        else:
            greatest[key] = scan.occurred_at
    return slow


def _count(fast: int, slow: int, told: Sequence[ParcelMilestone]) -> None:
    metrics.TRACKER_SCANS.labels("fast").inc(fast)
    metrics.TRACKER_SCANS.labels("slow").inc(slow)
    for action in Action:
        count = sum(1 for each in told if each.action == action)
        metrics.TRACKER_MILESTONES.labels(action.value).inc(count)
