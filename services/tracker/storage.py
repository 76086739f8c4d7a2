"""What the tracker reads and writes in PostgreSQL; every statement takes a whole chunk."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.identifiers import parcel_key, split_key
from buuta.model.scan import Scan
from services.tracker.domain.parcel import STATE_FIELDS, Cell, Parcel

SCAN_COLUMNS: Final = (
    "parcel_key", "event_id", "status", "reason", "delivery_mode", "provisional",
    "corrects_event_id", "correction_kind", "occurred_at", "offset_minutes", "offset_source",
    "received_at", "facility", "province", "commune", "attempt", "distance_bucket",
    "proof_present", "raw_code", "door", "mapping_version",
)  # fmt: skip
COUNTS: Final = (
    "accepted", "delivered_to_address", "delivered_at_point", "delivered_as_asked",
    "delivered_unknown_mode", "returned", "lost",
)  # fmt: skip

SELECT_PARCELS: Final = (
    f"select parcel_key, {', '.join(STATE_FIELDS)} from parcels where parcel_key = any($1)"  # noqa: S608
)
SELECT_HISTORY: Final = f"select {', '.join(SCAN_COLUMNS)} from scans where parcel_key = any($1)"  # noqa: S608
STAGE: Final = """
create temporary table if not exists changed_parcels (like parcels) on commit delete rows
"""
UPDATE_PARCELS: Final = f"""
update parcels set {", ".join(f"{name} = new.{name}" for name in STATE_FIELDS)}
from changed_parcels as new where parcels.parcel_key = new.parcel_key
"""  # noqa: S608 - names from this file
DELETE_SCANS: Final = """
delete from scans using unnest($1::text[], $2::bytea[]) as old (parcel_key, event_id)
where scans.parcel_key = old.parcel_key and scans.event_id = old.event_id
"""
UPSERT_CELLS: Final = f"""
insert into rate_cells as c (slot, carrier, province, commune, day, {", ".join(COUNTS)})
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::date[],
  {", ".join(f"${n}::bigint[]" for n in range(6, 6 + len(COUNTS)))})
on conflict (carrier, province, commune, day, slot) do update
set {", ".join(f"{name} = c.{name} + excluded.{name}" for name in COUNTS)}
"""  # noqa: S608 - names from this file

CORRECTED: Final = Scan._fields.index("corrects_event_id") - 3
"""Where `corrects_event_id` stands behind event id, carrier and number."""

_values = attrgetter(*STATE_FIELDS)


async def load_parcels(con: Any, keys: Collection[str]) -> dict[str, Parcel]:
    """The stored state of these parcels; those that are new are missing."""
    rows = await con.fetch(SELECT_PARCELS, list(keys))
    return {row[0]: Parcel(*row[1:]) for row in rows}


async def load_history(con: Any, keys: Collection[str]) -> Mapping[str, list[Scan]]:
    """Every stored scan of these parcels."""
    history: dict[str, list[Scan]] = defaultdict(list)
    if keys:
        for row in await con.fetch(SELECT_HISTORY, list(keys)):
            history[row["parcel_key"]].append(_scan(row))
    return history


def _scan(row: Any) -> Scan:
    key, event_id, *rest = row
    carrier, number = split_key(key)
    scan = Scan(event_id.hex(), carrier, number, *rest)
    corrected = scan.corrects_event_id
    return scan if corrected is None else scan._replace(corrects_event_id=corrected.hex())  # type: ignore[attr-defined]


def scan_rows(scans: Sequence[Scan]) -> Iterator[tuple[Any, ...]]:
    """Scans as rows of the `scans` table; worked out by columns, which is twice as fast."""
    event_ids, carriers, numbers, *rest = zip(*scans, strict=True)
    keys = map(parcel_key, carriers, numbers)
    rest[CORRECTED] = tuple(None if each is None else _id_bytes(each) for each in rest[CORRECTED])
    return zip(keys, map(_id_bytes, event_ids), *rest, strict=True)


def _id_bytes(event_id: str) -> bytes:
    try:
        return bytes.fromhex(event_id)
    except ValueError:
        raise BadItem("event_id_invalid", "an event id is hexadecimal", "event_id") from None


async def insert_scans(con: Any, scans: Sequence[Scan]) -> None:
    """Append scans that are not stored yet."""
    if scans:
        await con.copy_records_to_table("scans", records=scan_rows(scans), columns=SCAN_COLUMNS)


async def delete_scans(con: Any, scans: Collection[Scan]) -> None:
    """Take out stored copies that an earlier-received copy replaces."""
    if scans:
        keys, event_ids, *_ = zip(*scan_rows(list(scans)), strict=True)
        await con.execute(DELETE_SCANS, keys, event_ids)


async def insert_parcels(con: Any, slot: int, parcels: Sequence[tuple[str, Parcel]]) -> None:
    """Append the state of parcels that are new."""
    if parcels:
        await _copy_parcels(con, "parcels", slot, parcels)


async def update_parcels(con: Any, slot: int, parcels: Sequence[tuple[str, Parcel]]) -> None:
    """Write the state of parcels that are stored: copied into a table of the session's, then joined.

    Arrays as parameters cost 15 microseconds a row in asyncpg, which looks at every element.
    """
    if parcels:
        await con.execute(STAGE)
        await _copy_parcels(con, "changed_parcels", slot, parcels)
        await con.execute(UPDATE_PARCELS)


async def _copy_parcels(con: Any, table: str, slot: int, parcels: Sequence[tuple[str, Parcel]]) -> None:
    await con.copy_records_to_table(
        table,
        records=[(key, slot, *_values(parcel)) for key, parcel in parcels],
        columns=("parcel_key", "slot", *STATE_FIELDS),
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
