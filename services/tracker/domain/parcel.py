"""A parcel's state: what its set of records implies."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any, Final, NamedTuple

from buuta.model.times import vietnam_day
from services.tracker.domain.rules import DELIVERED_AS, MilestoneRule

UNKNOWN_UNIT: Final = "unknown"
DELIVERED: Final = frozenset(DELIVERED_AS.values())


class Declared(NamedTuple):
    """What the fold looks at in a registration; names and meaning as in `Registration`."""

    version: int
    registered_at: int
    registration_id: str
    withdrawn: bool
    province: str | None
    commune: str | None
    promised_at: int | None
    service: str | None


@dataclass(slots=True)
class Parcel:
    """The state of one parcel; the order of fields is that of the `parcels` table after its key.

    The fold owns a `Parcel` and changes it in place: 10,000 scans a second leave no time for copies.
    Times are UTC milliseconds. `live` is the live set: one letter a milestone, in business order.
    `reported_status` is what a courier reported and the carrier has not confirmed. `findings` holds
    one letter a finding; a parcel `awaits_scan` while one of its corrections came before what it corrects.
    `province` is where the newest scan was made. `scans` counts the history; once it is longer than
    steers, `full_at` is the receipt of the last scan that does. `deadlines` says that a deadline was seen
    to pass; `overdue` holds the letters of those that are past now. `epoch` says which parcel of its number
    it is, from 1; `epoch_from` is when it began, None for the first.
    """

    status: str | None = None
    reason: str | None = None
    reported_status: str | None = None
    attempts: int = 0
    delivery_mode: str | None = None
    mode_evidence: str | None = None
    outcome: str | None = None
    accepted_at: int | None = None
    moved_at: int | None = None
    last_at: int | None = None
    greatest_at: int | None = None
    next_expected_at: int | None = None
    live: str = ""
    sequence: int = 0
    registration_id: str | None = None
    registration_version: int | None = None
    dest_province: str | None = None
    dest_commune: str | None = None
    promised_at: int | None = None
    findings: str = ""
    awaits_scan: bool = False
    province: str | None = None
    invited_at: int | None = None
    invited_twice: bool = False
    scans: int = 0
    full_at: int | None = None
    deadlines: bool = False
    overdue: str = ""
    service: str | None = None
    delivered_at: int | None = None
    epoch: int = 1
    epoch_from: int | None = None

    def register(self, registration: Declared) -> None:
        """Take in the registration that holds.

        One that was withdrawn tells nobody anything; its destination stays, since the parcel still goes there.
        """
        self.registration_version = registration.version
        self.registration_id = None if registration.withdrawn else registration.registration_id
        self.dest_province = registration.province
        self.dest_commune = registration.commune
        self.promised_at = registration.promised_at
        self.service = registration.service

    def join(self, rule: MilestoneRule) -> int | None:
        """Take a milestone into the live set; returns its ordinal, or None where it does not repeat."""
        count = self.live.count(rule.letter)
        if count and not rule.repeats:
            return None
        self.live += rule.letter
        return count + 1


STATE_FIELDS: Final = tuple(Parcel.__slots__)


class Cell(NamedTuple):
    """Where a parcel counts in the delivery-to-address rate (domain 3.5)."""

    carrier: str
    service: str
    province: str
    commune: str
    day: date


class Contribution(NamedTuple):
    """What a parcel adds to its cell: one accepted, one of its outcome if it has ended, and measures.

    Of a delivered parcel, in whatever mode: `delivered_first_attempt` if no attempt was reported to have
    failed before; `promised` if it was delivered under a promise, and `on_time` if not after it.
    """

    cell: Cell
    outcome: str | None
    measures: tuple[str, ...] = ()


class Counted(NamedTuple):
    """All of a parcel that the rates look at; while it stays the same, no cell changes."""

    accepted_at: int | None
    moved_at: int | None
    service: str | None
    dest_province: str | None
    dest_commune: str | None
    outcome: str | None
    attempts: int
    promised_at: int | None
    delivered_at: int | None


counted: Final[Callable[[Parcel], tuple[Any, ...]]] = attrgetter(*Counted._fields)
"""What the rates look at, as a plain tuple: of most parcels it is compared and no more."""


def contribution(carrier: str, looked_at: tuple[Any, ...] | None) -> Contribution | None:
    """A parcel's place in the rates; None before it was accepted or moved.

    The cohort is the acceptance day in Vietnam; without an acceptance scan the day of the first
    movement. Without a registered destination the unit is `unknown`, said aloud.
    """
    if looked_at is None:
        return None
    parcel = Counted._make(looked_at)
    since = parcel.moved_at if parcel.accepted_at is None else parcel.accepted_at
    if since is None:
        return None
    cell = Cell(
        carrier, parcel.service or UNKNOWN_UNIT, parcel.dest_province or UNKNOWN_UNIT,
        parcel.dest_commune or UNKNOWN_UNIT, vietnam_day(since),
    )  # fmt: skip
    return Contribution(cell, parcel.outcome, tuple(_measures(parcel)))


def _measures(parcel: Counted) -> Iterator[str]:
    if parcel.outcome not in DELIVERED or parcel.delivered_at is None:
        return
    if not parcel.attempts:
        yield "delivered_first_attempt"
    if parcel.promised_at is not None:
        yield "promised"
        if parcel.delivered_at <= parcel.promised_at:
            yield "on_time"


@dataclass
class CellChanges:
    """Sums of what a chunk adds to and takes from cells; columns as in `rate_cells`."""

    counts: dict[tuple[Cell, str], int] = field(default_factory=dict)

    def move(self, before: Contribution | None, after: Contribution | None) -> None:
        """Minus the old, plus the new."""
        if before != after:
            self._add(before, -1)
            self._add(after, 1)

    def replace(self, before: Iterable[Contribution | None], after: Iterable[Contribution | None]) -> None:
        """Minus all of the old, plus all of the new."""
        for part in before:
            self._add(part, -1)
        for part in after:
            self._add(part, 1)

    def _add(self, part: Contribution | None, count: int) -> None:
        if part is None:
            return
        for column in ("accepted", part.outcome, *part.measures):
            if column is not None:
                key = (part.cell, column)
                self.counts[key] = self.counts.get(key, 0) + count
