"""Live pages: one query a second for all open pages, however many there are."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from buuta.storage.background import each_alone, run_forever
from buuta.telemetry import metrics
from services.portal import storage

EVERY_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0


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
