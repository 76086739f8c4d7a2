"""The register of carriers in PostgreSQL, and the row that a ministry asks for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.ingest.domain.entry import COLUMNS, Entry

UPSERT: Final = f"""
insert into carriers ({", ".join(COLUMNS)}) values ({", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))})
on conflict (code) do update set {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}
returning (xmax = 0) as is_new
"""  # noqa: S608 - names of our own
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
  select carrier, min(minutes) filter (where upto >= 0.5 * whole) as p50,
    min(minutes) filter (where upto >= 0.95 * whole) as p95, min(minutes) filter (where upto >= 0.99 * whole) as p99
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
  p50 as late_minutes_p50, p95 as late_minutes_p95, p99 as late_minutes_p99
from carriers c left join hours on hours.carrier = code left join late on late.carrier = code
left join keys on keys.carrier = code order by code
"""


async def enter(con: Any, entries: Sequence[Entry]) -> int:
    """Enter carriers, or change their entries, in the caller's transaction; returns how many are new.

    Keys are made apart, by the locksmith.
    """
    rows = [[getattr(each, name) for name in COLUMNS] for each in entries]
    return sum([bool(await con.fetchval(UPSERT, *row)) for row in rows])


async def entries(con: Any) -> list[Entry]:
    """All entries."""
    return [Entry(**dict(row)) for row in await con.fetch(ENTRIES)]


async def report(con: Any, since: datetime, days: int) -> Sequence[Any]:
    """A row a carrier: its entry, its last report, and of the days since then how much and how well it reports."""
    rows: Sequence[Any] = await con.fetch(REPORT, since, days)
    return rows
