"""Lanes in PostgreSQL: all that one recipient is told of one parcel by one channel, one message at a time.

A lane has a row while something of it waits, so a claim reads the front of one index and then the head of each
lane, whatever waits behind. Who claims a lane holds it by a lease of its own until `due_at`; a lease that has run
out is claimed by whoever comes, and what its holder does then changes nothing. `calls` tells the holder that more
was called for since it looked. Locks are taken in one order: lanes by their key, then messages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from buuta.model.statuses import RANK
from services.notifier.domain.still import Standing

CLAIM_LEASE_SECONDS: Final = 30
SUBMIT_LEASE_SECONDS: Final = 60
ADOPT_AT_ONCE: Final = 500
CLAIM: Final = """
with due as (
  select parcel_key, channel, recipient_hash, due_at from message_lanes
  where channel = $1 and due_at <= now() and (select value from switches where name = 'outgoing_messages')
  order by due_at limit $2 for update skip locked)
update message_lanes lane set lease = gen_random_uuid(), due_at = now() + $3 * interval '1 second'
from due where lane.parcel_key = due.parcel_key and lane.channel = due.channel
  and lane.recipient_hash = due.recipient_hash
returning lane.parcel_key, lane.channel, lane.recipient_hash, lane.lease, lane.calls,
  extract(epoch from now() - due.due_at)::float8
"""
HEADS: Final = """
select lane.place, head.message_id, head.parcel_key, head.kind, head.ordinal, head.channel, head.registration_id,
  head.milestone, head.attempts, head.further, head.recipient_hash, head.happened_at, head.pieces,
  greatest(extract(epoch from head.due_at - now())::float8, 0) as due_in,
  exists (select from messages other where other.parcel_key = head.parcel_key and other.channel = head.channel
    and other.recipient_hash = head.recipient_hash and other.state = 'queued'
    and other.message_id <> head.message_id) as is_followed,
  coalesce((select jsonb_object_agg(kind, last) from (
    select kind, max(coalesce(happened_at, (milestone->>'occurred_at')::bigint)) as last from messages known
    where known.parcel_key = head.parcel_key and known.channel = head.channel
      and known.recipient_hash = head.recipient_hash and known.epoch = head.epoch and known.state <> 'withdrawn'
      and known.message_id <> head.message_id group by kind) as each), '{}') as called_for,
  parcel.status, parcel.last_at as status_at, (extract(epoch from now()) * 1000)::bigint as now
from unnest($2::text[], $3::bytea[]) with ordinality as lane (parcel_key, recipient_hash, place)
cross join lateral (
  select message_id, parcel_key, epoch, kind, ordinal, channel, registration_id, milestone, attempts, further,
    recipient_hash, pieces, due_at, coalesce(happened_at, (milestone->>'occurred_at')::bigint) as happened_at
  from messages where parcel_key = lane.parcel_key and channel = $1
    and recipient_hash = lane.recipient_hash and state = 'queued'
  order by happened_at, array_position($4::text[], kind), (milestone->>'sequence')::int limit 1) as head
left join parcels parcel on parcel.parcel_key = head.parcel_key and parcel.epoch = head.epoch
"""
FREE: Final = """
with gone as (
  delete from message_lanes where parcel_key = $1 and channel = $2 and recipient_hash = $3 and lease = $4
    and calls = $5 and $6::boolean returning 1)
update message_lanes set lease = null,
  due_at = case when calls = $5 then now() + $7 * interval '1 second' else now() end
where parcel_key = $1 and channel = $2 and recipient_hash = $3 and lease = $4 and not exists (select from gone)
"""
"""A lane of which nothing waits ends, unless something was called for since its holder looked."""
HOLD: Final = """
select from message_lanes where parcel_key = any($1) order by parcel_key, channel, recipient_hash for update
"""
CALL: Final = """
insert into message_lanes as lane (parcel_key, channel, recipient_hash)
select distinct parcel_key, channel, recipient_hash from messages
where message_id = any($1) and state = 'queued' order by parcel_key, channel, recipient_hash
on conflict (parcel_key, channel, recipient_hash) do update set calls = lane.calls + 1,
  due_at = case when lane.lease is null then least(lane.due_at, now()) else lane.due_at end
"""
ADOPT: Final = """
with found as (
  select message_id from messages where happened_at is null and (state = 'queued' or state = 'claimed'
    and lease_until < now()) limit $1 for update skip locked)
update messages set state = 'queued', happened_at = (milestone->>'occurred_at')::bigint
where message_id in (select message_id from found) returning message_id
"""
BUSINESS_ORDER: Final = sorted(RANK, key=RANK.__getitem__)


class Lane(NamedTuple):
    """A claimed lane; `waited` are the seconds since it was due."""

    parcel_key: str
    channel: str
    recipient_hash: bytes
    lease: UUID
    calls: int
    waited: float


@dataclass(frozen=True)
class Message:
    """The first message of a claimed lane, and what is known of its parcel.

    `milestone` is the JSON of the record that called for it; `further` are more registrations that name the same
    recipient; `happened_at` is UTC milliseconds; `pieces` is the JSON of what an SMSC has taken of it; `due_in` are
    seconds until it may be tried; `is_followed` says that more of its lane waits.
    """

    lane: Lane
    message_id: UUID
    parcel_key: str
    kind: str
    ordinal: int
    channel: str
    registration_id: UUID
    milestone: str
    attempts: int
    further: Sequence[UUID]
    recipient_hash: bytes
    happened_at: int
    pieces: str | None
    due_in: float
    is_followed: bool
    standing: Standing

    @property
    def registrations(self) -> list[UUID]:
        """All registrations for whose recipient it is."""
        return [self.registration_id, *self.further]


async def claim(pool: Any, channel: str, most: int) -> list[Lane]:
    """Claim lanes of which something is due, who waits longest first; none while the switch is off."""
    return [Lane(*row) for row in await pool.fetch(CLAIM, channel, most, CLAIM_LEASE_SECONDS)]


async def heads(pool: Any, lanes: Sequence[Lane]) -> list[Message]:
    """The first message of each of these lanes of one channel, in business order; none of a lane that is empty."""
    if not lanes:
        return []
    keys, recipients = [each.parcel_key for each in lanes], [each.recipient_hash for each in lanes]
    rows = await pool.fetch(HEADS, lanes[0].channel, keys, recipients, BUSINESS_ORDER)
    return [_message(lanes[row["place"] - 1], dict(row)) for row in rows]


def _message(lane: Lane, row: dict[str, Any]) -> Message:
    del row["place"]
    known = {name: row.pop(name) for name in ("called_for", "status", "status_at", "now")}
    return Message(lane=lane, standing=Standing(**known | {"called_for": _kinds(known)}), **row)


def _kinds(known: Mapping[str, Any]) -> Mapping[str, int]:
    called_for: Mapping[str, int] = json.loads(known["called_for"])
    return called_for


async def free(con: Any, lane: Lane, *, is_last: bool = False, pause: float = 0) -> None:
    """Give a lane back, to be looked at in so many seconds, or at once if more was called for; or end it."""
    key = (lane.parcel_key, lane.channel, lane.recipient_hash, lane.lease, lane.calls)
    await con.execute(FREE, *key, is_last, pause)


async def hold(con: Any, parcel_keys: Sequence[str]) -> None:
    """Hold all lanes of parcels up to the end of the transaction, before any of their messages is changed."""
    await con.execute(HOLD, parcel_keys)


async def call(con: Any, ids: Sequence[UUID]) -> None:
    """Let the lanes of messages that are queued now be looked at."""
    await con.execute(CALL, ids)


async def adopt(pool: Any) -> bool:
    """Give lanes to messages that an older notifier called for; returns whether there may be more."""
    async with pool.acquire() as con, con.transaction():
        ids = [row["message_id"] for row in await con.fetch(ADOPT, ADOPT_AT_ONCE)]
        await call(con, ids)
    return len(ids) == ADOPT_AT_ONCE
