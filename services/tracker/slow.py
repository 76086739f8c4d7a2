"""The slow path: parcels folded anew from their history and the chunk's own records.

It takes everything that is not new and plainly later than all that is known: late scans, ties, copies, and
parcels with a registration, which splits their records in the order of the log. What came before it is told
to nobody; then the newest milestone is told; then what comes after it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from buuta.model.identifiers import parcel_key, split_key
from buuta.model.milestone import ParcelMilestone
from buuta.model.scan import DeadlinePassed, Registration, Scan
from buuta.model.steering import MOST_SCANS
from services.tracker.domain.copies import differing, distinct, merged
from services.tracker.domain.deadlines import Passed
from services.tracker.domain.epochs import NO_PAPERS, Papers
from services.tracker.domain.findings import COPIES_DIFFER, TIME_AHEAD, TIME_OUT_OF_RANGE, find
from services.tracker.domain.fold import Folded, fold
from services.tracker.domain.parcel import Declared, Parcel
from services.tracker.domain.tell import Change, difference, numbered, retold, told_ids
from services.tracker.fast import ScanColumns

Told = Registration | DeadlinePassed
Placed = tuple[int, Told]
"""A registration or a passed deadline, and its place in the chunk."""
Record = Scan | Told
_declared = attrgetter(*Declared._fields)
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


@dataclass(frozen=True)
class Known:
    """What is stored of a key beside its parcel: its scans, its other papers, its past parcels.

    The scans are those that can steer, those of which the chunk has copies, and one more where there are more.
    """

    scans: Sequence[Scan] = ()
    papers: Papers = NO_PAPERS
    past: Sequence[Parcel] = ()


Past = dict[str, tuple[Sequence[Parcel], Sequence[Parcel]]]
"""The past parcels of keys that have some, before and after."""


@dataclass
class Slow:
    """What the slow path found out: history to add and what it replaces, what to tell, past parcels.

    `differing` are the keys and event ids of scans whose copies say different things.
    """

    parcels: MutableMapping[str, Parcel]
    added: list[Scan] = field(default_factory=list)
    replaced: list[Scan] = field(default_factory=list)
    told: list[ParcelMilestone] = field(default_factory=list)
    passed: list[DeadlinePassed] = field(default_factory=list)
    declared: list[tuple[str, Declared]] = field(default_factory=list)
    past: Past = field(default_factory=dict)
    differing: set[tuple[str, str]] = field(default_factory=set)

    def refold(self, key: str, known: Known, own: Sequence[Record]) -> None:
        """Take a key's own records of the chunk in, behind what is `known`."""
        stored = self.parcels.setdefault(key, Parcel()).scans
        before, scans = distinct(known.scans), list(known.scans)
        papers = known.papers._replace(copies_differ=self._compare(key, before, own))
        own = [record for record in own if not _says_nothing_new(record, before, papers)]
        if not own:
            return
        folded, behind = fold(scans, papers), False
        for record in own:
            if isinstance(record, Scan):
                scans.append(record)
                behind = True
            elif isinstance(record, DeadlinePassed):
                papers = papers._replace(passed=papers.passed | {Passed(record.kind, record.deadline_at)})
                self.passed.append(record)
                behind = True
            elif (declared := Declared(*_declared(record))) not in papers.registrations:
                folded = self._advance(key, folded, scans, papers) if behind else folded
                papers = papers._replace(registrations=papers.registrations | {declared})
                folded = self._register(key, folded, scans, papers, declared)
                behind = False
        if behind:
            folded = self._advance(key, folded, scans, papers)
        new = self._keep(before, distinct(scans[len(known.scans) :], before))
        self.parcels[key].scans = stored + new
        if known.past or folded.past:
            self.past[key] = known.past, folded.past

    def take(self, own: Own, known: Mapping[str, Known]) -> None:
        """Fold the parcels of `own` anew."""
        for key, records in own.items():
            self.refold(key, known[key], records)

    def append(self, key: str, copies: Sequence[Scan], own: Sequence[Scan]) -> None:
        """Keep scans of a key that is full: they steer nothing. `copies` are those of them that are stored."""
        known = distinct(copies)
        self._compare(key, known, own)
        self.parcels[key].scans += self._keep(known, distinct(own, known))

    def _compare(self, key: str, known: Mapping[str, Scan], own: Sequence[Record]) -> bool:
        """Note copies that say something else, for good; returns whether any ever did."""
        differ = differing((record for record in own if isinstance(record, Scan)), known)
        if differ:
            self.differing.update((key, event_id) for event_id in differ)
            find(self.parcels[key], COPIES_DIFFER)
        return COPIES_DIFFER.letter in self.parcels[key].findings

    def _advance(self, key: str, before: Folded, scans: Sequence[Scan], papers: Papers) -> Folded:
        """Fold all records so far, and tell what changed."""
        folded = fold(scans, papers)
        folded.parcel.sequence = self.parcels[key].sequence
        self.parcels[key] = folded.parcel
        self._tell(key, difference(before.live, folded.live))
        return folded

    def _register(
        self, key: str, before: Folded, scans: Sequence[Scan], papers: Papers, declared: Declared
    ) -> Folded:
        """As `_advance`; who was declared just now hears the newest milestone, and nobody else hears it again."""
        self.declared.append((key, declared))
        folded = self._advance(key, before, scans, papers)
        parcel, registration = folded.parcel, declared.registration_id
        waits = _has_ended(parcel, declared) and _is_anew(declared, papers)
        if registration in told_ids(parcel) and _is_newest(declared, papers) and not waits:
            present = [each for each in folded.live if each.epoch == parcel.epoch]
            self._tell(key, retold(present), registration)
        return folded

    def _tell(self, key: str, changes: Iterable[Change], only: str | None = None) -> None:
        carrier, number = split_key(key)
        self.told += numbered(carrier, number, self.parcels[key], changes, only)

    def _keep(self, known: dict[str, Scan], all_scans: dict[str, Scan]) -> int:
        """Note which rows of history to add, and which copies an earlier-received one replaces.

        Returns how many scans are new.
        """
        for event_id, scan in all_scans.items():
            if known.get(event_id) != scan:
                self.added.append(scan)
                if event_id in known:
                    self.replaced.append(known[event_id])
        return len(all_scans) - len(known)


MOST_VERSIONS: Final = 50_000
"""What a version may say of how many there were: it is a shipper's count, and may be anything."""


def beyond(own: Own, parcels: Mapping[str, Parcel]) -> dict[str, list[Scan]]:
    """Records of keys that are full, and of which none can steer: all came after the last that does.

    Where a scan's time cannot be believed a copy that comes later may heal it, and so steer.
    """
    late: dict[str, list[Scan]] = {}
    for key, records in own.items():
        parcel = parcels.get(key)
        scans = [record for record in records if isinstance(record, Scan)]
        if parcel is None or parcel.full_at is None or len(scans) < len(records):
            continue
        if any(each.letter in parcel.findings for each in (TIME_AHEAD, TIME_OUT_OF_RANGE)):
            continue
        if all(each.received_at > parcel.full_at and each.reporter == parcel.full_by for each in scans):
            late[key] = scans
    return late


def folds(own: Sequence[Record]) -> int:
    """How often a parcel is folded for a chunk's own records: at each registration, and at their end."""
    return 1 + sum(isinstance(record, Registration) for record in own)


def cost(own: Own, parcels: Mapping[str, Parcel]) -> int:
    """The work that these records ask for, in scans to fold; a version of a registration counts like one."""
    return sum(
        (_steering(key, records, parcels) + _declared_before(parcels.get(key))) * folds(records)
        for key, records in own.items()
    )


def slices(own: Own, parcels: Mapping[str, Parcel], most: int) -> Iterator[Own]:
    """The keys in slices of up to `most` scans to load, or of one key."""
    part, loads = dict[str, Sequence[Record]](), 0
    for key in sorted(own):
        scans = _steering(key, own[key], parcels)
        if part and loads + scans > most:
            yield part
            part, loads = {}, 0
        part[key] = own[key]
        loads += scans
    if part:
        yield part


def _steering(key: str, own: Collection[Record], parcels: Mapping[str, Parcel]) -> int:
    stored = parcels[key].scans if key in parcels else 0
    return min(stored + len(own), MOST_SCANS)


def _declared_before(parcel: Parcel | None) -> int:
    """How many versions of registrations are loaded with a parcel, as the version tells of the one that steers."""
    known = 0 if parcel is None else parcel.registration_version or 0
    return min(max(known, 0), MOST_VERSIONS)


def _says_nothing_new(record: Record, known: Mapping[str, Scan], papers: Papers) -> bool:
    """Whether a record is a copy of one that is known; of a scan, one that was not received before it."""
    if isinstance(record, Registration):
        return Declared(*_declared(record)) in papers.registrations
    if isinstance(record, DeadlinePassed):
        return Passed(record.kind, record.deadline_at) in papers.passed
    copy = known.get(record.event_id)
    return copy is not None and merged(copy, record) == copy


def _is_newest(declared: Declared, papers: Papers) -> bool:
    """Whether no newer version of the same registration is known."""
    own = (
        each.version for each in papers.registrations if each.registration_id == declared.registration_id
    )
    return declared.version == max(own)


def _has_ended(parcel: Parcel, declared: Declared) -> bool:
    """Whether a parcel had ended before somebody registered."""
    return parcel.next_expected_at is None and 0 < (parcel.last_at or 0) < declared.registered_at


def _is_anew(declared: Declared, papers: Papers) -> bool:
    """Whether a registration was made before: after the end it is made anew for the next parcel of the number."""
    return any(
        each.registration_id == declared.registration_id and each.registered_at < declared.registered_at
        for each in papers.registrations
    )
