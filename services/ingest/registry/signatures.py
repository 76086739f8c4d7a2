"""Ids of signed requests: each is taken once, so that what was overheard cannot be sent again.

In this process's memory and in PostgreSQL, which all processes share. While PostgreSQL is away a request that
another process has taken could be taken here as well; reports count once by their own ids even so.
"""

import hashlib
import time
from typing import Any, Final

from buuta.storage.faults import is_away
from services.ingest.domain.signature import TOLERANCE_SECONDS

HOLDS_SECONDS: Final = 2 * TOLERANCE_SECONDS
"""A signature may be of a moment ahead of ours, and holds for as long behind it."""
MOST_REMEMBERED: Final = 200_000
TAKE: Final = """
with old as (delete from signed_requests where ctid in (
  select ctid from signed_requests where taken_at < now() - interval '11 minutes' limit 20))
insert into signed_requests (key_id, id_hash) values ($1, $2) on conflict do nothing returning true
"""
"""Each that comes takes some old ones along, so that the table stays as large as eleven minutes."""
GIVE_BACK: Final = "delete from signed_requests where key_id = $1 and id_hash = $2"
Taken = tuple[int, bytes]


class Signatures:
    """Which signed requests were taken."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._taken: dict[Taken, float] = {}

    async def take(self, key_id: int, identity: str) -> Taken | None:
        """Take a request by its id; None where it was taken before."""
        taken = key_id, hashlib.sha256(identity.encode("utf-8", "surrogateescape")).digest()
        now = time.monotonic()
        if self._taken.get(taken, now) > now:
            return None
        self._remember(taken, now)
        try:
            is_new = await self._pool.fetchval(TAKE, *taken)
        except Exception as why:
            if not is_away(why):
                raise
            return taken
        return taken if is_new else None

    async def give_back(self, taken: Taken) -> None:
        """A request that was taken and not answered for good may come again."""
        self._taken.pop(taken, None)
        try:
            await self._pool.execute(GIVE_BACK, *taken)
        except Exception as why:
            if not is_away(why):
                raise

    def _remember(self, taken: Taken, now: float) -> None:
        """Remember it until its signature no longer holds; the oldest go where there are too many."""
        self._taken[taken] = now + HOLDS_SECONDS
        while len(self._taken) > MOST_REMEMBERED or next(iter(self._taken.values())) <= now:
            del self._taken[next(iter(self._taken))]
