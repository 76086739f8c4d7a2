"""The history in PostgreSQL: a row a scan, the copy that stands; every statement takes a whole chunk."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from buuta.errors import BadItem
from buuta.model.identifiers import SHARED, parcel_key, split_key
from buuta.model.scan import Scan
from buuta.model.steering import MOST_SCANS
from buuta.storage.copying import copy_batch

SCAN_COLUMNS: Final = (
    "parcel_key", "event_id", "status", "reason", "delivery_mode", "provisional",
    "corrects_event_id", "correction_kind", "occurred_at", "offset_minutes", "offset_source",
    "received_at", "facility", "province", "commune", "attempt", "distance_bucket",
    "proof_present", "raw_code", "door", "mapping_version", "reporter", "day_only", "zone",
    "direction", "partial_return", "linked_number",
)  # fmt: skip

Identity = tuple[str, str]
"""Parcel key and event id."""
OWN: Final = "unnest($1::text[], $2::bytea[]) as own (parcel_key, event_id)"
SELECT_FIRST: Final = f"""
select first.* from unnest($1::text[]) as own (key) cross join lateral (
  select {", ".join(SCAN_COLUMNS)} from scans where parcel_key = own.key
  order by received_at, event_id limit {MOST_SCANS + 1}
) as first
"""  # noqa: S608 - names from this file
"""Those that can steer, and one more where there are more."""
SELECT_BY_TURNS: Final = f"""
select first.* from unnest($1::text[]) as own (key) cross join lateral (
  select {", ".join(SCAN_COLUMNS)} from (
    select *, row_number() over (partition by reporter order by received_at, event_id) as turn
    from scans where parcel_key = own.key
  ) as turns where turn <= {MOST_SCANS + 1} order by turn, received_at, event_id limit {MOST_SCANS + 1}
) as first
"""  # noqa: S608 - names from this file
"""The same of parcels that posts share."""
SELECT_COPIES: Final = f"""
select {", ".join(SCAN_COLUMNS)} from scans join {OWN} using (parcel_key, event_id)
"""  # noqa: S608
SELECT_KNOWN: Final = f"select parcel_key from scans join {OWN} using (parcel_key, event_id)"  # noqa: S608
DELETE_SCANS: Final = f"""
delete from scans using {OWN}
where scans.parcel_key = own.parcel_key and scans.event_id = own.event_id
returning own.parcel_key, own.event_id, copies_differ
"""  # noqa: S608
MARK_DIFFERING: Final = f"""
update scans set copies_differ = true from {OWN}
where scans.parcel_key = own.parcel_key and scans.event_id = own.event_id and not copies_differ
"""  # noqa: S608


async def load_history(source: Any, keys: Collection[str]) -> Mapping[str, list[Scan]]:
    """The stored scans of these parcels, of each those that can steer, and one more."""
    history: dict[str, list[Scan]] = defaultdict(list)
    shared = [key for key in keys if split_key(key)[0] == SHARED]
    alone = [key for key in keys if split_key(key)[0] != SHARED]
    for query, of in ((SELECT_FIRST, alone), (SELECT_BY_TURNS, shared)):
        for row in await source.fetch(query, of) if of else ():
            history[row["parcel_key"]].append(_scan(row))
    return history


async def load_copies(source: Any, scans: Collection[Scan]) -> Mapping[str, list[Scan]]:
    """The stored copies of these scans, by parcel."""
    copies: dict[str, list[Scan]] = defaultdict(list)
    if scans:
        for row in await source.fetch(SELECT_COPIES, *_columns(_identities(scans))):
            copies[row["parcel_key"]].append(_scan(row))
    return copies


async def stored_keys(source: Any, identities: Collection[Identity]) -> set[str]:
    """The parcels of those of these scans that are in the history."""
    if not identities:
        return set()
    return {row[0] for row in await source.fetch(SELECT_KNOWN, *_columns(identities))}


def _identities(scans: Iterable[Scan]) -> list[Identity]:
    return [(parcel_key(scan.carrier, scan.number), scan.event_id) for scan in scans]


def _columns(identities: Iterable[Identity]) -> tuple[list[str], list[bytes]]:
    keys, ids = zip(*identities, strict=True)
    return list(keys), list(map(_id_bytes, ids))


def _scan(row: Any) -> Scan:
    key, event_id, *rest = row
    carrier, number = split_key(key)
    scan = Scan(event_id.hex(), carrier, number, *rest)
    corrected = scan.corrects_event_id
    return scan if corrected is None else scan._replace(corrects_event_id=corrected.hex())  # type: ignore[attr-defined]


def scan_table(batch: Any) -> Any:
    """`ScanEvent` columns as columns of the `scans` table.

    Raises:
        BadItem: an event id that is no hexadecimal in small letters.
        ValueError: an offset beyond a `smallint`.
    """
    made = {
        "parcel_key": pc.binary_join_element_wise(batch.column("carrier"), batch.column("number"), ":"),
        "event_id": _ids(batch.column("event_id")),
        "corrects_event_id": _ids(batch.column("corrects_event_id")),
        "offset_minutes": batch.column("offset_minutes").cast(pa.int16()),
    }
    columns = [made[name] if name in made else batch.column(name) for name in SCAN_COLUMNS]
    return pa.record_batch(columns, names=SCAN_COLUMNS)


def _ids(column: Any) -> Any:
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.binary())
    ids = [None if each is None else _id_bytes(each) for each in column.to_pylist()]
    return pa.array(ids, pa.binary())


def _id_bytes(event_id: str) -> bytes:
    """One id has one way to be written, or a copy could pass for another event."""
    try:
        made = bytes.fromhex(event_id)
    except ValueError:
        made = b""
    if not made or made.hex() != event_id:
        raise BadItem(
            "event_id_invalid", "an event id is written in hexadecimal, in small letters", "event_id"
        )
    return made


async def insert_scans(con: Any, batch: Any) -> None:
    """Append scans that are not stored yet, as `ScanEvent` columns."""
    await copy_batch(con, "scans", scan_table(batch))


async def replace_scans(con: Any, replaced: Collection[Scan], added: Any, differing: set[Identity]) -> None:
    """Write a chunk's scans, given as `ScanEvent` columns, and mark those whose copies say different things.

    Taken out are stored copies that an earlier-received copy replaces; what was known of their copies stays.
    """
    if replaced:
        gone = await con.fetch(DELETE_SCANS, *_columns(_identities(replaced)))
        differing = differing | {(key, event_id.hex()) for key, event_id, differ in gone if differ}
    await insert_scans(con, added)
    if differing:
        await con.execute(MARK_DIFFERING, *_columns(differing))
