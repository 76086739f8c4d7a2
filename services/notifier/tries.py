"""Tries of messages in PostgreSQL: that bytes are about to leave, and what became of it.

Each of these is written only by who holds the lane, or was the last to try; see `lanes.py`.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from buuta.storage import set_aside
from services.notifier import lanes
from services.notifier.channels.channel import Submission
from services.notifier.domain.states import Fate, State
from services.notifier.lanes import SUBMIT_LEASE_SECONDS, Message

DOUBTFUL: Final = "doubtful"
LEFT_AT_ONCE: Final = 500
SUBMITTING: Final = """
with lane as (
  update message_lanes set due_at = now() + $7 * interval '1 second'
  where parcel_key = $1 and channel = $2 and recipient_hash = $3 and lease = $4 and calls = $5 and due_at > now()
  returning 1)
update messages set state = 'submitting', attempts = attempts + 1, lease_owner = $4::uuid::text,
  lease_until = now() + $7 * interval '1 second'
where message_id = $6 and state = 'queued' and (milestone->>'sequence')::int = $8
  and exists (select from lane)
returning attempts
"""
"""Only as it was read: neither taken back nor amended since, and nothing more called for of its lane."""
UNTRIED: Final = """
with lane as (
  select from message_lanes where parcel_key = $1 and channel = $2 and recipient_hash = $3 and lease = $4
    and due_at > now() for update)
update messages set state = $6, provider_code = $7, attempts = $8, decided_at = now()
where message_id = $5 and state = 'queued' and exists (select from lane)
returning decided_at
"""
PUT_OFF: Final = """
update messages set attempts = attempts + 1, provider_code = $2, due_at = now() + $3 * interval '1 second'
where message_id = $1 and state = 'queued'
"""
DECIDE: Final = """
update messages set state = $3, provider_code = $4, decided_at = now()
where message_id = $1 and lease_owner = $2 and state in ('submitting', 'in_doubt')
returning decided_at
"""
AGAIN: Final = """
update messages set state = case when taken_back then 'withdrawn' else 'queued' end,
  decided_at = case when taken_back then now() end, provider_code = $3,
  due_at = now() + $4 * interval '1 second', attempts = attempts - $5, pieces = $6::jsonb, lease_owner = null
where message_id = $1 and lease_owner = $2 and state = 'submitting'
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


class Ending(NamedTuple):
    """How a message ends: its state, the provider's code or why, and how many attempts it had."""

    state: State
    code: str | None
    attempts: int


async def submitting(pool: Any, message: Message, sequence: int) -> int | None:
    """Commit that bytes are about to leave; None where the lane is another's, or the message not as it was read."""
    lane = message.lane
    attempts: int | None = await pool.fetchval(
        SUBMITTING, lane.parcel_key, lane.channel, lane.recipient_hash, lane.lease, lane.calls,
        message.message_id, SUBMIT_LEASE_SECONDS, sequence,
    )  # fmt: skip
    return attempts


async def end_untried(con: Any, message: Message, ending: Ending) -> Any:
    """Write that a message ended without a try, in a transaction; returns when, or None where it is not ours."""
    lane = message.lane
    ended_at = await con.fetchval(
        UNTRIED, lane.parcel_key, lane.channel, lane.recipient_hash, lane.lease,
        message.message_id, ending.state.value, ending.code, ending.attempts,
    )  # fmt: skip
    await lanes.free(con, lane, is_last=not message.is_followed)
    return ended_at


async def decide(con: Any, message: Message, ending: Ending) -> Any:
    """Write how a try ended, in a transaction; returns when, or None where it is not ours any more."""
    await lanes.free(con, message.lane, is_last=not message.is_followed)
    return await con.fetchval(
        DECIDE, message.message_id, str(message.lane.lease), ending.state.value, ending.code
    )


async def again(con: Any, message: Message, submission: Submission, pause: float) -> None:
    """Back to the queue, in a transaction, for so many seconds.

    That a provider did not answer for it was no attempt.
    """
    await lanes.free(con, message.lane, pause=pause)
    uncounted = 1 if submission.fate is Fate.AWAY else 0
    owner = str(message.lane.lease)
    await con.execute(
        AGAIN, message.message_id, owner, submission.code, pause, uncounted, submission.pieces
    )


async def put_off(con: Any, message: Message, why: str, pause: float) -> None:
    """Later, in a transaction, after a fault of ours before anything has left; it counts as an attempt."""
    await lanes.free(con, message.lane, pause=pause)
    await con.execute(PUT_OFF, message.message_id, why, pause)


async def left(con: Any) -> list[UUID]:
    """What was submitting when its worker died, and is to be tried now: the oldest."""
    return [row["message_id"] for row in await con.fetch(LEFT, LEFT_AT_ONCE)]


async def doubtful(con: Any, ids: Sequence[UUID]) -> list[Any]:
    """Mark these as in doubt, if they still are what was left; returns them."""
    rows: list[Any] = await con.fetch(DOUBT, list(ids))
    return rows
