"""The register of carriers in PostgreSQL, and the row that a ministry asks for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from buuta.model.identifiers import S10, SHARED
from services.ingest.domain.entry import COLUMNS, Entry

UPSERT: Final = f"""
insert into carriers ({", ".join(COLUMNS)}) values ({", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))})
on conflict (code) do update set {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}
returning (xmax = 0) as is_new
"""  # noqa: S608 - names of our own
SPLITS: Final = f"""
select exists (select from carriers where code = $1 and is_post <> $2) and case when $2
  then exists (select from parcels where parcel_key > $1 || ':' and parcel_key < $1 || ';'
      and split_part(parcel_key, ':', 2) ~ ('^' || $3 || '$'))
    or exists (select from registrations where owner = $1 and number ~ ('^' || $3 || '$'))
  else exists (select from scans where parcel_key > '{SHARED}:' and parcel_key < '{SHARED};' and reporter = $1)
    or exists (select from registrations where owner = '{SHARED}' and carrier = $1) end
"""  # noqa: S608 - a name of our own
"""Whether a carrier is to become, or to cease to be, a post and has parcels that this would split."""
ENTRIES: Final = f"select {', '.join(COLUMNS)} from carriers order by code"  # noqa: S608
REPORT: Final = """
with hours as (
  select carrier, max(last_at) as last_at, sum(reports) filter (where hour >= $1)::bigint as reports,
    sum(unmapped) filter (where hour >= $1)::bigint as unmapped,
    sum(refused) filter (where hour >= $1)::bigint as refused
  from report_hours group by carrier
), by_minutes as (
  select carrier, minutes, sum(scans) as scans from lateness_cells
  where day >= ($1 at time zone 'Asia/Ho_Chi_Minh')::date group by 1, 2
), spread as (
  select carrier, minutes, sum(scans) over (partition by carrier order by minutes) as upto,
    sum(scans) over (partition by carrier) as whole from by_minutes
), late as (
  select carrier, greatest(min(minutes) filter (where upto >= 0.5 * whole), 0) as p50,
    greatest(min(minutes) filter (where upto >= 0.95 * whole), 0) as p95,
    greatest(min(minutes) filter (where upto >= 0.99 * whole), 0) as p99,
    coalesce(max(upto) filter (where minutes < 0), 0) / max(whole) as ahead,
    -least(min(minutes), 0) as ahead_minutes
  from spread where upto > 0 group by carrier
), keys as (
  select carrier, count(*) as valid from carrier_keys
  where (expires_at is null or expires_at > now()) and not sandbox group by carrier
)
select code, legal_name, name, licence, contact_role, c.status, is_post, format,
  array_to_string(service_levels, ' ') as service_levels, time_zone, coalesce(valid, 0) as keys,
  last_at, round(coalesce(reports, 0)::numeric / $2, 1) as reports_per_day,
  case when reports > 0 then round(unmapped::numeric / reports, 5) end as share_unmapped,
  case when reports > 0 then round(refused::numeric / reports, 5) end as share_refused,
  p50 as late_minutes_p50, p95 as late_minutes_p95, p99 as late_minutes_p99,
  round(ahead, 5) as share_ahead, ahead_minutes
from carriers c left join hours on hours.carrier = code left join late on late.carrier = code
left join keys on keys.carrier = code order by code
"""


class Entered(NamedTuple):
    """How many carriers are new, how many were changed, and which may not become, or cease to be, a post."""

    new: int
    changed: int
    split: Sequence[str]


async def enter(con: Any, entries: Sequence[Entry]) -> Entered:
    """Enter carriers, or change their entries, in the caller's transaction.

    Keys are made apart, by the locksmith. Whether a carrier is a post decides under whose name its S10 parcels are
    kept: once it has some, that is not changed, since the same parcel would go on under another key.
    """
    split = [
        each.code for each in entries if await con.fetchval(SPLITS, each.code, each.is_post, S10.pattern)
    ]
    rows = [[getattr(each, name) for name in COLUMNS] for each in entries if each.code not in split]
    new = sum([bool(await con.fetchval(UPSERT, *row)) for row in rows])
    return Entered(new, len(rows) - new, split)


async def entries(con: Any) -> list[Entry]:
    """All entries."""
    return [Entry(**dict(row)) for row in await con.fetch(ENTRIES)]


async def report(con: Any, since: datetime, days: int) -> Sequence[Any]:
    """A row a carrier: its entry, its last report, and of the days since then how much and how well it reports."""
    rows: Sequence[Any] = await con.fetch(REPORT, since, days)
    return rows
