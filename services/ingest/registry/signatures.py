"""Ids of signed requests: each is taken once, so that what was overheard cannot be sent again.

In this process's memory and in PostgreSQL, which all processes share. While PostgreSQL is away a request that
another process has taken could be taken here as well; reports count once by their own ids even so.
"""

import asyncio
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
GIVE_BACK: Final = """
delete from signed_requests where (key_id, id_hash) in (select * from unnest($1::bigint[], $2::bytea[]))
"""
Taken = tuple[int, bytes]


class Signatures:
    """Which signed requests were taken."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._taken: dict[Taken, float] = {}
        self._given_back: set[Taken] = set()
        self._erasing = asyncio.Lock()

    async def take(self, key_id: int, identity: str) -> Taken | None:
        """Take a request by its id; None where it was taken before."""
        taken = key_id, hashlib.sha256(identity.encode("utf-8", "surrogateescape")).digest()
        now = time.monotonic()
        if self._taken.get(taken, now) > now:
            return None
        # In memory first: the same may come twice at once.
        self._remember(taken, now)
        try:
            is_new = await self._written(taken)
        except BaseException:
            self._taken.pop(taken, None)
            raise
        if is_new:
            return taken
        # Another process has it, and may give it back.
        self._taken.pop(taken, None)
        return None

    async def _written(self, taken: Taken) -> bool:
        """Whether PostgreSQL, as far as it can be reached, did not know of it."""
        try:
            await self._erase()
            return bool(await self._pool.fetchval(TAKE, *taken))
        except Exception as why:
            if not is_away(why):
                raise
            return True

    async def give_back(self, taken: Taken) -> None:
        """A request that was taken and not let in may come again; with PostgreSQL away it may once that is back."""
        self._taken.pop(taken, None)
        if len(self._given_back) < MOST_REMEMBERED:
            self._given_back.add(taken)
        try:
            await self._erase()
        except Exception as why:
            if not is_away(why):
                raise

    async def _erase(self) -> None:
        """Take out of PostgreSQL what was given back."""
        if not self._given_back:
            return
        # One after the other: what is erased late would be one that was taken again since.
        async with self._erasing:
            given = list(self._given_back)
            if given:
                await self._pool.execute(GIVE_BACK, *map(list, zip(*given, strict=True)))
                self._given_back.difference_update(given)

    def _remember(self, taken: Taken, now: float) -> None:
        """Remember it until its signature no longer holds; the oldest go where there are too many."""
        self._taken[taken] = now + HOLDS_SECONDS
        while len(self._taken) > MOST_REMEMBERED or next(iter(self._taken.values())) <= now:
            del self._taken[next(iter(self._taken))]
