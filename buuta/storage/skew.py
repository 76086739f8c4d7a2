"""How far this machine's clock is from PostgreSQL's, which all services share.

A clock that is wrong does harm without a word: deadlines that have not passed, scans that lie in the future. So it
is compared at the start and every half a minute, shown (`buuta_clock_skew_seconds`), and beyond the limit the
service is not ready until somebody has set it. While PostgreSQL does not answer, what was found last stands.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from buuta.storage.background import run_forever
from buuta.telemetry import metrics
from buuta.telemetry.health import Readiness

log = structlog.get_logger()
PART: Final = "clock"
EVERY_SECONDS: Final = 30.0
TIME: Final = "select extract(epoch from clock_timestamp())::float8"


class ClockWatch:
    """Compares this machine's clock with PostgreSQL's for as long as it runs; `limit` in seconds."""

    def __init__(self, pool: Any, readiness: Readiness, limit: float) -> None:
        self._pool = pool
        self._readiness = readiness
        self._limit = limit
        self._said: bool | None = None

    async def run(self) -> None:
        """Compare for ever."""
        await run_forever("clock", self.compare, EVERY_SECONDS)

    async def compare(self) -> None:
        """Ask once, show what was found, and say so where it goes beyond the limit or comes back."""
        async with self._pool.acquire() as con:
            found = await skew(con)
        metrics.CLOCK_SKEW.set(found)
        beyond = abs(found) > self._limit
        if beyond:
            self._readiness.waits(PART, self._sentence(found))
        else:
            self._readiness.reached(PART)
        if beyond != self._said:
            say = log.warning if beyond else log.info
            say("clock_compared", ahead_seconds=round(found, 3), limit_seconds=self._limit)
        self._said = beyond

    def _sentence(self, found: float) -> str:
        way = "ahead of" if found > 0 else "behind"
        return (
            f"this machine's clock is {abs(found):.0f} s {way} PostgreSQL's (limit {self._limit:.0f} s): "
            "let NTP set the one that is wrong"
        )


Clock = Callable[[Any], Awaitable[int]]
"""Tells the time (UTC milliseconds), given a connection or a pool."""


async def database_time(con: Any) -> int:
    """PostgreSQL's time, UTC milliseconds: of all clocks the one that all services share."""
    return round(1000 * float(await con.fetchval(TIME)))


async def skew(con: Any) -> float:
    """Seconds by which our clock is ahead of PostgreSQL's; half the way there and back is allowed for."""
    before = time.time()
    theirs: float = await con.fetchval(TIME)
    after = time.time()
    middle = (before + after) / 2
    # Nearer than the way took nobody can tell; on a busy machine that must not look like a wrong clock.
    return 0.0 if before <= theirs <= after else middle - theirs
