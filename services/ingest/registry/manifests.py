"""Manifests in PostgreSQL: what was declared, what was seen of it, and what is missing."""

from collections.abc import Sequence
from typing import Any, Final

from buuta.model.identifiers import SHARED, owner_of, parcel_key
from buuta.telemetry import metrics
from services.ingest.domain.manifest import Manifest
from services.ingest.storage import Carrier, carriers_of

DECLARE: Final = """
insert into manifests (carrier, manifest, pieces, code, since, until, numbers) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (carrier, manifest) do update set pieces = excluded.pieces, code = excluded.code,
  since = excluded.since, until = excluded.until, numbers = excluded.numbers, declared_at = now(), seen = null
"""
FIND: Final = """
select manifest, pieces, code, since, until, numbers, declared_at from manifests
where carrier = $1 and manifest = $2
"""
SEEN_NUMBERS: Final = """
select distinct parcel_key from scans where parcel_key = any($1) and occurred_at >= $2 and occurred_at < $3
  and ($4::text is null or raw_code = $4)
"""
SEEN_COUNT: Final = f"""
select count(distinct parcel_key) from scans
where received_at >= $2::bigint - 86400000 and received_at < $3::bigint + 604800000
  and occurred_at >= $2 and occurred_at < $3
  and ((parcel_key >= $1 || ':' and parcel_key < $1 || ';') or
    (reporter = $1 and parcel_key >= '{SHARED}:' and parcel_key < '{SHARED};'))
  and ($4::text is null or raw_code = $4)
"""  # noqa: S608 - a name of our own
OPEN: Final = """
select carrier, manifest, pieces, code, since, until, numbers from manifests
where declared_at > now() - interval '7 days' and (seen is null or seen < pieces)
  and until < (extract(epoch from now()) * 1000)::bigint - 3600000
  and (checked_at is null or checked_at < now() - interval '1 minute')
order by checked_at nulls first limit 50
"""
CHECKED: Final = """
update manifests set seen = $3, checked_at = now() where carrier = $1 and manifest = $2
"""
MISSING: Final = """
select carrier, sum(pieces - seen)::bigint as missing from manifests
where declared_at > now() - interval '7 days' and seen < pieces group by carrier
"""
GAPS: Final = """
select carrier, manifest, pieces, seen, declared_at from manifests
where declared_at > now() - interval '7 days' and seen < pieces order by declared_at desc limit 200
"""


async def declare(con: Any, carrier: str, declared: Manifest) -> None:
    """Keep a manifest; declared again, it is what was said last."""
    values = (declared.count, declared.code, *declared.span, declared.numbers)
    await con.execute(DECLARE, carrier, declared.manifest, *values)


async def find(con: Any, carrier: Carrier, manifest: str) -> tuple[Any, int, list[str]] | None:
    """A manifest with how many of its pieces were seen by now, and which of its numbers were not."""
    row = await con.fetchrow(FIND, carrier.code, manifest)
    return None if row is None else (row, *await _seen(con, carrier, row))


async def _seen(con: Any, carrier: Carrier, row: Any) -> tuple[int, list[str]]:
    where = row["since"], row["until"], row["code"]
    if not row["numbers"]:
        return await con.fetchval(SEEN_COUNT, carrier.code, *where), []
    keys = {
        parcel_key(owner_of(carrier.code, each, is_post=carrier.is_post)[0], each): each
        for each in row["numbers"]
    }
    seen = {key for [key] in await con.fetch(SEEN_NUMBERS, list(keys), *where)}
    return len(seen), [number for key, number in keys.items() if key not in seen]


async def check(con: Any) -> None:
    """Look through the manifests whose time is over by an hour, and show how many pieces are missing."""
    rows = await con.fetch(OPEN)
    carriers = await carriers_of(con) if rows else {}
    for row in rows:
        seen, _ = await _seen(con, carriers[row["carrier"]], row)
        await con.execute(CHECKED, row["carrier"], row["manifest"], seen)
    metrics.INGEST_MISSING_RECORDS.clear()
    for carrier, missing in await con.fetch(MISSING):
        metrics.INGEST_MISSING_RECORDS.labels(carrier).set(missing)


async def gaps(con: Any) -> Sequence[Any]:
    """Manifests of a week of which pieces are missing."""
    rows: Sequence[Any] = await con.fetch(GAPS)
    return rows
