"""The slow path: parcels folded anew from their history and the chunk's own records.

It takes everything that is not plainly later than all that is known: late scans, duplicates, ties,
and parcels with a registration, which splits their records in the order of the log. What came
before it is told to nobody; then the newest milestone is told; then what comes after it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from buuta.model.identifiers import parcel_key, split_key
from buuta.model.milestone import Milestone, ParcelMilestone
from buuta.model.scan import DeadlinePassed, Registration, Scan
from services.tracker.domain.deadlines import Given, Passed
from services.tracker.domain.fold import distinct, fold, merged
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.tell import Change, difference, numbered, retold
from services.tracker.fast import ScanColumns

Told = Registration | DeadlinePassed
Placed = tuple[int, Told]
"""A registration or a passed deadline, and its place in the chunk."""
Record = Scan | Told
Deadlines = Mapping[str, frozenset[Passed]]
"""The deadlines that each parcel was seen to pass."""
_received = attrgetter("received_at")
Own = Mapping[str, Sequence[Record]]
"""The chunk's own records of each key, in the order of the log."""


def key_of(record: Record) -> str:
    """The key of the parcel that a record is about."""
    return parcel_key(record.carrier, record.number)


def own_records(scans: ScanColumns, others: Iterable[Placed], slow: set[str]) -> Own:
    """The chunk's records of the slow keys."""
    rows = [row for row, key in enumerate(scans.keys) if key in slow]
    placed: dict[str, list[tuple[int, Record]]] = defaultdict(list)
    for row, scan in zip(rows, scans.scans(rows), strict=True):
        placed[scans.keys[row]].append((scans.places[row], scan))
    for place, record in others:
        placed[key_of(record)].append((place, record))
    return {
        key: [record for _, record in sorted(records, key=lambda each: each[0])]
        for key, records in placed.items()
    }


@dataclass
class Slow:
    """What the slow path found out: rows of history to add and to replace, and what to tell."""

    parcels: MutableMapping[str, Parcel]
    added: list[Scan] = field(default_factory=list)
    replaced: list[Scan] = field(default_factory=list)
    told: list[ParcelMilestone] = field(default_factory=list)
    passed: list[DeadlinePassed] = field(default_factory=list)

    def refold(
        self, key: str, known: Sequence[Scan], passed: frozenset[Passed], own: Sequence[Record]
    ) -> None:
        """Take a parcel's own records of the chunk in, behind the history that is `known`."""
        parcel = self.parcels.setdefault(key, Parcel())
        before, scans = distinct(known), list(known)
        own = [record for record in own if not _says_nothing_new(record, before)]
        if not own:
            return
        _, live = fold(known, _given(parcel, passed))
        for record in own:
            if isinstance(record, Scan):
                scans.append(record)
            elif isinstance(record, DeadlinePassed):
                passed |= {Passed(record.kind, record.deadline_at)}
                self.passed.append(record)
            else:
                live = self._tell_difference(key, live, scans, passed)
                if parcel.register(record):
                    live = self._tell_difference(key, live, scans, passed)
                    self._tell(key, retold(live) if parcel.registration_id is not None else ())
        self._tell_difference(key, live, scans, passed)
        parcel.scans = len(before) + self._keep(before, distinct(scans[len(known) :], before))

    def append(self, key: str, copies: Sequence[Scan], own: Sequence[Scan]) -> None:
        """Keep scans of a key that is full: they steer nothing. `copies` are those of them that are stored."""
        known = distinct(copies)
        self.parcels[key].scans += self._keep(known, distinct(own, known))

    def _tell_difference(
        self, key: str, before: Sequence[Milestone], scans: Sequence[Scan], passed: frozenset[Passed]
    ) -> list[Milestone]:
        """Fold all records so far, tell what changed, and return the live set."""
        folded, live = fold(scans, _given(self.parcels[key], passed))
        self.parcels[key].adopt(folded)
        self._tell(key, difference(before, live))
        return live

    def _tell(self, key: str, changes: Iterable[Change]) -> None:
        carrier, number = split_key(key)
        self.told += numbered(carrier, number, self.parcels[key], changes)

    def _keep(self, known: dict[str, Scan], all_scans: dict[str, Scan]) -> int:
        """Note which rows of history to add, and which copies an earlier-received one replaces.

        Returns how many scans are new.
        """
        for event_id, scan in all_scans.items():
            if known.get(event_id) != scan:
                self.added.append(scan)
                if event_id in known:
                    self.replaced.append(scan)
        return len(all_scans) - len(known)


def beyond(own: Own, parcels: Mapping[str, Parcel]) -> dict[str, list[Scan]]:
    """Records of keys that are full, and of which none can steer: all came after the last that does."""
    late: dict[str, list[Scan]] = {}
    for key, records in own.items():
        full_at = parcels[key].full_at if key in parcels else None
        scans = [record for record in records if isinstance(record, Scan)]
        if full_at is not None and len(scans) == len(records) and min(map(_received, scans)) > full_at:
            late[key] = scans
    return late


@dataclass(frozen=True)
class Known:
    """What is stored of parcels: their scans, and the deadlines that they were seen to pass."""

    history: Mapping[str, Sequence[Scan]]
    deadlines: Deadlines


def take_slow(own: Own, known: Known, parcels: MutableMapping[str, Parcel]) -> Slow:
    """Fold the parcels of `own` anew, in place."""
    slow = Slow(parcels)
    for key in sorted(own):
        slow.refold(key, known.history.get(key, ()), known.deadlines.get(key, frozenset()), own[key])
    return slow


def _says_nothing_new(record: Record, known: Mapping[str, Scan]) -> bool:
    """Whether a record is a copy of a scan that is known, and was not received before it."""
    if not isinstance(record, Scan):
        return False
    copy = known.get(record.event_id)
    return copy is not None and merged(copy, record) == copy


def _given(parcel: Parcel, passed: frozenset[Passed]) -> Given:
    return Given(passed, parcel.promised_at, parcel.service)
