"""Manifests in PostgreSQL: what was declared, what was seen of it, and what is missing."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.identifiers import SHARED, owner_of, parcel_key
from buuta.storage import set_aside
from buuta.storage.background import Fault, each_alone
from buuta.storage.set_aside import Aside
from buuta.telemetry import metrics
from services.ingest.domain.manifest import Manifest
from services.ingest.storage import Carrier, carriers_of

LOOP: Final = "manifests"
ONE_SECONDS: Final = 50.0
"""For one manifest: less than a connection is lent for, when PostgreSQL would be to blame and all would wait."""
TURN_SECONDS: Final = 150.0
"""From then on no other is begun in this turn; the next begins with those that were not looked at."""
PIECE: Final = 1_000
"""So many numbers are looked up at once."""
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
  and ($4::text is null or raw_code = $4) and coalesce(reporter, $5) = $5
"""
"""Of a parcel that posts share, what the post itself reported."""
SEEN_COUNT: Final = f"""
select count(distinct parcel_key) from scans
where received_at >= $2::bigint - 86400000 and received_at < $3::bigint + 604800000
  and occurred_at >= $2 and occurred_at < $3
  and ((parcel_key >= $1 || ':' and parcel_key < $1 || ';') or
    (reporter = $1 and parcel_key >= '{SHARED}:' and parcel_key < '{SHARED};'))
  and ($4::text is null or raw_code = $4)
"""  # noqa: S608 - a name of our own
OPEN: Final = f"""
select carrier, manifest from manifests
where declared_at > now() - interval '7 days' and (seen is null or seen < pieces)
  and until < (extract(epoch from now()) * 1000)::bigint - 3600000
  and (checked_at is null or checked_at < now() - interval '1 minute')
  and {set_aside.not_resting(LOOP, "carrier || '/' || manifest")}
order by checked_at nulls first limit 50
"""  # noqa: S608 - names of our own
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
    missing: list[str] = []
    for first in range(0, len(row["numbers"]), PIECE):
        # By pieces: between them other requests go on.
        keys = {_key(carrier, each): each for each in row["numbers"][first : first + PIECE]}
        seen = {key for [key] in await con.fetch(SEEN_NUMBERS, list(keys), *where, carrier.code)}
        missing += [number for key, number in keys.items() if key not in seen]
    return len(row["numbers"]) - len(missing), missing


def _key(carrier: Carrier, number: str) -> str:
    return parcel_key(owner_of(carrier.code, number, is_post=carrier.is_post)[0], number)


async def check(con: Any) -> None:
    """Look through the manifests whose time is over by an hour, and show how many pieces are missing.

    One that fails, or that takes too long, is set aside by itself, and the others are looked through.
    """
    rows = await con.fetch(OPEN)
    carriers = await carriers_of(con) if rows else {}
    ends = time.monotonic() + TURN_SECONDS
    for row in rows:
        if time.monotonic() > ends:
            break
        outcome = await each_alone([row], partial(_check_each, con, carriers))
        name = f"{row['carrier']}/{row['manifest']}"
        faults = [Fault(Aside(name), fault.why) for fault in outcome.faults]
        await set_aside.settle(con, LOOP, [name], faults)
    metrics.INGEST_MISSING_RECORDS.clear()
    for carrier, missing in await con.fetch(MISSING):
        metrics.INGEST_MISSING_RECORDS.labels(carrier).set(missing)


async def _check_each(con: Any, carriers: Mapping[str, Carrier], rows: Sequence[Any]) -> None:
    for row in rows:
        try:
            async with asyncio.timeout(ONE_SECONDS):
                await _check(con, carriers[row["carrier"]], row["manifest"])
        except TimeoutError:
            raise BadItem("manifest_slow", f"what was seen is not counted in {ONE_SECONDS:g} s") from None


async def _check(con: Any, carrier: Carrier, manifest: str) -> None:
    found = await find(con, carrier, manifest)
    if found is not None:
        await con.execute(CHECKED, carrier.code, manifest, found[1])


async def gaps(con: Any) -> Sequence[Any]:
    """Manifests of a week of which pieces are missing."""
    rows: Sequence[Any] = await con.fetch(GAPS)
    return rows
