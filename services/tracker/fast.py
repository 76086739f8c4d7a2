"""The fast path: scans later than all that is known of their parcel, stepped on columns.

A scan later than the greatest business time ever known for its key, and with an event id that is new, takes one
step of the fold; days without a clock, times that cannot be believed and parts that go back take the slow path. The
time alone proves nothing: where a vendor's own id is the identity, a copy can come with a later time. Only what the
fold looks at becomes a Python value; all else stays in Arrow columns from the log to the table and to the
milestones.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, batch_of, encode_columns, rows_of
from buuta.model.gaps import Gaps
from buuta.model.milestone import Action, ParcelMilestone
from buuta.model.scan import Scan
from buuta.model.statuses import Status
from buuta.model.steering import FUTURE_MS, MOST_SCANS, OLDEST_MS
from buuta.streaming.producer import Pair
from services.tracker.domain.epochs import AHEAD_MS
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import NEXT_EXPECTED_MS, kind_of
from services.tracker.domain.seen import SEEN, Seen
from services.tracker.domain.step import advance, told_mode

COPIED: Final = set(ParcelMilestone._fields) & set(Scan._fields) - {"delivery_mode", "status"}
"""What a milestone tells as its scan says it."""


def _rows(batch: Any, rows: Sequence[int]) -> Any:
    return batch.take(pa.array(rows, pa.int32()))


@dataclass(frozen=True)
class ScanColumns:
    """A chunk's scans in the order of the log: places in the chunk, Arrow columns, parcel keys, event ids."""

    places: list[int]
    batch: Any
    keys: list[str]
    ids: list[str]

    def seen(self) -> Iterator[Seen]:
        """Each scan as the fold sees it."""
        batch = self.batch
        # A place tells points apart, and nothing else: of other scans it need not become a Python text.
        is_point = pc.equal(batch.column("status"), Status.READY_AT_POINT.value)
        place = pc.if_else(is_point, batch.column("facility"), pa.scalar(None, pa.string()))
        columns = [place if name == "facility" else batch.column(name) for name in SEEN]
        return cast(Iterator[Seen], rows_of(pa.record_batch(columns, names=SEEN), SEEN))

    def scans(self, rows: list[int]) -> list[Scan]:
        """Whole scans of some rows."""
        return list(map(Scan._make, rows_of(_rows(self.batch, rows), Scan._fields)))


def scan_columns(decoded: Decoded) -> ScanColumns:
    """The scans of a chunk; more than one framing of them is brought into the log's order."""
    groups = [group for group in decoded.groups if group.schema == "ScanEvent"]
    if not groups:
        return ScanColumns([], batch_of("ScanEvent", ()), [], [])
    places = [place for group in groups for place in group.places]
    batch = pa.concat_batches([group.batch.select(Scan._fields) for group in groups])
    if len(groups) > 1:
        order = sorted(range(len(places)), key=places.__getitem__)
        places, batch = sorted(places), _rows(batch, order)
    keys = pc.binary_join_element_wise(batch.column("carrier"), batch.column("number"), ":")
    return ScanColumns(places, batch, keys.to_pylist(), batch.column("event_id").to_pylist())


def not_later(scans: ScanColumns, stored: Mapping[str, Parcel], gaps: Gaps) -> set[str]:
    """Keys with a scan that is not later than all known before it, the chunk's earlier ones too.

    A scan that does not simply steer or may begin an epoch, and a parcel with a correction that waits for
    its scan, with passed deadlines or too many scans, are not for one step either.
    """
    greatest = {key: _last_for_slow(parcel, gaps.of_key(key)) for key, parcel in stored.items()}
    slow = {key for key, parcel in stored.items() if _waits(parcel)}
    slow.update(_accepted_again(scans, stored))
    slow.update(scans.keys[row] for row in _odd_rows(scans.batch))
    slow.update(_too_many(scans.keys, stored))
    begins = {
        key: parcel.last_at + gaps.of_key(key)
        for key, parcel in stored.items()
        if parcel.last_at is not None
    }
    for key, occurred_at in zip(scans.keys, scans.batch.column("occurred_at").to_pylist(), strict=True):
        known = greatest.get(key)
        if (known is not None and occurred_at <= known) or occurred_at >= begins.get(key, LAST_MS):
            slow.add(key)
        else:
            greatest[key] = occurred_at
            if key not in begins:
                begins[key] = occurred_at + gaps.of_key(key)
    return slow


def with_repeats(scans: ScanColumns) -> set[str]:
    """Keys of which the chunk itself has an event id twice."""
    own = list(zip(scans.keys, scans.ids, strict=True))
    if len(set(scans.ids)) == len(own):
        return set()
    return {key for (key, _), count in Counter(own).items() if count > 1}


def _last_for_slow(parcel: Parcel, gap_ms: int) -> int | None:
    """Up to this business time a scan of a parcel is not for one step.

    One that lies so long before the registration that holds could end the parcel before it was registered.
    """
    if parcel.registered_at is None:
        return parcel.greatest_at
    before = parcel.registered_at - gap_ms + AHEAD_MS
    return before if parcel.greatest_at is None else max(parcel.greatest_at, before)


def _waits(parcel: Parcel) -> bool:
    """Whether the next scan of a parcel is never for one step."""
    return (
        parcel.awaits_scan
        or parcel.deadlines
        or parcel.partial_return
        or parcel.linked_number is not None
        or (parcel.epoch > 1 and parcel.status is None)
    )


def _accepted_again(scans: ScanColumns, stored: Mapping[str, Parcel]) -> Iterator[str]:
    """Keys of which a parcel may begin by an acceptance, since somebody registered it and it has ended, or does
    here."""
    accepted = pc.equal(scans.batch.column("status"), Status.ACCEPTED.value)
    keys = {scans.keys[row] for row in pc.indices_nonzero(accepted).to_pylist()}
    registered = {key for key in keys if key in stored and stored[key].registered_at is not None}
    if not registered:
        return
    ended = pc.invert(pc.is_in(scans.batch.column("status"), pa.array(list(map(str, NEXT_EXPECTED_MS)))))
    ends_here = {scans.keys[row] for row in pc.indices_nonzero(ended).to_pylist()}
    for key in registered:
        if key in ends_here or stored[key].next_expected_at is None:
            yield key


def _too_many(keys: Sequence[str], stored: Mapping[str, Parcel]) -> Iterator[str]:
    """Keys that may come to have more scans than steer."""
    for key, count in Counter(keys).items():
        known = stored.get(key)
        if count + (known.scans if known is not None else 0) > MOST_SCANS:
            yield key


def _odd_rows(batch: Any) -> list[int]:
    """Rows of corrections, of parcels that posts share, of days without a clock, of parts that go back, and of
    scans whose time cannot be believed."""
    # As floats: the difference of two numbers that somebody made up must not wrap around.
    times = ("received_at", "occurred_at")
    age = pc.subtract(*(batch.column(name).cast(pa.float64(), safe=False) for name in times))
    odd = pc.or_(pc.less(age, -FUTURE_MS), pc.greater(age, OLDEST_MS))
    for name in ("corrects_event_id", "correction_kind", "reporter", "linked_number"):
        odd = pc.or_(odd, pc.is_valid(batch.column(name)))
    for name in ("day_only", "partial_return"):
        odd = pc.or_(odd, batch.column(name))
    rows: list[int] = pc.indices_nonzero(odd).to_pylist()
    return rows


LAST_MS: Final = 2**63
"""Later than any time."""
Told = tuple[int, str, int, str, str, int, int, str | None, int, str | None, int | None, str]
"""What a milestone of the fast path says beside its scan: the scan's row, parcel key, sequence, kind, status,
ordinal, occurrence, delivery mode, epoch, registration id, promised at, further registrations apart by spaces."""


@dataclass
class Fast:
    """What the fast path took: rows of scans, and the milestones that joined."""

    scans: ScanColumns
    rows: list[int] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def batch(self) -> Any:
        """The scans that were taken, as columns."""
        scans = self.scans.batch
        return scans if len(self.rows) == scans.num_rows else _rows(scans, self.rows)

    def encoded(self, codec: Codec) -> list[Pair]:
        """Keys and values of the milestones."""
        if not self.told:
            return []
        (
            rows, keys, sequences, kinds, statuses, ordinals, occurrences, modes, epochs, registrations, promises,
            further,
        ) = zip(*self.told, strict=True)  # fmt: skip
        scans = _rows(self.scans.batch, rows)
        columns = {name: scans.column(name) for name in COPIED} | {
            "milestone_id": pa.array(map("{}#{}".format, keys, sequences), pa.string()),
            "sequence": pa.array(sequences, pa.int32()),
            "action": pa.repeat(Action.JOINED.value, len(rows)),
            "kind": pa.array(kinds, pa.string()),
            "status": pa.array(statuses, pa.string()),
            "ordinal": pa.array(ordinals, pa.int32()),
            "occurrence": pa.array(occurrences, pa.int32()),
            "delivery_mode": pa.array(modes, pa.string()),
            "epoch": pa.array(epochs, pa.int32()),
            "registration_id": pa.array(registrations, pa.string()),
            "promised_at": pa.array(promises, pa.int64()),
            "also_registered": pa.array(map(str.split, further), pa.list_(pa.string())),
        }
        values = encode_columns(codec, "ParcelMilestone", columns)
        return list(zip(map(str.encode, keys), values, strict=True))


def take_fast(scans: ScanColumns, slow: Collection[str], parcels: MutableMapping[str, Parcel]) -> Fast:
    """Step the parcels of all keys that are not `slow`, in place."""
    fast = Fast(scans)
    took, told = fast.rows.append, fast.told.append
    for row, (key, scan) in enumerate(zip(scans.keys, scans.seen(), strict=True)):
        if key in slow:
            continue
        parcel = parcels.get(key)
        if parcel is None:
            parcel = parcels[key] = Parcel()
        joined = advance(parcel, scan)
        parcel.scans += 1
        took(row)
        if joined is not None:
            status, parcel.sequence = parcel.status or scan[0], parcel.sequence + 1
            told((
                row, key, parcel.sequence, kind_of(status), status, *joined, told_mode(parcel, status),
                parcel.epoch, parcel.registration_id, parcel.promised_at, parcel.also_registered,
            ))  # fmt: skip
    return fast
