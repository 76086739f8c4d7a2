"""What the tracker reads and writes in PostgreSQL; every statement takes a whole chunk."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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
STATE_TYPES: Final = (
    "text", "text", "text", "integer", "text", "text", "bigint", "bigint", "bigint", "smallint",
    "bigint", "text", "text", "text", "bigint", "text", "integer", "text", "integer", "text",
    "text", "bigint",
)  # fmt: skip
COUNTS: Final = (
    "accepted", "delivered_to_address", "delivered_at_point", "delivered_as_asked",
    "delivered_unknown_mode", "returned", "lost",
)  # fmt: skip

SELECT_PARCELS: Final = (
    f"select parcel_key, {', '.join(STATE_FIELDS)} from parcels where parcel_key = any($1)"  # noqa: S608
)
SELECT_HISTORY: Final = f"select {', '.join(SCAN_COLUMNS)} from scans where parcel_key = any($1)"  # noqa: S608
UPDATE_PARCELS: Final = f"""
update parcels set {", ".join(f"{name} = new.{name}" for name in STATE_FIELDS)}
from unnest($1::text[], {", ".join(f"${n}::{t}[]" for n, t in enumerate(STATE_TYPES, 2))})
  as new (parcel_key, {", ".join(STATE_FIELDS)})
where parcels.parcel_key = new.parcel_key
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

_values = attrgetter(*STATE_FIELDS)


async def load_parcels(con: Any, keys: Collection[str]) -> dict[str, Parcel]:
    """The stored state of these parcels; those that are new are missing."""
    rows = await con.fetch(SELECT_PARCELS, list(keys))
    return {row[0]: Parcel(*row[1:]) for row in map(tuple, rows)}


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


def scan_row(scan: Scan) -> tuple[Any, ...]:
    """A scan as a row of the `scans` table."""
    corrected = scan.corrects_event_id
    return (
        parcel_key(scan.carrier, scan.number), _id_bytes(scan.event_id), *scan[3:7],
        None if corrected is None else _id_bytes(corrected), *scan[8:],
    )  # fmt: skip


def _id_bytes(event_id: str) -> bytes:
    try:
        return bytes.fromhex(event_id)
    except ValueError:
        raise BadItem("event_id_invalid", "an event id is hexadecimal", "event_id") from None


async def insert_scans(con: Any, scans: Iterable[Scan]) -> None:
    """Append scans that are not stored yet."""
    await con.copy_records_to_table("scans", records=map(scan_row, scans), columns=SCAN_COLUMNS)


async def delete_scans(con: Any, scans: Collection[Scan]) -> None:
    """Take out stored copies that an earlier-received copy replaces."""
    if scans:
        rows = [scan_row(scan)[:2] for scan in scans]
        await con.execute(DELETE_SCANS, [row[0] for row in rows], [row[1] for row in rows])


async def insert_parcels(con: Any, slot: int, parcels: Sequence[tuple[str, Parcel]]) -> None:
    """Append the state of parcels that are new."""
    if parcels:
        await con.copy_records_to_table(
            "parcels",
            records=((key, slot, *_values(parcel)) for key, parcel in parcels),
            columns=("parcel_key", "slot", *STATE_FIELDS),
        )


async def update_parcels(con: Any, parcels: Sequence[tuple[str, Parcel]]) -> None:
    """Write the state of parcels that are stored."""
    if parcels:
        rows = [(key, *_values(parcel)) for key, parcel in parcels]
        await con.execute(UPDATE_PARCELS, *(list(column) for column in zip(*rows, strict=True)))


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
