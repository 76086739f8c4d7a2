"""Records that cannot be decoded or stored: bury them, and know when to stop."""

from collections import defaultdict
from collections.abc import Mapping

from buuta.errors import Paused
from buuta.streaming.chunk import Chunk
from buuta.streaming.parts import Parts
from buuta.streaming.progress import Standing
from buuta.telemetry import metrics


class Burial:
    """The dead of a worker's partitions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._kept: defaultdict[int, set[int]] = defaultdict(set)

    async def limit(self, chunk: Chunk, dead: Mapping[int, str], fence: int) -> None:
        """Pause the partition, instead of making letters of all that a bad deploy cannot read.

        Raises:
            Paused: it was paused before, or is now.
        """
        found = await self._standing(chunk.partition)
        why = self._parts.limit.broken(found.dead_run, len(chunk.records), dead)
        if why is not None and len(dead) > found.dead_allowed:
            await self._pause(chunk.partition, fence, f"{why}; the first: {dead[min(dead)]}")

    async def limit_one(self, piece: Chunk, reason: str, share: tuple[int, int], fence: int) -> None:
        """As `limit`, for one record that cannot be stored; `share` says how many are dead, of how many.

        Raises:
            Paused: as `limit`.
        """
        found = await self._standing(piece.partition)
        why = self._parts.limit.broken_by_one(found.dead_run, *share)
        if why is not None and found.dead_allowed < 1:
            await self._pause(piece.partition, fence, f"{why}; this one: {reason}")

    async def bury(self, chunk: Chunk, dead: Mapping[int, str]) -> None:
        """Keep the records at these places as dead letters, acknowledged; what is tried again, only once."""
        kept = {offset for offset in self._kept.pop(chunk.partition, ()) if offset >= chunk.start}
        new = {place: why for place, why in dead.items() if chunk.records[place].offset not in kept}
        self._kept[chunk.partition] = kept
        if new:
            await self._parts.dead_letters.keep(chunk, new)
            kept.update(chunk.records[place].offset for place in new)
            metrics.DEAD_LETTERS.labels(self._parts.progress.consumer).inc(len(new))

    async def _standing(self, partition: int) -> Standing:
        async with self._parts.pool.acquire() as con:
            return await self._parts.progress.standing(con, partition)

    async def _pause(self, partition: int, fence: int, why: str) -> None:
        async with self._parts.pool.acquire() as con:
            await self._parts.progress.pause(con, partition, fence, why)
        raise Paused(partition, why)
