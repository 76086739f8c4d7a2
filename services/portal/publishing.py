"""Publishing the rate: closed cohorts, each figure with a version; what changes later is a new version.

A cohort (the parcels accepted on one day) closes when the return window is over. A publication reads the
cells of all closed cohorts and the log positions that they stand at in one REPEATABLE READ snapshot, and
adds a version of each figure that is new or differs from its last version. Nothing is ever edited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem
from buuta.storage import locks
from services.portal.domain.rates import COUNTS, Choice

MOST: Final = 1_000
"""Figures of a page."""
CELL: Final = "carrier, service, province, commune, day"
ORDER: Final = "carrier, day, service, province, commune"
SUMS: Final = ", ".join(f"sum({name})::bigint as {name}" for name in COUNTS)
OLD: Final = ", ".join(f"latest.{name}" for name in COUNTS)
NEW: Final = ", ".join(f"coalesce(present.{name}, 0)" for name in COUNTS)
POSITIONS: Final = """
select coalesce(jsonb_object_agg(topic || '/' || partition, position), '{}')::text from progress
where consumer = 'tracker'
"""
PUBLICATION: Final = """
insert into publications (last_day, rules, positions, choices) values ($1, $2, $3::jsonb, $4) returning number
"""
FIGURES: Final = f"""
with latest as (
  select distinct on ({CELL}) published_figures.*, choices
  from published_figures join publications on number = publication
  where day <= $2 order by {CELL}, version desc
), present as (
  select {CELL}, {SUMS} from rate_cells where day <= $2 group by {CELL}
)
insert into published_figures ({CELL}, version, publication, {", ".join(COUNTS)})
select {CELL}, coalesce(latest.version, 0) + 1, $1, {NEW}
from present full join latest using ({CELL})
where ({NEW}, $3::text[]) is distinct from ({OLD}, latest.choices)
  and (latest.version is not null or present.accepted > 0)
"""  # noqa: S608 - names from this file
LATEST: Final = f"""
select distinct on ({ORDER}) {CELL}, version, publication, published_at, rules, choices, {", ".join(COUNTS)}
from published_figures join publications on number = publication
where carrier = $1 and day between $2 and $3 and (day, service, province, commune) > ($4, $5, $6, $7)
order by {ORDER}, version desc limit $8
"""  # noqa: S608 - names from this file
"""In the order of the primary key, so that a page is read and no more."""
PUBLISHED: Final = """
select count(*) as count, max(last_day) as last_day, max(published_at) as published_at from publications
"""
MISSING: Final = """
with reported as (
  select carrier, day from carrier_days where day between $1 and $2 group by carrier, day having sum(accepted) > 0
)
select code, asked.day::date from carriers cross join generate_series($1::date, $2::date, '1 day') as asked (day)
where asked.day >= created_at::date and ($3::text is null or code = $3)
  and not exists (select from reported where carrier = code and reported.day = asked.day::date)
order by code, day
"""


@dataclass(frozen=True)
class Publication:
    """What was published: its number, and how many figures got a version."""

    number: int
    figures: int


def last_closed(today: date, window_days: int) -> date:
    """The newest acceptance day whose cohort is closed."""
    return today - timedelta(days=window_days + 1)


@dataclass(frozen=True)
class CountedBy:
    """What a publication was counted by: the version of the tracker's rules, and the choices that hold."""

    rules: str
    choices: frozenset[Choice] = frozenset()


async def publish(con: Any, until: date, closed: date, by: CountedBy) -> Publication:
    """Publish every closed cohort up to `until`; `closed` is the newest that may be.

    Raises:
        BadItem: the cohort of `until` is still open.
    """
    if until > closed:
        raise BadItem(
            "cohort_open", f"the cohort of {until} is still open; the newest closed one is that of {closed}"
        )
    async with (
        locks.kept(con, locks.Lock.PUBLICATION),
        con.transaction(isolation="repeatable_read"),
    ):
        choices = sorted(by.choices)
        number = await con.fetchval(PUBLICATION, until, by.rules, await con.fetchval(POSITIONS), choices)
        told = await con.execute(FIGURES, number, until, choices)
        return Publication(number, int(told.split()[-1]))


class Place(NamedTuple):
    """Where a page of published figures begins: after this one of a carrier's."""

    day: date = date.min
    service: str = ""
    province: str = ""
    commune: str = ""


async def latest(  # noqa: PLR0913 - a page of a period of a carrier's
    con: Any, carrier: str, first: date, last: date, after: Place | None = None, most: int = MOST
) -> list[Any]:
    """The latest version of each of a carrier's published figures, by acceptance day; at most so many."""
    rows: list[Any] = await con.fetch(LATEST, carrier, first, last, *(after or Place()), most)
    return rows


@dataclass(frozen=True)
class Gap:
    """Days in a row on which a carrier reported no acceptance at all."""

    carrier: str
    first_day: date
    last_day: date


async def published(con: Any) -> Any:
    """How many publications there are, the newest acceptance day in them, and when the last one was made."""
    return await con.fetchrow(PUBLISHED)


async def gaps(con: Any, first: date, last: date, carrier: str | None = None) -> list[Gap]:
    """Coverage: which carriers and days are missing in the figures, since we know the carrier."""
    rows = await con.fetch(MISSING, first, last, carrier)
    return [
        gap
        for carrier, days in groupby(rows, key=lambda row: str(row["code"]))
        for gap in _runs(carrier, [row["day"] for row in days])
    ]


def _runs(carrier: str, days: Sequence[date]) -> list[Gap]:
    runs: list[Gap] = []
    for day in days:
        if runs and day - runs[-1].last_day == timedelta(days=1):
            runs[-1] = Gap(carrier, runs[-1].first_day, day)
        else:
            runs.append(Gap(carrier, day, day))
    return runs
