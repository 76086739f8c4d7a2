"""Figures: what a parcel adds to the delivery-to-address rate and to the measures beside it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any, Final, NamedTuple

from buuta.model.statuses import DeliveryMode, Outcome
from buuta.model.times import promised_day, vietnam_day
from services.tracker.domain.evidence import Evidence
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import DELIVERED_AS, HOUR_MS

UNKNOWN_UNIT: Final = "unknown"
DELIVERED: Final = frozenset(DELIVERED_AS.values())
POINT: Final = Outcome.DELIVERED_AT_POINT.value
TO_ADDRESS: Final = Outcome.DELIVERED_TO_ADDRESS.value
LATENESS_MINUTES: Final = (
    -1_440, -400, -60, -10, 0, 1, 5, 15, 60, 180, 360, 720, 1_440, 2_880, 4_320, 10_080, 43_200,
)  # fmt: skip
"""Scans are counted by the least of these that their receipt came after their business time; by `LATER_MINUTES`
beyond. Below 0 the carrier's clock is ahead: by 7 hours (-400) where it writes Vietnam's time as UTC."""
LATER_MINUTES: Final = 525_600


class Cell(NamedTuple):
    """Where a parcel counts in the delivery-to-address rate (domain 3.5): destination, acceptance day."""

    carrier: str
    service: str
    province: str
    commune: str
    day: date


class Contribution(NamedTuple):
    """What a parcel adds to its cell: one accepted, one of its outcome if it has ended, and measures.

    Of a delivered parcel, in whatever mode: `delivered_first_attempt` if no attempt was reported to have
    failed before; `promised` if it was delivered under a promise, and `on_time` if not after it;
    `delivered_to_locker` if it was laid into one (counted within delivered at a point);
    `delivered_to_address_declared` if it was delivered to the address by the carrier's word, and not only by
    distance or proof.
    `transit_hours` are the hours begun from acceptance (else the first movement) to the handover, without
    those in which the clock stood still (`rules.STOPS_CLOCK`). Where one of the two is known by its day alone, they
    are not known, and a promise is kept on its day: a day is compared by day.
    """

    cell: Cell
    outcome: str | None
    measures: tuple[str, ...] = ()
    transit_hours: int | None = None


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
    delivery_mode: str | None
    mode_evidence: str | None
    stopped_ms: int
    credited: str | None
    by_day: bool


counted: Final[Callable[[Parcel], tuple[Any, ...]]] = attrgetter(*Counted._fields)
"""What the rates look at, as a plain tuple: of most parcels it is compared and no more."""


def contribution(carrier: str, looked_at: tuple[Any, ...] | None) -> Contribution | None:
    """A parcel's place in the rates; None before it was accepted or moved.

    The cohort is the acceptance day in Vietnam; without an acceptance scan the day of the first
    movement. Without a registered destination the unit is `unknown`, said aloud. A parcel that posts share
    counts for the one it is credited to.
    """
    if looked_at is None:
        return None
    parcel = Counted._make(looked_at)
    since = parcel.moved_at if parcel.accepted_at is None else parcel.accepted_at
    if since is None:
        return None
    cell = Cell(
        parcel.credited or carrier, parcel.service or UNKNOWN_UNIT, parcel.dest_province or UNKNOWN_UNIT,
        parcel.dest_commune or UNKNOWN_UNIT, vietnam_day(since),
    )  # fmt: skip
    if parcel.outcome not in DELIVERED or parcel.delivered_at is None:
        return Contribution(cell, parcel.outcome)
    in_transit = parcel.delivered_at - since - parcel.stopped_ms
    measures = tuple(_measures(parcel, parcel.delivered_at))
    return Contribution(
        cell, parcel.outcome, measures, None if parcel.by_day else -(-in_transit // HOUR_MS)
    )


def _measures(parcel: Counted, delivered_at: int) -> Iterator[str]:
    if parcel.outcome == POINT and parcel.delivery_mode == DeliveryMode.LOCKER:
        yield "delivered_to_locker"
    if parcel.outcome == TO_ADDRESS and parcel.mode_evidence == Evidence.DECLARED:
        yield "delivered_to_address_declared"
    if not parcel.attempts:
        yield "delivered_first_attempt"
    if parcel.promised_at is not None:
        yield "promised"
        if delivered_at <= parcel.promised_at or (
            parcel.by_day and vietnam_day(delivered_at) <= promised_day(parcel.promised_at)
        ):
            yield "on_time"


Transit = tuple[str, str, str, date, int]


@dataclass
class CellChanges:
    """Sums of what a chunk adds to and takes from cells; columns as in `rate_cells`.

    `transit` has them by carrier, service, province, acceptance day and hours of transit.
    """

    counts: dict[tuple[Cell, str], int] = field(default_factory=dict)
    transit: dict[Transit, int] = field(default_factory=dict)

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
        if part.transit_hours is not None:
            carrier, service, province, _, day = part.cell
            where = (carrier, service, province, day, part.transit_hours)
            self.transit[where] = self.transit.get(where, 0) + count
