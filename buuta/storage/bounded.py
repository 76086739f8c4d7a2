"""A pool whose every wait has an end: PostgreSQL that is silent, and does not refuse, holds nobody up.

asyncpg's own time limits ask the server to cancel and wait for its word; a frozen server has none. So a connection
that has been out for too long is cut off here, by a timer that waits for nobody.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg

from buuta.errors import DatabaseAway
from buuta.storage.faults import is_away

PROBE_SECONDS: Final = 1.0
"""How long a connection and a question that asks for nothing may take until the server counts as silent."""


LOAN_SECONDS: Final = 60.0
"""The longest that work in the background holds a connection: as long as the longest statement may take."""


class Silence:
    """Whether PostgreSQL is silent: found out by asking, once somebody has waited in vain, until it answers.

    It asks by connections of its own, since a pool whose connections are all out is busy and not silent.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._asking: asyncio.Task[None] | None = None
        self.lasts = False

    def doubt(self) -> None:
        """Somebody waited in vain: ask whether anybody is there, unless that is being asked already."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while not await self._answers():
            self.lasts = True
            await asyncio.sleep(PROBE_SECONDS / 4)
        self.lasts = False

    async def _answers(self) -> bool:
        try:
            con = await asyncpg.connect(self._dsn, timeout=PROBE_SECONDS)
        except asyncpg.PostgresError:
            return True
        except Exception:
            # Whatever it is: were this to end here, PostgreSQL would be taken for silent for ever.
            return False
        con.terminate()
        return True


class BoundedPool:
    """The same pool, whose loans end after so many seconds; those of one `silence` learn from each other."""

    def __init__(self, pool: Any, seconds: float, silence: Silence) -> None:
        self._pool = pool
        self._seconds = seconds
        self._silence = silence

    def patient(self, seconds: float) -> "BoundedPool":
        """The same for work that honestly takes longer."""
        return BoundedPool(self._pool, seconds, self._silence)

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        """A connection, for no longer than this pool lends one.

        Raises:
            DatabaseAway: there was none in time, or what was asked was not answered in time. While PostgreSQL is
                known to be silent that is said at once.
        """
        if self._silence.lasts:
            raise DatabaseAway("PostgreSQL is silent")
        try:
            async with _lent(self._pool, self._seconds) as con:
                yield con
        except DatabaseAway:
            self._silence.doubt()
            raise

    async def fetch(self, query: str, *arguments: Any) -> Any:
        """As asyncpg's; raises DatabaseAway as `acquire` does."""
        async with self.acquire() as con:
            return await con.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """As asyncpg's; raises DatabaseAway as `acquire` does."""
        async with self.acquire() as con:
            return await con.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """As asyncpg's; raises DatabaseAway as `acquire` does."""
        async with self.acquire() as con:
            return await con.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> Any:
        """As asyncpg's; raises DatabaseAway as `acquire` does."""
        async with self.acquire() as con:
            return await con.execute(query, *arguments)

    async def executemany(self, query: str, arguments: Sequence[Any]) -> None:
        """As asyncpg's; raises DatabaseAway as `acquire` does."""
        async with self.acquire() as con:
            await con.executemany(query, arguments)


@contextlib.asynccontextmanager
async def _lent(pool: Any, seconds: float) -> AsyncIterator[Any]:
    """A connection of the pool that is cut off after so many seconds, whatever it is doing then."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    try:
        con = await pool.acquire(timeout=seconds)
    except TimeoutError as late:
        raise DatabaseAway(f"no connection to PostgreSQL within {seconds:g} s") from late
    cut = loop.call_at(ends, con.terminate)
    try:
        yield con
    except Exception as why:
        # Between two steps of a statement asyncpg trips over the protocol that a connection no longer has.
        if loop.time() >= ends and (is_away(why) or isinstance(why, AttributeError)):
            raise DatabaseAway(f"PostgreSQL did not answer within {seconds:g} s") from why
        raise
    finally:
        # Giving it back asks the server to forget its settings: the timer watches over that, too.
        try:
            await pool.release(con)
        finally:
            cut.cancel()
