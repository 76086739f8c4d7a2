"""What the tracker reads and writes in PostgreSQL; every statement takes a whole chunk."""

from collections import defaultdict
from collections.abc import Collection, Container, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import pyarrow as pa

from buuta.errors import Retry
from buuta.model.identifiers import parcel_key
from buuta.model.scan import DeadlinePassed
from buuta.storage.copying import copy_batch
from services.tracker.domain.deadlines import Passed, look_at
from services.tracker.domain.figures import Cell, Transit
from services.tracker.domain.parcel import STATE_FIELDS, Declared, Parcel
from services.tracker.lateness import Lateness

COUNTS: Final = (
    "accepted", "delivered_to_address", "delivered_at_point", "delivered_as_asked",
    "delivered_unknown_mode", "returned", "lost", "delivered_first_attempt", "promised", "on_time",
    "delivered_to_locker", "delivered_to_address_declared",
)  # fmt: skip

SELECT_PARCELS: Final = (
    f"select parcel_key, {', '.join(STATE_FIELDS)} from parcels where parcel_key = any($1)"  # noqa: S608
)
STAGE: Final = """
create temporary table if not exists changed_parcels (like parcels) on commit delete rows;
delete from changed_parcels;
set local enable_hashjoin = off;
set local enable_mergejoin = off
"""
"""Nothing tells the planner how little lies in there; it must not read all parcels for a chunk.

A rebuild writes several chunks in one transaction: what the one before staged must be gone."""
UPDATE_PARCELS: Final = f"""
update parcels set {", ".join(f"{name} = new.{name}" for name in STATE_FIELDS)},
  look_at = least(parcels.look_at, new.look_at)
from changed_parcels as new where parcels.parcel_key = new.parcel_key
"""  # noqa: S608 - names from this file
SELECT_DEADLINES: Final = "select parcel_key, kind, deadline_at from deadlines where parcel_key = any($1)"
SELECT_PAST: Final = (
    f"select parcel_key, {', '.join(STATE_FIELDS)} from past_parcels where parcel_key = any($1)"  # noqa: S608
)
DELETE_PAST: Final = "delete from past_parcels where parcel_key = any($1)"
SELECT_DECLARATIONS: Final = (
    f"select parcel_key, {', '.join(Declared._fields)} from declarations where parcel_key = any($1)"  # noqa: S608
)
INSERT_DECLARATIONS: Final = f"""
insert into declarations (parcel_key, {", ".join(Declared._fields)})
select * from unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::bool[], $6::text[], $7::text[],
  $8::bigint[], $9::text[], $10::bool[]) on conflict do nothing
"""  # noqa: S608 - names from this file
INSERT_DEADLINES: Final = """
insert into deadlines select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
on conflict do nothing
"""
UPSERT_CELLS: Final = f"""
insert into rate_cells as c (slot, carrier, service, province, commune, day, {", ".join(COUNTS)})
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::date[],
  {", ".join(f"${n}::bigint[]" for n in range(7, 7 + len(COUNTS)))})
on conflict (carrier, service, province, commune, day, slot) do update
set {", ".join(f"{name} = c.{name} + excluded.{name}" for name in COUNTS)}
"""  # noqa: S608 - names from this file

MARK_CELLS: Final = """
insert into unpublished_cells (carrier, service, province, commune, day)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[])
"""
UPSERT_TRANSIT: Final = """
insert into transit_cells as c (slot, carrier, service, province, day, hours, parcels)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::int[], $7::bigint[])
on conflict (carrier, day, service, province, hours, slot) do update set parcels = c.parcels + excluded.parcels
"""
UPSERT_LATENESS: Final = """
insert into lateness_cells as c (slot, carrier, day, minutes, scans)
select $1, * from unnest($2::text[], $3::date[], $4::int[], $5::bigint[])
on conflict (carrier, day, minutes, slot) do update set scans = c.scans + excluded.scans
"""

PARCEL_TYPES: Final = tuple(
    pa.int64() if name.endswith("_at")
    else pa.int64() if name in {"epoch_from", "stopped_ms"}
    else pa.int32() if name in {"attempts", "sequence", "registration_version", "scans", "epoch"}
    else pa.bool_() if name in {"awaits_scan", "invited_twice", "deadlines", "partial_return", "by_day"}
    else pa.string()
    for name in STATE_FIELDS
)  # fmt: skip

_values = attrgetter(*STATE_FIELDS)


async def load_parcels(con: Any, keys: Collection[str]) -> dict[str, Parcel]:
    """The stored state of these parcels; those that are new are missing."""
    rows = await con.fetch(SELECT_PARCELS, list(keys))
    return {row[0]: Parcel(*row[1:]) for row in rows}


async def load_deadlines(con: Any, keys: Collection[str]) -> dict[str, frozenset[Passed]]:
    """The deadlines that these parcels were seen to pass."""
    passed: dict[str, set[Passed]] = defaultdict(set)
    if keys:
        for key, kind, deadline_at in await con.fetch(SELECT_DEADLINES, list(keys)):
            passed[key].add(Passed(kind, deadline_at))
    return {key: frozenset(each) for key, each in passed.items()}


async def insert_deadlines(con: Any, passed: Collection[DeadlinePassed]) -> None:
    """Keep deadlines that were seen to pass, each once."""
    if passed:
        keys = [parcel_key(each.carrier, each.number) for each in passed]
        columns = zip(*((each.kind, each.deadline_at, each.observed_at) for each in passed), strict=True)
        await con.execute(INSERT_DEADLINES, keys, *map(list, columns))


async def load_declarations(con: Any, keys: Collection[str]) -> dict[str, frozenset[Declared]]:
    """What was declared of these keys, every version."""
    declared: dict[str, set[Declared]] = defaultdict(set)
    if keys:
        for key, *rest in await con.fetch(SELECT_DECLARATIONS, list(keys)):
            declared[key].add(Declared(*rest))
    return {key: frozenset(each) for key, each in declared.items()}


async def insert_declarations(con: Any, declared: Collection[tuple[str, Declared]]) -> None:
    """Keep what was declared, each version once."""
    if declared:
        rows = [(key, *each) for key, each in declared]
        await con.execute(INSERT_DECLARATIONS, *map(list, zip(*rows, strict=True)))


async def load_past(con: Any, keys: Collection[str]) -> dict[str, list[Parcel]]:
    """The past parcels of these keys."""
    past: dict[str, list[Parcel]] = defaultdict(list)
    if keys:
        for key, *state in await con.fetch(SELECT_PAST, list(keys)):
            past[key].append(Parcel(*state))
    return past


async def write_past(
    con: Any, slot: int, past: Mapping[str, tuple[Sequence[Parcel], Sequence[Parcel]]]
) -> None:
    """Write the past parcels of these keys instead of those that are stored."""
    if past:
        await con.execute(DELETE_PAST, list(past))
        rows = [(key, parcel) for key, (_, after) in past.items() for parcel in after]
        if rows:
            await copy_batch(con, "past_parcels", _parcel_table(slot, *zip(*rows, strict=True)))


async def write_parcels(con: Any, slot: int, parcels: Mapping[str, Parcel], known: Container[str]) -> None:
    """Write states: new ones appended, known ones copied into a table of the session's and joined.

    Arrays as parameters cost 15 microseconds a row in asyncpg, which looks at every element;
    `on conflict do update` locks each row before it writes it, and costs a third more than a join.

    Raises:
        Retry: a parcel is gone that was there when it was loaded.
    """
    new = {key: parcel for key, parcel in parcels.items() if key not in known}
    if new:
        await copy_batch(con, "parcels", _watched_table(slot, new))
    if len(new) < len(parcels):
        changed = {key: parcel for key, parcel in parcels.items() if key in known}
        await con.execute(STAGE)
        await copy_batch(con, "changed_parcels", _watched_table(slot, changed))
        updated = await con.execute(UPDATE_PARCELS)
        if updated != f"UPDATE {len(changed)}":
            raise Retry(f"{len(changed)} parcels were loaded, and now: {updated}")


def _watched_table(slot: int, parcels: Mapping[str, Parcel]) -> Any:
    """Parcels with the time at which the sweep of deadlines must look at them, at the latest."""
    table = _parcel_table(slot, parcels.keys(), parcels.values())
    return table.append_column("look_at", pa.array(map(look_at, parcels.values()), pa.int64()))


def _parcel_table(slot: int, keys: Collection[str], parcels: Collection[Parcel]) -> Any:
    states = zip(*map(_values, parcels), strict=True)
    arrays = [
        pa.array(keys, pa.string()),
        pa.repeat(pa.scalar(slot, pa.int32()), len(keys)),
        *(pa.array(column, kind) for column, kind in zip(states, PARCEL_TYPES, strict=True)),
    ]
    return pa.record_batch(arrays, names=("parcel_key", "slot", *STATE_FIELDS))


async def mark_parcels(con: Any, keys: Collection[str]) -> None:
    """Mark parcels whose state is to be published."""
    await copy_batch(
        con, "unpublished_parcels", pa.record_batch([pa.array(keys, pa.string())], ["parcel_key"])
    )


async def add_to_cells(con: Any, slot: int, counts: Mapping[tuple[Cell, str], int]) -> None:
    """Add a chunk's sums to the rate cells; cells in one order, so no two chunks can deadlock."""
    cells: dict[Cell, dict[str, int]] = defaultdict(dict)
    for (cell, column), count in counts.items():
        if count:
            cells[cell][column] = count
    if cells:
        rows = [(*cell, *(cells[cell].get(name, 0) for name in COUNTS)) for cell in sorted(cells)]
        columns = [list(column) for column in zip(*rows, strict=True)]
        await con.execute(UPSERT_CELLS, slot, *columns)
        await con.execute(MARK_CELLS, *columns[:5])


async def add_transit(con: Any, slot: int, counts: Mapping[Transit, int]) -> None:
    """Add a chunk's sums to the cells of transit times."""
    await _add(con, UPSERT_TRANSIT, slot, counts)


async def add_lateness(con: Any, slot: int, counts: Mapping[Lateness, int]) -> None:
    """Add a chunk's sums to the cells of event lateness."""
    await _add(con, UPSERT_LATENESS, slot, counts)


async def _add(con: Any, upsert: str, slot: int, counts: Mapping[tuple[Any, ...], int]) -> None:
    """Upsert sums by cell, in one order."""
    rows = [(*cell, counts[cell]) for cell in sorted(counts) if counts[cell]]
    if rows:
        await con.execute(upsert, slot, *map(list, zip(*rows, strict=True)))
