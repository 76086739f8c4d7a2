"""Messages in PostgreSQL: what is called for, joined, amended, taken back, held back and let go."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, Final, NamedTuple
from uuid import UUID

from buuta.model.identifiers import SHARED
from services.notifier import lanes
from services.notifier.domain.plan import Meaning
from services.notifier.domain.states import State

QUEUE: Final = """
insert into messages (message_id, parcel_key, epoch, kind, ordinal, channel, recipient_hash,
  registration_id, further, milestone, happened_at, state)
select $1, $2, $3, $4, $5, $6, $7, ($8::uuid[])[1], ($8::uuid[])[2:], $9, $11, 'queued'
where not $10 or not exists (
  select from messages where parcel_key = $2 and kind = $4 and channel = $6 and recipient_hash = $7
    and milestone->>'event_id' = $9::jsonb->>'event_id' and state <> 'withdrawn')
on conflict (parcel_key, epoch, kind, ordinal, channel, recipient_hash) do update
set state = case messages.state when 'withdrawn' then 'queued' else messages.state end, taken_back = false,
  milestone = excluded.milestone, registration_id = excluded.registration_id, further = excluded.further,
  happened_at = excluded.happened_at, due_at = now(), decided_at = null, provider_code = null
where (messages.state = 'withdrawn' or messages.state = 'submitting' and messages.taken_back)
  and (excluded.milestone->>'sequence')::int > (messages.milestone->>'sequence')::int
returning message_id, parcel_key, recipient_hash,
  array(select distinct shipper from registrations r
    where r.registration_id = any (messages.registration_id || messages.further)) as shippers
"""
"""A message that was withdrawn before it left can be called for again, but not by an older record."""
JOIN_IN: Final = """
update messages set further = further || $7::uuid
where parcel_key = $1 and epoch = $2 and kind = $3 and ordinal = $4 and channel = $5 and recipient_hash = $6
  and state in ('queued', 'held') and $7::uuid <> all (registration_id || further)
returning message_id, parcel_key, recipient_hash,
  array(select shipper from registrations r where r.registration_id = $7::uuid) as shippers, state
"""
"""Who registers the same recipient later: the message that waits is for their registration, too."""
AMEND: Final = """
update messages set milestone = $6, happened_at = $7
where parcel_key = $1 and epoch = $2 and kind = $3 and ordinal = $4 and state in ('queued', 'submitting', 'held')
  and (milestone->>'sequence')::int < $5
"""
"""What has not left tells what is known now. A message's registrations stay: who is told was not amended."""
WITHDRAW: Final = """
update messages set taken_back = state = 'submitting',
  state = case state when 'submitting' then state else 'withdrawn' end,
  decided_at = case state when 'submitting' then null else now() end
where parcel_key = $1 and epoch = $2 and kind = $3 and ordinal = $4 and state in ('queued', 'submitting', 'held')
  and (milestone->>'sequence')::int < $5
returning channel, state
"""
"""What a provider has just now may be told; should it come back, it is not tried again."""
HOLD: Final = """
update messages set state = 'held', provider_code = $2 where message_id = any($1) and state = 'queued'
"""
HELD: Final = """
select message_id, parcel_key, kind, ordinal, channel, provider_code, created_at from messages
where state = 'held' order by created_at limit $1
"""
UNSENT: Final = """
select decided_at::date as day, channel, kind, state, count(*) as messages from messages
where state in ('overtaken', 'expired', 'withdrawn') and decided_at >= now() - $1 * interval '1 day'
  and created_at >= now() - ($1 + 4) * interval '1 day'
group by 1, 2, 3, 4 order by 1 desc, 2, 3, 4
"""
"""By when they were made, too, which an index of ranges knows: a message waits for three days at most."""
HELD_PARCELS: Final = """
select distinct parcel_key from messages where state = 'held' and ($1::uuid[] is null or message_id = any($1))
"""
RELEASE: Final = """
update messages set state = 'queued', provider_code = null, due_at = now()
where state = 'held' and ($1::uuid[] is null or message_id = any($1))
returning message_id
"""
TELLS_FROM: Final = f"""
select code, (extract(epoch from tells_from) * 1000)::bigint as since from carriers where tells_from is not null
union all
select '{SHARED}', max((extract(epoch from tells_from) * 1000)::bigint) from carriers
where is_post and tells_from is not null having count(*) > 0
"""  # noqa: S608 - a name of our own
"""Of parcels that posts share, what happened before the last of them began."""


class Queued(NamedTuple):
    """A message that was just called for, as caps look at it; the shippers who do, but for erased ones."""

    message_id: UUID
    parcel_key: str
    recipient_hash: bytes
    shippers: Sequence[str]
    state: str = State.QUEUED


async def tells_from(con: Any) -> dict[str, int]:
    """Of carriers that began to report in the midst of parcels: from when on (UTC milliseconds) people are told."""
    return {row["code"]: row["since"] for row in await con.fetch(TELLS_FROM)}


async def queue(con: Any, rows: Sequence[tuple[Any, ...]]) -> list[Queued]:
    """Queue messages; one that was queued before stays as it is, unless it was withdrawn since.

    Returns those that wait now and did not before.
    """
    return [Queued(*row) for row in await con.fetchmany(QUEUE, rows)] if rows else []


async def hold(con: Any, ids: Sequence[UUID], reason: str) -> int:
    """Hold messages back until an operator lets them go; returns how many were not held before."""
    return int((await con.execute(HOLD, ids, reason)).split()[-1])


async def held(con: Any, most: int) -> Sequence[Any]:
    """Messages that are held back, and why, the oldest first."""
    rows: Sequence[Any] = await con.fetch(HELD, most)
    return rows


async def unsent(con: Any, days: int) -> Sequence[Any]:
    """How many messages were of no use any more, by day, channel, kind and reason, the newest first."""
    rows: Sequence[Any] = await con.fetch(UNSENT, days)
    return rows


async def release(con: Any, ids: Sequence[UUID] | None) -> int:
    """Let held messages go, these or all, in a transaction; returns how many."""
    await lanes.hold(con, [row["parcel_key"] for row in await con.fetch(HELD_PARCELS, ids)])
    released = [row["message_id"] for row in await con.fetch(RELEASE, ids)]
    await lanes.call(con, released)
    return len(released)


async def join_in(con: Any, rows: Sequence[tuple[Any, ...]]) -> list[Queued]:
    """Note the registrations of these messages at what waits for the same recipient.

    Returns that, with the shippers who joined.
    """
    joining = [(*row[1:7], each) for row in rows for each in row[7]]
    return [Queued(*row) for row in await con.fetchmany(JOIN_IN, joining)] if joining else []


async def amend(con: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Let what has not left tell what is known now.

    A row is the meaning, the number of the record and its JSON, and when it happened.
    """
    await con.executemany(AMEND, rows)


async def withdraw(con: Any, meanings: Sequence[tuple[Meaning, int]]) -> Counter[str]:
    """Take back what has not left yet, by meaning and the number of the record that takes it back.

    Returns how many messages that were, by channel.
    """
    rows = [(*astuple(meaning), sequence) for meaning, sequence in meanings]
    changed = await con.fetchmany(WITHDRAW, rows) if rows else []
    return Counter(row["channel"] for row in changed if row["state"] == State.WITHDRAWN)
