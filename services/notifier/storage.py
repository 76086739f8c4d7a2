"""Messages in PostgreSQL: queueing, claiming with a lease, and what became of them."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from buuta.model.identifiers import SHARED
from buuta.storage import set_aside
from services.notifier.domain.plan import Meaning
from services.notifier.domain.states import State

DOUBTFUL: Final = "doubtful"
CLAIM_LEASE_SECONDS: Final = 30
SUBMIT_LEASE_SECONDS: Final = 60

QUEUE: Final = """
insert into messages (message_id, parcel_key, epoch, kind, ordinal, channel, recipient_hash,
  registration_id, further, milestone, state)
select $1, $2, $3, $4, $5, $6, $7, ($8::uuid[])[1], ($8::uuid[])[2:], $9, 'queued'
where not $10 or not exists (
  select from messages where parcel_key = $2 and kind = $4 and channel = $6 and recipient_hash = $7
    and milestone->>'event_id' = $9::jsonb->>'event_id' and state <> 'withdrawn')
on conflict (parcel_key, epoch, kind, ordinal, channel, recipient_hash) do update
set state = 'queued', milestone = excluded.milestone, registration_id = excluded.registration_id,
  further = excluded.further, due_at = now(), decided_at = null, lease_owner = null, provider_code = null
where messages.state = 'withdrawn'
  and (excluded.milestone->>'sequence')::int > (messages.milestone->>'sequence')::int
returning message_id, parcel_key, recipient_hash,
  array(select distinct shipper from registrations r
    where r.registration_id = any (messages.registration_id || messages.further)) as shippers
"""
"""A message that was withdrawn before it left can be called for again, but not by an older record."""
JOIN_IN: Final = """
update messages set further = further || $7::uuid
where parcel_key = $1 and epoch = $2 and kind = $3 and ordinal = $4 and channel = $5 and recipient_hash = $6
  and state in ('queued', 'claimed', 'held') and $7::uuid <> all (registration_id || further)
returning message_id, parcel_key, recipient_hash,
  array(select shipper from registrations r where r.registration_id = $7::uuid) as shippers, state
"""
"""Who registers the same recipient later: the message that waits is for their registration, too."""
WITHDRAW: Final = """
update messages set state = 'withdrawn', decided_at = now()
where parcel_key = $1 and epoch = $2 and kind = $3 and ordinal = $4
  and state in ('queued', 'claimed', 'held')
  and (milestone->>'sequence')::int < $5
"""
HOLD: Final = """
update messages set state = 'held', provider_code = $2 where message_id = any($1) and state = 'queued'
"""
HELD: Final = """
select message_id, parcel_key, kind, ordinal, channel, provider_code, created_at from messages
where state = 'held' order by created_at limit $1
"""
RELEASE: Final = """
update messages set state = 'queued', provider_code = null, due_at = now()
where state = 'held' and ($1::uuid[] is null or message_id = any($1))
"""
TELLS_FROM: Final = f"""
select code, (extract(epoch from tells_from) * 1000)::bigint as since from carriers where tells_from is not null
union all
select '{SHARED}', max((extract(epoch from tells_from) * 1000)::bigint) from carriers
where is_post and tells_from is not null having count(*) > 0
"""  # noqa: S608 - a name of our own
"""Of parcels that posts share, what happened before the last of them began."""
CLAIM: Final = """
with due as (
  select message_id, due_at from messages as waits where channel = $2 and state = 'queued' and due_at <= now()
    and (select value from switches where name = 'outgoing_messages') and not exists (
      select from messages as before where before.parcel_key = waits.parcel_key
        and before.channel = waits.channel and before.recipient_hash = waits.recipient_hash
        and (before.state = 'claimed' or before.state = 'submitting' and before.lease_until > now()
          or before.state = 'queued' and before.due_at <= now())
        and (before.milestone->>'sequence')::int < (waits.milestone->>'sequence')::int)
  order by due_at limit $4 for update skip locked
), lapsed as (
  select message_id, due_at from messages where channel = $2 and state = 'claimed' and lease_until < now()
    and (select value from switches where name = 'outgoing_messages')
  order by lease_until limit $4 for update skip locked
)
update messages set state = 'claimed', lease_owner = $1, lease_until = now() + $3 * interval '1 second'
where message_id = any(array(
  select message_id from (select * from due union all select * from lapsed) as first order by due_at limit $4))
returning message_id, parcel_key, kind, ordinal, channel, registration_id, milestone, attempts,
  further, recipient_hash, extract(epoch from now() - due_at)::float8 as waited
"""
"""Each half reads the front of an index of its own; of a condition with `or` all that waits would be sorted.

What somebody is told of a parcel leaves in the order of its milestones: what comes behind one that is leaving, or
may leave now, waits for it; for one that is tried again later, in doubt or held back nothing waits.
"""
SUBMITTING: Final = """
update messages set state = 'submitting', attempts = attempts + 1,
  lease_until = now() + $3 * interval '1 second'
where message_id = $1 and state = 'claimed' and lease_owner = $2 returning attempts
"""
DECIDE: Final = """
update messages set state = $3, provider_code = $4, decided_at = now()
where message_id = $1 and lease_owner = $2 and state in ('claimed', 'submitting', 'in_doubt')
returning decided_at
"""
AGAIN: Final = """
update messages set state = 'queued', provider_code = $3, due_at = now() + $4 * interval '1 second',
  lease_owner = null
where message_id = $1 and lease_owner = $2 and state = 'submitting'
"""
PUT_OFF: Final = """
update messages set state = 'queued', attempts = attempts + 1, provider_code = $3,
  due_at = now() + $4 * interval '1 second', lease_owner = null
where message_id = $1 and lease_owner = $2 and state = 'claimed'
"""
DOUBT: Final = """
update messages set state = 'in_doubt', decided_at = now()
where state = 'submitting' and lease_until < now() and message_id = any($1)
returning message_id, parcel_key, kind, ordinal, channel, provider_code, attempts, decided_at
"""


LEFT: Final = f"""
select message_id from messages
where state = 'submitting' and lease_until < now() and {set_aside.not_resting(DOUBTFUL, "message_id::text")}
order by lease_until, message_id limit $1
"""  # noqa: S608 - a name of our own
LEFT_AT_ONCE: Final = 500


class Queued(NamedTuple):
    """A message that was just called for, as caps look at it; the shippers who do, but for erased ones."""

    message_id: UUID
    parcel_key: str
    recipient_hash: bytes
    shippers: Sequence[str]
    state: str = State.QUEUED


@dataclass(frozen=True)
class Message:
    """A claimed message.

    `milestone` is the JSON of the record that called for it; `further` are more registrations that name the
    same recipient; `waited` are seconds since it was due.
    """

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
    waited: float

    @property
    def registrations(self) -> list[UUID]:
        """All registrations for whose recipient it is."""
        return [self.registration_id, *self.further]


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


async def release(con: Any, ids: Sequence[UUID] | None) -> int:
    """Let held messages go, these or all; returns how many."""
    return int((await con.execute(RELEASE, ids)).split()[-1])


async def join_in(con: Any, rows: Sequence[tuple[Any, ...]]) -> list[Queued]:
    """Note the registrations of these messages at what waits for the same recipient.

    Returns that, with the shippers who joined.
    """
    joining = [(*row[1:7], each) for row in rows for each in row[7]]
    return [Queued(*row) for row in await con.fetchmany(JOIN_IN, joining)] if joining else []


async def withdraw(con: Any, meanings: Sequence[tuple[Meaning, int]]) -> None:
    """Take back what has not left yet, by meaning and the number of the record that takes it back."""
    await con.executemany(WITHDRAW, [(*astuple(meaning), sequence) for meaning, sequence in meanings])


async def claim(pool: Any, owner: str, channel: str, most: int) -> list[Message]:
    """Claim messages that are due; nothing while the switch is off."""
    rows = await pool.fetch(CLAIM, owner, channel, CLAIM_LEASE_SECONDS, most)
    return [Message(*row) for row in rows]


async def submitting(pool: Any, owner: str, message: Message) -> int | None:
    """Commit that bytes are about to leave; None where the lease has gone to another."""
    attempts: int | None = await pool.fetchval(SUBMITTING, message.message_id, owner, SUBMIT_LEASE_SECONDS)
    return attempts


async def decide(con: Any, owner: str, message: Message, state: str, code: str | None) -> Any:
    """Write how it ended; returns when, or None where it is not ours any more."""
    return await con.fetchval(DECIDE, message.message_id, owner, state, code)


async def again(pool: Any, owner: str, message: Message, code: str | None, pause: int) -> None:
    """Back to the queue after a temporary error."""
    await pool.execute(AGAIN, message.message_id, owner, code, pause)


async def put_off(pool: Any, owner: str, message: Message, why: str, pause: int) -> None:
    """Back to the queue after a fault of ours, before anything has left; it counts as an attempt."""
    await pool.execute(PUT_OFF, message.message_id, owner, why, pause)


async def left(con: Any) -> list[UUID]:
    """What was submitting when its worker died, and is to be tried now: the oldest."""
    return [row["message_id"] for row in await con.fetch(LEFT, LEFT_AT_ONCE)]


async def doubtful(con: Any, ids: Sequence[UUID]) -> list[Any]:
    """Mark these as in doubt, if they still are what was left; returns them."""
    rows: list[Any] = await con.fetch(DOUBT, list(ids))
    return rows
