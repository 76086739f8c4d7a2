"""`buuta rates recompute --from-log`: do the figures follow from the log alone, to the last parcel?

The tables are read in one REPEATABLE READ snapshot together with the positions up to which the log
was applied. The log is read up to just there and computed by DuckDB (`recompute.sql`), in sets. Only
the rules' tables are shared with the tracker: its fold, its fast path and its sums are what is audited.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Final

import duckdb
import pyarrow as pa

from buuta.audit.archive import Archive, archive_log
from buuta.audit.sums import differing
from buuta.contracts.codec import Codec
from buuta.contracts.columns import batch_of
from buuta.model.gaps import Gaps
from buuta.model.scan import SCAN_FIELDS
from buuta.model.statuses import RANK, Outcome
from buuta.model.steering import FUTURE_MS, MOST_SCANS, OLDEST_MS, steering_ms
from buuta.model.ways import GOES_BACK, ON_THE_WAY_BACK
from buuta.settings import SharedSettings
from buuta.streaming.dead_letters import dead_places
from services.tracker.domain.days import day_begins, day_number
from services.tracker.domain.epochs import AHEAD_MS, OPENS
from services.tracker.domain.figures import LATENESS_MINUTES, LATER_MINUTES
from services.tracker.domain.rules import (
    BEFORE_ACCEPTANCE,
    DELIVERED_AS,
    ENDED_AS,
    LAST_MILE,
    NEXT_EXPECTED_MS,
    REOPENS_MS,
    RULES,
    STOPS_CLOCK,
)
from services.tracker.lateness import LAST_DAY
from services.tracker.storage import COUNTS

CONSUMER: Final = "tracker"
USUAL: Final = Gaps()
LONG: Final = 24 * 3600
"""Seconds that a statement over all parcels may take."""
POSITIONS: Final = "select partition, position from progress where consumer = $1 and topic = $2"
UNDER_WAY: Final = " - ".join(("accepted", *Outcome))


def cells_of(schema: str) -> str:
    """All that the figures of a schema's tables count, a row a cell and count."""
    return f"""
select carrier, service, province, commune, day, count_of, sum(parcels)::bigint as parcels
from {schema}.rate_cells cross join lateral unnest(
  array['under_way', {", ".join(f"'{name}'" for name in COUNTS)}], array[{UNDER_WAY}, {", ".join(COUNTS)}]
) as long (count_of, parcels) group by 1, 2, 3, 4, 5, 6 having sum(parcels) <> 0
union all
select carrier, service, province, '*', day, 'transit_hours_' || hours, sum(parcels)::bigint
from {schema}.transit_cells group by 1, 2, 3, 4, 5, 6 having sum(parcels) <> 0
union all
select carrier, '*', '*', '*', day, 'late_minutes_' || minutes, sum(scans)::bigint
from {schema}.lateness_cells group by 1, 2, 3, 4, 5, 6 having sum(scans) <> 0
"""  # noqa: S608 - names from this file


PARCELS: Final = """
select parcel_key, epoch, outcome,
  (date '1970-01-01' + ((coalesce(accepted_at, moved_at) + 25200000) / 86400000)::int)
  as day, coalesce(nullif(service, ''), 'unknown') as service,
  coalesce(nullif(dest_province, ''), 'unknown') as province,
  coalesce(nullif(dest_commune, ''), 'unknown') as commune
from (select * from parcels union all select * from past_parcels) as every
where coalesce(accepted_at, moved_at) is not null
"""
DIFFERENT_CELLS: Final = """
with log as (
  select carrier, service, province, commune, day, count_of, count(*) as parcels
  from (select *, unnest(string_split(counts, ' ')) as count_of from recomputed) group by all
  union all
  select carrier, service, province, '*', day, 'transit_hours_' || transit_hours, count(*)
  from recomputed where transit_hours is not null group by all
  union all
  select carrier, '*', '*', '*', day, 'late_minutes_' || minutes, count(*) from lateness group by all
)
select carrier, service, province, commune, day, count_of, coalesce(log.parcels, 0), coalesce(cells.parcels, 0)
from log full join cells using (carrier, service, province, commune, day, count_of)
where log.parcels is distinct from cells.parcels order by all
"""
DIFFERENT_PARCELS: Final = """
select parcel_key || case when epoch > 1 then ' (' || epoch || ')' else '' end,
  concat_ws(' ', log.day, log.service, log.province, log.commune, coalesce(log.outcome, 'under_way')),
  concat_ws(' ', parcels.day, parcels.service, parcels.province, parcels.commune,
    coalesce(parcels.outcome, 'under_way'))
from recomputed as log full join parcels using (parcel_key, epoch)
where (log.day, log.service, log.province, log.commune, coalesce(log.outcome, '')) is distinct from
  (parcels.day, parcels.service, parcels.province, parcels.commune, coalesce(parcels.outcome, '')) order by 1
"""


@dataclass
class Audit:
    """What the log and the tables say; `cells` and `parcels` list where they differ."""

    positions: dict[int, int]
    scans: int = 0
    counted: int = 0
    cells: list[tuple[Any, ...]] = field(default_factory=list)
    parcels: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether the figures follow from the log, to the last parcel."""
        return not self.cells and not self.parcels


async def snapshot(pool: Any, topic: str, folder: Path) -> dict[int, int]:
    """Cells and parcels as CSV files in `folder`; returns the positions they were read at."""
    async with pool.acquire() as con, con.transaction(isolation="repeatable_read", readonly=True):
        positions = await applied(con, topic)
        for name, query in (("cells", cells_of("public")), ("parcels", PARCELS)):
            await con.copy_from_query(query, output=str(folder / f"{name}.csv"), format="csv", header=True)
    return positions


async def applied(con: Any, topic: str) -> dict[int, int]:
    """Up to which position of each partition the log was applied to the tables."""
    return dict(await con.fetch(POSITIONS, CONSUMER, topic))


async def audit(settings: SharedSettings, pool: Any, archive: Archive, codec: Codec) -> Audit:
    """Compare the tables with the log, whose archive is brought up to date.

    The tables first: what they hold is in the log by then, while a log that is read first may lack what
    a running tracker applies meanwhile. Dead letters are read, too: what is one was not applied.

    Raises:
        KafkaAway: no broker answers.
        LogChanged: as `archive_log`.
    """
    with tempfile.TemporaryDirectory(prefix="buuta-audit-") as name:
        positions = await snapshot(pool, archive.topic, Path(name))
        sums = await differing(pool, LONG)
        await archive_log(settings, archive, codec)
        dead = await dead_places(settings, archive.topic)
        found = compare(archive.folder, Path(name), positions, dead, settings.epoch_gaps)
        found.cells += sums
        return found


def compare(
    archived: Path,
    tables: Path,
    positions: Mapping[int, int],
    dead: Iterable[tuple[int, int]],
    gaps: Gaps = USUAL,
) -> Audit:
    """Recompute from the archive up to the positions, without what is dead, and compare with the tables."""
    found = Audit(dict(positions))
    with duckdb.connect() as con:
        _fill(con, "applied", "partition integer, position bigint", positions.items())
        _fill(con, "dead", "partition integer, position bigint", dead)
        for table, contract in (("scans", "ScanEvent"), ("registrations", "ParcelRegistration")):
            _load(con, table, contract, archived)
        _rules(con)
        con.execute(_statement("first_copies.sql", gaps))
        _fill(con, "voided", "parcel_key varchar, event_id varchar", _voided(con))
        _local_days(con)
        _fill(con, "gaps", "carrier varchar, gap_ms bigint", gaps.by_carrier.items())
        con.execute(_statement("recompute.sql", gaps))
        for table in ("cells", "parcels"):
            con.execute(
                f"create table {table} as from read_csv('{tables / table}.csv', header = true, "
                "all_varchar = true)"
            )
        con.execute("alter table cells alter parcels type bigint; alter table cells alter day type date")
        con.execute("alter table parcels alter day type date; alter table parcels alter epoch type bigint")
        found.scans = _number(con, "select count(*) from steering")
        found.counted = _number(con, "select count(*) from recomputed")
        found.cells = con.execute(DIFFERENT_CELLS).fetchall()
        found.parcels = con.execute(DIFFERENT_PARCELS).fetchall()
    return found


def _number(con: Any, query: str) -> int:
    number: int = con.execute(query).fetchone()[0]
    return number


def _fill(con: Any, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    con.execute(f"create table {table} ({columns})")
    for row in rows:
        con.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)  # noqa: S608


def _load(con: Any, table: str, contract: str, archived: Path) -> None:
    """The archive's records that were applied; without any file, none."""
    source = archived / contract
    con.register("nothing", pa.table(batch_of(contract, ())))
    if not any(source.glob("*.parquet")):
        con.execute(f"create table {table} as select *, 0 as partition, 0::bigint as position from nothing")  # noqa: S608
        return
    con.execute(f"""
      create table {table} as select log.* from read_parquet('{source}/*.parquet', union_by_name = true) as log
      join applied on log.partition = applied.partition and log.position < applied.position
      anti join dead on log.partition = dead.partition and log.position = dead.position
      union all by name select * from nothing
    """)  # noqa: S608 - names and paths of our own


def _rules(con: Any) -> None:
    """The tracker's tables of rules, as tables."""
    barred = [(before, after) for before, rule in RULES.items() for after in rule.barred]
    moving = [(status,) for status in RULES if status not in BEFORE_ACCEPTANCE]
    ended = [(str(status), outcome.value) for status, outcome in ENDED_AS.items()]
    _fill(con, "ranks", "status varchar, rank integer", RANK.items())
    _fill(con, "barred", "before varchar, after varchar", barred)
    _fill(con, "moving", "status varchar", moving)
    bounds = [*LATENESS_MINUTES, LATER_MINUTES]
    _fill(con, "late_bounds", "minutes bigint", [(bound,) for bound in bounds])
    _fill(con, "last_mile", "status varchar", [(status,) for status in sorted(LAST_MILE)])
    _fill(con, "turning", "status varchar", [(status,) for status in sorted(GOES_BACK)])
    _fill(con, "backward", "status varchar, means varchar", ON_THE_WAY_BACK.items())
    _fill(
        con, "reopening", "status varchar, after_ms bigint", [(str(s), ms) for s, ms in REOPENS_MS.items()]
    )
    _fill(con, "stopping", "status varchar, reason varchar", STOPS_CLOCK)
    _fill(con, "opening", "status varchar", [(status,) for status in sorted(OPENS)])
    _fill(con, "ended", "status varchar", [(status,) for status in RULES if status not in NEXT_EXPECTED_MS])
    _fill(con, "ended_as", "status varchar, outcome varchar", ended)
    _fill(
        con, "delivered_as", "mode varchar, outcome varchar", [(str(m), o) for m, o in DELIVERED_AS.items()]
    )


def _local_days(con: Any) -> None:
    """The calendar days of the scans that lie in other zones than Vietnam's."""
    rows = con.execute(
        "select distinct zone, occurred_at, received_at from first_received where zone is not null"
    )
    zoned = {
        (zone, steering_ms(occurred_at, received_at)) for zone, occurred_at, received_at in rows.fetchall()
    }
    days = [(zone, at, day_number(at, zone), day_begins(at, zone)) for zone, at in zoned]
    types = {"zone": pa.string(), "moment": pa.int64(), "day": pa.int64(), "begins": pa.int64()}
    columns = zip(*days, strict=True) if days else [()] * len(types)
    con.register("days", pa.table(dict(zip(types, map(pa.array, columns, types.values()), strict=True))))
    con.execute("create table local_days as from days")


def _statement(name: str, gaps: Gaps) -> str:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    content = ", ".join(f"coalesce({name}::varchar, '')" for name in SCAN_FIELDS)
    return Template(text).substitute(
        most_scans=MOST_SCANS,
        oldest_ms=OLDEST_MS,
        future_ms=FUTURE_MS,
        content=content,
        gap_ms=gaps.usual_ms,
        ahead_ms=AHEAD_MS,
        later=LATER_MINUTES,
        last_day=LAST_DAY,
    )


def _voided(con: Any) -> list[tuple[str, str]]:
    """Scans that a correction takes back: void if a correction that stands names it, until nothing changes.

    Only what the same reporter reported is taken back.
    What is then still undecided lies on a circle of corrections, and stands.
    """
    rows = con.execute("""
      select c.parcel_key, c.event_id, c.corrects_event_id from first_received c
      join first_received s on s.parcel_key = c.parcel_key and s.event_id = c.corrects_event_id
        and s.reporter is not distinct from c.reporter
    """).fetchall()
    by_target: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for key, event_id, target in rows:
        by_target[key, target].add((key, event_id))
    nodes = {*by_target, *(each for correctors in by_target.values() for each in correctors)}
    void: set[tuple[str, str]] = set()
    standing: set[tuple[str, str]] = set()
    while True:
        now_standing = {node for node in nodes if by_target.get(node, set()) <= void} - standing
        now_void = {node for node in nodes if by_target.get(node, set()) & (standing | now_standing)} - void
        if not now_standing and not now_void:
            return sorted(void)
        standing |= now_standing
        void |= now_void
