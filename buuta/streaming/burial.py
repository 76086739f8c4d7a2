"""Records that cannot be decoded: bury them, count how many in a row, and know when to stop."""

from collections.abc import Mapping
from typing import Any

from buuta.errors import Paused
from buuta.streaming.chunk import Chunk
from buuta.streaming.limit import run_after
from buuta.streaming.parts import Parts
from buuta.telemetry import metrics


class Burial:
    """The dead of a worker's partitions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._runs: dict[int, int] = {}

    def taken(self, partition: int, run: int) -> None:
        """A partition is taken over; `run` undecodable records lie just before its position."""
        self._runs[partition] = run

    async def limit(self, chunk: Chunk, dead: Mapping[int, str], fence: int) -> None:
        """Pause the partition, instead of making letters of all that a bad deploy cannot read.

        Raises:
            Paused: it was paused before, or is now.
        """
        progress, partition = self._parts.progress, chunk.partition
        async with self._parts.pool.acquire() as con:
            run, allowed = await progress.dead(con, partition)
            why = self._parts.limit.broken(run, len(chunk.records), dead)
            if why is not None and len(dead) > allowed:
                why = f"{why}; the first: {dead[min(dead)]}"
                await progress.pause(con, partition, fence, why)
                raise Paused(partition, why)

    async def bury(self, chunk: Chunk, dead: Mapping[int, str]) -> None:
        """Keep the records at these places as dead letters, acknowledged."""
        if dead:
            await self._parts.dead_letters.keep(chunk, dead)
            metrics.DEAD_LETTERS.labels(self._parts.progress.consumer).inc(len(dead))

    async def note(self, con: Any, chunk: Chunk, dead: Mapping[int, str]) -> None:
        """Keep the run in the chunk's transaction; the row is touched only where there is one."""
        before = self._runs.get(chunk.partition, 0)
        run = run_after(before, len(chunk.records), dead)
        if dead or before:
            await self._parts.progress.note_dead(con, chunk.partition, run, len(dead))
        self._runs[chunk.partition] = run
