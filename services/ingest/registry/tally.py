"""How much each carrier reports, counted in memory and added to the hours in PostgreSQL every few seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from buuta.storage.background import each_alone
from buuta.telemetry import metrics
from services.ingest.domain.habit import Habit, is_silent

ADD: Final = """
insert into report_hours as h (carrier, hour, reports, unmapped, refused, last_at) values ($1, $2, $3, $4, $5, $6)
on conflict (carrier, hour) do update set reports = h.reports + excluded.reports,
  unmapped = h.unmapped + excluded.unmapped, refused = h.refused + excluded.refused,
  last_at = greatest(h.last_at, excluded.last_at)
"""
HABITS: Final = """
select carrier, max(last_at) as last_at, count(distinct hour::date)::int as days,
  coalesce(extract(epoch from max(hour - before)), 0)::float8 as longest_silence
from (select *, lag(hour) over (partition by carrier order by hour) as before
  from report_hours where hour > now() - interval '28 days') as hours
group by carrier order by carrier
"""


HOUR_MS: Final = 3_600_000


@dataclass
class Counts:
    """Reports of one carrier in one hour, what of them was unmapped or refused, and the last receipt (UTC ms)."""

    reports: int = 0
    unmapped: int = 0
    refused: int = 0
    last_ms: int = 0

    def add(self, other: "Counts") -> None:
        """Count what another counted, too."""
        self.reports += other.reports
        self.unmapped += other.unmapped
        self.refused += other.refused
        self.last_ms = max(self.last_ms, other.last_ms)


class Tally:
    """Counts until it is written down; what a process that is killed has not written is not in the habit."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], Counts] = {}

    def note(self, carrier: str, received_at: int, results: Mapping[str, int]) -> None:
        """So many reports of a carrier came at a UTC millisecond, by what became of them."""
        unmapped, refused = results.get("quarantined", 0), results.get("rejected", 0)
        self._add(
            (carrier, received_at // HOUR_MS), Counts(sum(results.values()), unmapped, refused, received_at)
        )

    def _add(self, key: tuple[str, int], counts: Counts) -> None:
        known = self._counts.get(key)
        if known is None:
            self._counts[key] = counts
        else:
            known.add(counts)

    async def write_down(self, con: Any) -> None:
        """Add what was counted since the last time to the hours.

        Raises:
            Exception: the first that one of them raised; all others are added, and that one is counted on.
        """
        counted, self._counts = self._counts, {}

        async def add(some: Sequence[tuple[str, int]]) -> None:
            await con.executemany(ADD, [_row(key, counted[key]) for key in some])
            for key in some:
                del counted[key]

        try:
            outcome = await each_alone(sorted(counted), add)
        finally:
            # What could not be added, each carrier's hour alone, is counted on.
            for key, each in counted.items():
                self._add(key, each)
        for fault in outcome.faults:
            raise fault.why


def _row(key: tuple[str, int], counts: Counts) -> tuple[Any, ...]:
    carrier, hour = key
    return (carrier, _moment(hour * HOUR_MS), counts.reports, counts.unmapped, counts.refused,
            _moment(counts.last_ms))  # fmt: skip


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


@dataclass(frozen=True)
class Silence:
    """How long a carrier has been silent, and its habit."""

    carrier: str
    last_at: datetime
    habit: Habit
    since: timedelta

    @property
    def is_beyond(self) -> bool:
        """Whether it is silent beyond its habit."""
        return is_silent(self.habit, self.since.total_seconds())


async def silences(con: Any, now: datetime) -> list[Silence]:
    """The silence of every carrier that reported in the last four weeks."""
    return [
        Silence(
            row["carrier"], row["last_at"], Habit(row["days"], row["longest_silence"]), now - row["last_at"]
        )
        for row in await con.fetch(HABITS)
    ]


async def measure_silence(con: Any) -> None:
    """Show how long carriers have been silent, and how long they may be."""
    for gauge in (metrics.INGEST_SILENT_SECONDS, metrics.INGEST_SILENT_ALLOWED_SECONDS):
        gauge.clear()
    for each in await silences(con, datetime.now(UTC)):
        metrics.INGEST_SILENT_SECONDS.labels(each.carrier).set(each.since.total_seconds())
        if each.habit.allowed_silence is not None:
            metrics.INGEST_SILENT_ALLOWED_SECONDS.labels(each.carrier).set(each.habit.allowed_silence)
