"""EPCIS events, packings, what was told of them, and capture jobs in PostgreSQL."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.ingest.domain.effects import Change, Happened, Told
from services.ingest.domain.following import MOST_SCANS, Plan, Stored
from services.ingest.domain.packing import Packing, too_deep
from services.ingest.domain.single import Whole

MOST_EVENTS: Final = 20_000
MOST_ROWS: Final = MOST_SCANS
EVENTS_AROUND: Final = f"{MOST_EVENTS:,} events and bags around them"
ALWAYS: Final = -(2**63)
AT_ONCE: Final = 10_000
"""So many packings are written by one statement."""
LOCK_VERSION: Final = "select version from epcis_versions where carrier = $1 for update"
NEW_VERSION: Final = "update epcis_versions set version = version + 1 where carrier = $1"
FIRST_VERSION: Final = "insert into epcis_versions (carrier) values ($1) on conflict do nothing"
KEEP_EVENT: Final = """
insert into epcis_events (carrier, event_id, things, occurred_at, payload, retracted)
values ($1, $2, $3, $4, $5, $6) on conflict (carrier, event_id) do nothing
"""
RETRACT: Final = "update epcis_events set retracted = true where carrier = $1 and event_id = any($2)"
KEEP_PACKINGS: Final = """
insert into epcis_packings
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[]) on conflict do nothing
"""
HOLDING: Final = """
select distinct parent from epcis_packings join epcis_events using (carrier, event_id)
where carrier = $1 and parent = any($2) and is_in and not retracted
"""
"""Which of these hold something by what is known already."""
AROUND: Final = """
with recursive around (name) as (
  select unnest($2::text[]) union
  select parent from epcis_packings join around on child = name where carrier = $1
) select name from around limit $3
"""
"""What holds these things, or ever held them, and what held that."""
EVENTS: Final = """
select event_id, things, occurred_at, payload, retracted from epcis_events
where carrier = $1 and (event_id = any($2) or things && $3::text[] or (things && $4::text[] and occurred_at >= $5))
limit $6
"""
PACKINGS: Final = """
with recursive inside (name) as (
  select unnest($2::text[]) union
  select child from epcis_packings join inside on parent = name where carrier = $1 and child <> ''
) select event_id, parent, child, at, is_in from epcis_packings join inside on parent = name
  join epcis_events using (carrier, event_id) where carrier = $1 and not retracted limit $3
"""
TOLD: Final = """
select event_id, thing, turn, live from epcis_effects where carrier = $1 and event_id = any($2) limit $3
"""
KEEP_CHANGES: Final = """
insert into epcis_effects
select $1, * from unnest($2::text[], $3::text[], $4::int[], $5::boolean[]) on conflict (carrier, event_id, thing)
do update set turn = excluded.turn, live = excluded.live
"""
FORGET: Final = """
delete from epcis_events where ctid in (
  select ctid from epcis_events where received_at < now() - interval '400 days' limit 100)
"""
"""An event older than a year steers nothing; each capture takes some old ones along."""
SAID: Final = "select event_mark, fields from epcis_said where carrier = $1 and event_mark = any($2)"
KEEP_SAID: Final = """
insert into epcis_said (carrier, event_mark, fields)
select $1, mark, string_to_array(said, E'\\n') from unnest($2::bytea[], $3::text[]) as new (mark, said)
on conflict do nothing
"""
FORGET_SAID: Final = """
delete from epcis_said where ctid in (
  select ctid from epcis_said where received_at < now() - interval '400 days' limit 100)
"""
KEEP_JOB: Final = """
insert into epcis_captures (id, carrier, sandbox, behaviour, success, events, errors, warnings, outcome, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10 / 1000.0))
"""
JOB: Final = """
select id, created_at, finished_at, behaviour, success, events, errors, warnings, outcome from epcis_captures
where carrier = $1 and sandbox = $2 and ($3::uuid is null or id = $3) order by created_at desc limit $4
"""
Whose = tuple[str, bool]
"""A carrier, and whether it is its sandbox."""


class Stale(Exception):
    """What was worked out rests on what is known no longer: somebody else has written in between."""


async def stored(pool: Any, carrier: str, holding: Sequence[Whole]) -> Stored:
    """All from which follows what is to be told of these events, as it is at one moment.

    Raises:
        TooMuch: it is more than can be looked at.
    """
    await pool.execute(FIRST_VERSION, carrier)
    async with pool.acquire() as con, con.transaction(isolation="repeatable_read", readonly=True):
        version = await con.fetchval("select version from epcis_versions where carrier = $1", carrier)
        events = await _events(con, carrier, holding)
        things = {thing for row in events for thing in row["things"]}
        things |= {name for each in holding for name in each.names}
        things |= {packing.child for each in holding for packing in each.packings}
        packings = await con.fetch(PACKINGS, carrier, sorted(things - {""}), MOST_ROWS + 1)
        told = await con.fetch(TOLD, carrier, [row["event_id"] for row in events], MOST_ROWS + 1)
    if len(events) > MOST_EVENTS:
        raise too_deep(EVENTS_AROUND)
    if max(len(packings), len(told)) > MOST_ROWS:
        raise too_deep(f"{MOST_ROWS:,} packings around them")
    return await asyncio.to_thread(_stored, version, events, packings, told)


def _stored(version: int, events: Any, packings: Any, told: Any) -> Stored:
    known: dict[str, dict[str, Told]] = defaultdict(dict)
    for event_id, thing, turn, live in told:
        known[event_id][thing] = Told(turn, live)
    happened = {
        row["event_id"]: Happened(row["event_id"], row["things"], row["occurred_at"], row["retracted"])
        for row in events
    }
    payloads = {row["event_id"]: json.loads(row["payload"]) for row in events}
    return Stored(
        version, happened, payloads, [(row[0], Packing(*list(row)[1:])) for row in packings], known
    )


async def _events(con: Any, carrier: str, holding: Sequence[Whole]) -> Sequence[Any]:
    """The same events where they are known, and those of what holds the things that are packed or unpacked.

    A packing changes what follows from later events alone; that something is put into a thing for the first time,
    or never was, makes it another thing at all times.
    """
    by_parent: dict[str, int] = {}
    wrong: set[str] = set()
    for whole in holding:
        for packing in whole.packings:
            by_parent[packing.parent] = min(packing.at, by_parent.get(packing.parent, packing.at))
            wrong |= {packing.parent} if whole.event.error is not None else set()
    holds = {name for [name] in await con.fetch(HOLDING, carrier, list(by_parent))}
    others = [name for name in by_parent if name not in holds or name in wrong]
    later = [name for name in by_parent if name in holds and name not in wrong]
    always, since = [await _around(con, carrier, names) for names in (others, later)]
    ids, first = [whole.id for whole in holding], min(map(by_parent.__getitem__, later), default=ALWAYS)
    rows: Sequence[Any] = await con.fetch(EVENTS, carrier, ids, always, since, first, MOST_EVENTS + 1)
    return rows


async def _around(con: Any, carrier: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    found = [name for [name] in await con.fetch(AROUND, carrier, names, MOST_EVENTS + 1)]
    if len(found) > MOST_EVENTS:
        raise too_deep(EVENTS_AROUND)
    return found


async def hold_version(con: Any, carrier: str, version: int) -> None:
    """Make sure that nobody has written since this version; from here on nobody does until the transaction ends.

    Raises:
        Stale: somebody has.
    """
    if await con.fetchval(LOCK_VERSION, carrier) != version:
        raise Stale
    await con.execute(NEW_VERSION, carrier)


@dataclass(frozen=True)
class Rows:
    """The events of a plan as they are written: made beside the event loop, since a bag may hold thousands."""

    events: Sequence[tuple[Any, ...]]
    packings: Sequence[Sequence[list[Any]]]
    retracted: Sequence[str]


def rows_of(carrier: str, plan: Plan) -> Rows:
    """The rows of a plan's new events, and their packings in columns, so many at once."""
    new = plan.new.values()
    packings = [(each.id, *packing) for each in new for packing in each.packings]
    columns = [
        [list(column) for column in zip(*packings[first : first + AT_ONCE], strict=True)]
        for first in range(0, len(packings), AT_ONCE)
    ]
    return Rows([_row(carrier, each) for each in new], columns, plan.retracted)


def _row(carrier: str, each: Whole) -> tuple[Any, ...]:
    payload = json.dumps(each.payload)
    return carrier, each.id, list(each.names), each.at, payload, each.event.error is not None


async def keep_events(con: Any, carrier: str, rows: Rows) -> None:
    """Keep events that are new, each once, and note those that are known to be wrong now."""
    await con.execute(FORGET)
    await con.executemany(KEEP_EVENT, rows.events)
    for columns in rows.packings:
        await con.execute(KEEP_PACKINGS, carrier, *columns)
    if rows.retracted:
        await con.execute(RETRACT, carrier, rows.retracted)


async def keep_changes(con: Any, carrier: str, told: Iterable[Change]) -> None:
    """Note what is told now."""
    rows = [(each.event_id, each.thing, each.turn, not each.takes_back) for each in told]
    if rows:
        await con.execute(KEEP_CHANGES, carrier, *map(list, zip(*rows, strict=True)))


async def said(con: Any, carrier: str, marks: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """What was said before under ids of events, by their marks; both in hex digits."""
    rows = await con.fetch(SAID, carrier, [bytes.fromhex(mark) for mark in marks])
    return {row["event_mark"].hex(): row["fields"] for row in rows}


async def keep_said(con: Any, carrier: str, new: Mapping[str, Sequence[str]]) -> None:
    """Keep what is said for the first time under ids of events, and forget what is too old to steer."""
    if new:
        await con.execute(FORGET_SAID)
        marks = [bytes.fromhex(mark) for mark in new]
        await con.execute(KEEP_SAID, carrier, marks, ["\n".join(fields) for fields in new.values()])


async def keep_job(con: Any, whose: Whose, job: Any, tally: Any) -> None:
    """Note what became of a document; `tally` is what became of all of its scans."""
    errors, warnings = (json.dumps([vars(each) for each in found]) for found in (job.errors, job.warnings))
    values = (job.id, *whose, job.behaviour, job.success, job.events, errors, warnings)
    await con.execute(KEEP_JOB, *values, json.dumps(job.outcome(tally)), job.begun_at)


async def jobs(con: Any, whose: Whose, most: int, job_id: Any = None) -> Sequence[Any]:
    """Their jobs, the latest first, or that one."""
    rows: Sequence[Any] = await con.fetch(JOB, *whose, job_id, most)
    return rows
