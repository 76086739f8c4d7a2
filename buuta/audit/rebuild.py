"""`buuta rebuild`: state and figures made anew from the log, beside those that stand, then swapped.

After a change of a rule or a setting the fold says something else about old records. The log is folded
again into a schema of its own while everything runs (`make`); a report compares it with what stands, at
the same log positions (`compare`); then the tables change places in one transaction (`swap`). What was told
stays told: no milestone and so no message goes out. A run that was killed goes on where it stopped.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from buuta.audit.archive import SCHEMAS, Archive, archive_log
from buuta.audit.recompute import CONSUMER, LONG, applied, cells_of
from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, Group
from buuta.contracts.storable import set_aside_unstorable
from buuta.settings import SharedSettings
from buuta.streaming.chunk import Chunk
from buuta.streaming.dead_letters import dead_places
from services.tracker.chunks import ChunkFold
from services.tracker.domain.rules import VERSION
from services.tracker.latest import STATE

TABLES: Final = (
    "scans", "parcels", "past_parcels", "rate_cells", "transit_cells", "lateness_cells", "deadlines",
    "declarations", "unpublished_cells", "rate_days", "rate_months", "transit_months", "carrier_days",
)  # fmt: skip
"""All that the log decides, the marks that the fold leaves on cells, and the cells' sums."""
COMPARED: Final = (
    "status", "reason", "outcome", "delivery_mode", "attempts", "accepted_at", "live", "findings", "overdue",
    "dest_province", "dest_commune", "epoch",
)  # fmt: skip
BEGIN: Final = """
drop schema if exists rebuild cascade; drop schema if exists replaced cascade; create schema rebuild;
create table rebuild.reached (partition integer primary key, position bigint not null, rules text not null)
"""
LIKE: Final = """
select format('create table rebuild.%I (like public.%I including all)', relname, relname)
  || case when reloptions is null then '' else format(' with (%s)', array_to_string(reloptions, ', ')) end
from pg_class where relnamespace = 'public'::regnamespace and relname = any($1)
"""
BEGUN: Final = """
select count(*) from pg_class where relnamespace = to_regnamespace('rebuild') and relname = any($1)
"""
"""A run that an older version of ours began may lack a table."""
REACHED: Final = "select partition, position from rebuild.reached"
REACH: Final = """
insert into rebuild.reached values ($1, $2, $3)
on conflict (partition) do update set position = excluded.position
"""
OTHER_PARCELS: Final = f"""
select {", ".join(f"count(*) filter (where p.{name} is distinct from r.{name}) as {name}" for name in COMPARED)},
  count(*) as parcels
from public.parcels p full join rebuild.parcels r using (parcel_key)
where {" or ".join(f"p.{name} is distinct from r.{name}" for name in COMPARED)}
"""  # noqa: S608 - names from this file
OTHER_CELLS: Final = f"""
select carrier, service, province, commune, day, count_of, coalesce(p.parcels, 0) as before,
  coalesce(r.parcels, 0) as after
from ({cells_of("public")}) as p full join ({cells_of("rebuild")}) as r
  using (carrier, service, province, commune, day, count_of)
where p.parcels is distinct from r.parcels order by 1, 2, 3, 4, 5, 6
"""  # noqa: S608 - names from this file
NUMBERS: Final = """
update rebuild.parcels r set sequence = p.sequence from public.parcels p
where p.parcel_key = r.parcel_key and p.sequence > r.sequence
"""
"""A parcel's records are numbered on from what was told, so that nobody takes new ones for old."""
MARK_OLD_CELLS: Final = """
insert into unpublished_cells (carrier, service, province, commune, day)
select distinct carrier, service, province, commune, day from replaced.rate_cells
"""
"""A cell that has no parcels any more is published, too."""
MARK_CHANGED_PARCELS: Final = f"""
insert into unpublished_parcels (parcel_key)
select parcel_key from public.parcels n full join replaced.parcels o using (parcel_key)
where n.parcel_key is null or o.parcel_key is null or ({", ".join(f"n.{name}" for name in STATE)})
  is distinct from ({", ".join(f"o.{name}" for name in STATE)})
"""  # noqa: S608 - names from our own code
"""What the compacted topic says of a parcel is no longer so; of one that is there no more it is to say nothing."""
VIEWS: Final = """
select relname, pg_get_viewdef(oid) as body from pg_class
where relkind = 'v' and relnamespace = 'public'::regnamespace
"""


@dataclass
class Changes:
    """What a rebuild would change: parcels by field, and figures (cell, count of, before, after).

    The log's records that no tracker has applied yet are `unapplied`, and not compared.
    """

    positions: dict[int, int]
    unapplied: int = 0
    parcels: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    figures: list[tuple[Any, ...]] = field(default_factory=list)


class Rebuild:
    """One rebuild of one log's state; `archive` is brought up to date as it goes."""

    def __init__(self, settings: SharedSettings, pool: Any, archive: Archive, codec: Codec) -> None:
        self._settings = settings
        self._pool = pool
        self._archive = archive
        self._codec = codec
        self._fold = ChunkFold(codec, settings.epoch_gaps, most_folded=None)
        self._rules = f"{VERSION}/{settings.epoch_gap_days}/{settings.epoch_gap_days_by_carrier}"

    async def make(self) -> None:
        """Fold the log as far as the tables are, or go on with what an earlier run did by the same rules.

        Raises:
            KafkaAway: no broker answers.
            LogChanged: as `archive_log`.
        """
        await self._prepare()
        await archive_log(self._settings, self._archive, self._codec)
        async with self._pool.acquire() as con:
            await self._catch_up(con, await applied(con, self._settings.events_topic))

    async def compare(self) -> Changes:
        """What would change, at the positions that the tables stand at; both sides in one snapshot."""
        async with self._transaction("repeatable_read") as con:
            found = Changes(await self._to_the_tables(con))
            ends = self._archive.positions()
            found.unapplied = sum(
                max(end - found.positions.get(place, 0), 0) for place, end in ends.items()
            )
            [counts] = await con.fetch(OTHER_PARCELS, timeout=LONG)
            found.fields = {name: counts[name] for name in COMPARED if counts[name]}
            found.parcels = counts["parcels"]
            found.figures = [tuple(row) for row in await con.fetch(OTHER_CELLS, timeout=LONG)]
            return found

    async def swap(self) -> None:
        """Put the new tables in the place of the old, which are kept in the schema `replaced`.

        Trackers wait meanwhile, take their partitions over again and go on; a reader sees old tables or new ones.
        """
        async with self._transaction("read_committed") as con:
            # What a tracker has loaded is of the old tables: fenced off, it loads again.
            await con.execute("update progress set fence = fence + 1 where consumer = $1", CONSUMER)
            await self._to_the_tables(con)
            await con.execute(NUMBERS, timeout=LONG)
            views = await con.fetch(VIEWS)
            await con.execute("create schema replaced")
            for table in TABLES:
                await con.execute(f"alter table public.{table} set schema replaced")
                await con.execute(f"alter table rebuild.{table} set schema public")
            for view in views:
                await con.execute(f"create or replace view public.{view['relname']} as {view['body']}")
            await con.execute(MARK_OLD_CELLS, timeout=LONG)
            if self._settings.publish_parcels:
                await con.execute(MARK_CHANGED_PARCELS, timeout=LONG)
            await con.execute("drop schema rebuild cascade")

    async def _prepare(self) -> None:
        async with self._pool.acquire() as con, con.transaction():
            if await con.fetchval(BEGUN, TABLES) == len(TABLES):
                rules = await con.fetchval("select min(rules) from rebuild.reached")
                if rules in (None, self._rules) and not await self._is_ahead(con):
                    return
            await con.execute(BEGIN)
            for [statement] in await con.fetch(LIKE, TABLES):
                await con.execute(statement)
            await con.execute("select attach_sums('rebuild')")

    async def _is_ahead(self, con: Any) -> bool:
        """Whether an earlier run folded what the tables do not have: it could not be compared with them."""
        stand = await applied(con, self._settings.events_topic)
        return any(position > stand.get(place, 0) for place, position in await con.fetch(REACHED))

    @contextlib.asynccontextmanager
    async def _transaction(self, isolation: str) -> AsyncIterator[Any]:
        async with self._pool.acquire() as con, con.transaction(isolation=isolation):
            await con.execute("set local idle_in_transaction_session_timeout = 0")
            yield con

    async def _to_the_tables(self, con: Any) -> dict[int, int]:
        """Fold on up to where the tables stand; returns where that is."""
        stand = await applied(con, self._settings.events_topic)
        await archive_log(self._settings, self._archive, self._codec)
        await self._catch_up(con, stand)
        return stand

    async def _catch_up(self, con: Any, until: Mapping[int, int]) -> None:
        reached = dict(await con.fetch(REACHED))
        dead = await dead_places(self._settings, self._archive.topic)
        for partition, end in sorted(until.items()):
            buried = {position for place, position in dead if place == partition}
            for file in self._files(partition, reached.get(partition, 0)):
                rows = Rows(partition, max(file, reached.get(partition, 0)), end)
                if rows.start < end:
                    await self._apply(con, file, rows, buried)

    def _files(self, partition: int, reached: int) -> list[int]:
        """First positions of the archive's files with records from `reached` on, in order."""
        names = {path.stem for path in self._archive.folder.glob(f"*/{partition:04}-*.parquet")}
        starts = sorted(int(name.split("-")[1]) for name in names)
        after = sum(start <= reached for start in starts)
        return starts[max(after - 1, 0) :]

    async def _apply(self, con: Any, file: int, rows: "Rows", dead: set[int]) -> None:
        """One file's records in one transaction, a savepoint where there is one already.

        The log may reach further than the tracker: what it will set aside at once is no dead letter yet.
        """
        groups = [group for name in SCHEMAS if (group := self._group(name, file, rows, dead))]
        decoded = set_aside_unstorable(Decoded(groups))
        last = max((group.places[-1] for group in decoded.groups), default=rows.start - 1) + 1
        chunk = Chunk(self._settings.events_topic, rows.partition, rows.start, last, ())
        async with con.transaction():
            await con.execute("set local synchronous_commit = off; set local search_path = rebuild, public")
            work = await self._fold.prepare(con, chunk, decoded)
            await work.write(con)
            await con.execute("set local search_path = public")
            await con.execute(REACH, rows.partition, last, self._rules)

    def _group(self, name: str, file: int, rows: "Rows", dead: set[int]) -> Group | None:
        path = self._archive.folder / name / f"{rows.partition:04}-{file:020}.parquet"
        return rows.group(name, path, dead) if path.exists() else None


@dataclass(frozen=True)
class Rows:
    """Records of a partition from `start` up to, and not with, `end`."""

    partition: int
    start: int
    end: int

    def group(self, name: str, path: Path, dead: set[int]) -> Group | None:
        """These records of one file as a decoded chunk has them; their places are their positions."""
        table = pq.read_table(path)
        positions = table.column("position")
        wanted = pc.and_(pc.greater_equal(positions, self.start), pc.less(positions, self.end))
        living = pc.invert(pc.is_in(positions, pa.array(sorted(dead), pa.int64())))
        table = table.filter(pc.and_(wanted, living)).combine_chunks()
        if not table.num_rows:
            return None
        places: Sequence[int] = table.column("position").to_pylist()
        [batch] = table.drop_columns(["partition", "position"]).to_batches()
        return Group(name, list(places), batch)
