"""Live pages: one query a second for all open pages, however many there are."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from buuta.model.networks import senders_of
from buuta.storage.background import each_alone, run_forever
from buuta.telemetry import metrics
from buuta.web.guessing import SITE
from buuta.web.problems import Problem
from services.portal import storage

EVERY_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0
MOST_LIVE: Final = 1_000
"""Live pages of a process: half of its requests at once, so that whoever asks is answered however many look on."""
MOST_OF_ONE: Final = 100
"""Of one sender; a site has as many as `SITE` senders."""


class Seats:
    """Live pages at once: each holds a request for as long as somebody looks at it, so there are only so many."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Hold a seat.

        Raises:
            Problem: 429, none is left for this sender or site, or for anybody; the page stands as it is.
        """
        sender, site = senders_of(address)
        shares = {"": MOST_LIVE, f"sender {sender}": MOST_OF_ONE, f"site {site}": SITE * MOST_OF_ONE}
        if any(self._taken[name] >= most for name, most in shares.items()):
            metrics.HTTP_REFUSED.labels("live").inc()
            raise Problem(
                429, "too_many_live", "too many pages are live; load it again", {"Retry-After": "30"}
            )
        self._taken.update(list(shares))
        try:
            yield
        finally:
            self._taken.subtract(list(shares))
            self._taken += Counter()


class LiveBoard:
    """Knows the version of every watched parcel, and wakes who waits for a new one."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._watched: Counter[str] = Counter()
        self._versions: dict[str, str] = {}
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Look at what is watched until cancelled."""
        await run_forever("live_board", self._look, EVERY_SECONDS)

    async def _look(self) -> None:
        found: dict[str, str] = {}

        async def read(keys: Sequence[str]) -> None:
            found.update(await storage.versions(self._pool, keys))

        outcome = await each_alone(sorted(self._watched), read)
        async with self._changed:
            self._versions = found
            self._changed.notify_all()
        for fault in outcome.faults:
            raise fault.why

    async def changes(self, key: str) -> AsyncIterator[str]:
        """The parcel's version, now and whenever it changes; an empty text keeps the line open."""
        self._watched[key] += 1
        metrics.PORTAL_WATCHERS.inc()
        seen: str | None = None
        try:
            while True:
                version = await self._next(key, seen)
                seen = version or seen
                yield version
        finally:
            metrics.PORTAL_WATCHERS.dec()
            self._watched[key] -= 1
            self._watched += Counter()

    async def _next(self, key: str, seen: str | None) -> str:
        """The next version that differs from `seen`, or an empty text after a quiet while."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._changed.wait_for(lambda: self._versions.get(key) not in (None, seen))
                return self._versions[key]
        return ""
