"""`Idempotency-Key` at the batch door: the same key hears the same answer for a day.

A convenience, not what keeps scans from counting twice: their ids do. So a batch is taken in without it
while PostgreSQL is away.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Header

from buuta.storage.faults import is_away
from buuta.web.problems import Problem
from services.ingest.intake import Intake

IdempotencyKey = Annotated[
    str | None,
    Header(max_length=200, description="Any text of yours: the same key hears the same answer for a day."),
]
KEEP: Final = """
with old as (delete from answered where ctid in (
  select ctid from answered where answered_at < now() - interval '1 day' limit 20))
insert into answered (asker, key, request_hash, answer) values ($1, $2, $3, $4) on conflict do nothing
"""
"""Each answer that comes takes some old ones along, so that the table stays as large as a day."""
FIND: Final = """
select request_hash, answer from answered
where asker = $1 and key = $2 and answered_at > now() - interval '1 day'
"""


def _digest(intake: Intake, body: bytes) -> bytes:
    """What a body is known again by. Keyed: from a plain hash what is personal in it could be found by trying."""
    return bytes.fromhex(intake.mark(hashlib.sha256(body).hexdigest(), "request"))


class Answered:
    """The answers that were given to an Idempotency-Key of an API key's."""

    def __init__(self, intake: Intake, asker: str, key: str | None, body: bytes) -> None:
        self._pool = intake.pool
        self._asker = asker
        self._key = None if key is None else intake.mark(key)
        self._digest = b"" if key is None else _digest(intake, body)

    async def or_by(self, work: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer that this key had, or that of `work`, kept for the next time.

        Raises:
            Problem: 422 where the key was used for another body.
        """
        if self._key is None:
            return await work()
        known = await self._while_there(self._pool.fetchrow(FIND, self._asker, self._key))
        if known is None:
            answer = await work()
            await self._while_there(self._pool.execute(KEEP, self._asker, self._key, self._digest, answer))
            return answer
        if known["request_hash"] != self._digest:
            raise Problem(422, "idempotency_key_reused", "this Idempotency-Key was used for another body")
        kept: bytes = known["answer"]
        return kept

    async def _while_there(self, query: Awaitable[Any]) -> Any:
        try:
            return await query
        except Exception as why:
            if not is_away(why):
                raise
            return None
