"""Records that cannot be decoded: bury them, and know when to stop."""

from collections.abc import Mapping

from buuta.errors import Paused
from buuta.streaming.chunk import Chunk
from buuta.streaming.parts import Parts
from buuta.telemetry import metrics


class Burial:
    """The dead of a worker's partitions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def limit(self, chunk: Chunk, dead: Mapping[int, str], fence: int) -> None:
        """Pause the partition, instead of making letters of all that a bad deploy cannot read.

        Raises:
            Paused: it was paused before, or is now.
        """
        progress, partition = self._parts.progress, chunk.partition
        async with self._parts.pool.acquire() as con:
            found = await progress.standing(con, partition)
            why = self._parts.limit.broken(found.dead_run, len(chunk.records), dead)
            if why is not None and len(dead) > found.dead_allowed:
                why = f"{why}; the first: {dead[min(dead)]}"
                await progress.pause(con, partition, fence, why)
                raise Paused(partition, why)

    async def bury(self, chunk: Chunk, dead: Mapping[int, str]) -> None:
        """Keep the records at these places as dead letters, acknowledged."""
        if dead:
            await self._parts.dead_letters.keep(chunk, dead)
            metrics.DEAD_LETTERS.labels(self._parts.progress.consumer).inc(len(dead))
