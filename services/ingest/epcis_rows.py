"""EPCIS events, packings, what was told of them, and capture jobs in PostgreSQL."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.storage import locks
from services.ingest.domain.effects import Change, Happened, Known, Told
from services.ingest.domain.packing import Packing

KEEP_EVENT: Final = """
insert into epcis_events (carrier, event_id, things, occurred_at, payload, retracted)
values ($1, $2, $3, $4, $5, $6) on conflict (carrier, event_id) do update set retracted = true
where excluded.retracted and not epcis_events.retracted returning (xmax = 0) as is_new
"""
KEEP_PACKING: Final = "insert into epcis_packings values ($1, $2, $3, $4, $5, $6) on conflict do nothing"
AROUND: Final = """
with recursive around (name) as (
  select unnest($2::text[]) union
  select parent from epcis_packings join around on child = name where carrier = $1
) select name from around
"""
"""What holds these things, or ever held them, and what held that."""
EVENTS: Final = """
select event_id, things, occurred_at, payload, retracted from epcis_events
where carrier = $1 and (event_id = any($2) or things && $3::text[])
"""
PACKINGS: Final = """
with recursive inside (name) as (
  select unnest($2::text[]) union
  select child from epcis_packings join inside on parent = name where carrier = $1 and child <> ''
) select parent, child, at, is_in from epcis_packings join inside on parent = name
  join epcis_events using (carrier, event_id) where carrier = $1 and not retracted
"""
TOLD: Final = (
    "select event_id, thing, turn, live from epcis_effects where carrier = $1 and event_id = any($2)"
)
KEEP_CHANGE: Final = """
insert into epcis_effects values ($1, $2, $3, $4, $5) on conflict (carrier, event_id, thing)
do update set turn = excluded.turn, live = excluded.live
"""
FORGET: Final = """
delete from epcis_events where ctid in (
  select ctid from epcis_events where received_at < now() - interval '400 days' limit 100)
"""
"""An event older than a year steers nothing; each capture takes some old ones along."""
KEEP_JOB: Final = """
insert into epcis_captures (id, carrier, behaviour, success, events, errors) values ($1, $2, $3, $4, $5, $6)
"""
JOB: Final = """
select id, created_at, behaviour, success, events, errors from epcis_captures
where carrier = $1 and ($2::uuid is null or id = $2) order by created_at desc limit $3
"""


@dataclass(frozen=True)
class Row:
    """An event to be kept."""

    happened: Happened
    payload: dict[str, Any]
    packings: Sequence[Packing]


@dataclass(frozen=True)
class Concerned:
    """All from which follows what is to be told: events, what they said, packings, and what was told."""

    events: Sequence[Happened]
    payloads: dict[str, dict[str, Any]]
    packings: Sequence[Packing]
    known: Known


async def lock(con: Any, carrier: str) -> None:
    """Captures of one carrier happen one after another."""
    await locks.hold(con, locks.Lock.EPCIS, carrier)


async def keep_events(con: Any, carrier: str, rows: Sequence[Row]) -> set[str]:
    """Keep events, each once, or note that they were wrong; returns the things whose contents may be others now."""
    await con.execute(FORGET)
    touched: set[str] = set()
    packings: list[tuple[Any, ...]] = []
    for row in rows:
        each = row.happened
        values = (each.event_id, list(each.things), each.at, json.dumps(row.payload), each.retracted)
        is_new = await con.fetchval(KEEP_EVENT, carrier, *values)
        if is_new:
            packings += [(carrier, each.event_id, *packing) for packing in row.packings]
        if is_new is not None:
            touched |= {packing.parent for packing in row.packings}
    await con.executemany(KEEP_PACKING, packings)
    return touched


async def concerned(con: Any, carrier: str, touched: set[str], event_ids: Sequence[str]) -> Concerned:
    """The events by these ids and of what holds the touched things, with all that is in what they happened to."""
    around = [name for [name] in await con.fetch(AROUND, carrier, list(touched))]
    rows = await con.fetch(EVENTS, carrier, list(event_ids), around)
    things = sorted({thing for row in rows for thing in row["things"]})
    packings = [Packing(*row) for row in await con.fetch(PACKINGS, carrier, things)]
    known: dict[str, dict[str, Told]] = defaultdict(dict)
    for event_id, thing, turn, live in await con.fetch(TOLD, carrier, [row["event_id"] for row in rows]):
        known[event_id][thing] = Told(turn, live)
    events = [
        Happened(row["event_id"], row["things"], row["occurred_at"], row["retracted"]) for row in rows
    ]
    return Concerned(events, {row["event_id"]: json.loads(row["payload"]) for row in rows}, packings, known)


async def keep_changes(con: Any, carrier: str, told: Sequence[Change]) -> None:
    """Note what is told now."""
    await con.executemany(
        KEEP_CHANGE, [(carrier, each.event_id, each.thing, each.turn, not each.takes_back) for each in told]
    )


async def keep_job(con: Any, carrier: str, job: Any) -> None:
    """Note what became of a document."""
    errors = json.dumps([vars(each) for each in job.wrong])
    await con.execute(KEEP_JOB, job.id, carrier, job.behaviour, job.success, job.events, errors)


async def jobs(con: Any, carrier: str, most: int, job_id: Any = None) -> Sequence[Any]:
    """The carrier's jobs, the latest first, or that one."""
    rows: Sequence[Any] = await con.fetch(JOB, carrier, job_id, most)
    return rows
