"""The chunk worker: takes chunks one by one per partition and commits each exactly once.

What it guarantees, and how (docs/delivery.md tells it at length):

- what costs time, loading and folding, is done before the transaction, which checks and writes;
- a chunk's effects and its position are one PostgreSQL transaction; what fails whole goes on in pieces;
- the records it tells leave after the commit and before the next chunk's commit, from `pending`;
- a partition's new owner fences the old one and tells what was pending before it reads on;
- what cannot be read or stored becomes a dead letter alone; what is only away is waited for.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from buuta.contracts.columns import Decoded, decode_chunk
from buuta.contracts.storable import set_aside_unstorable
from buuta.errors import Fenced, Stop
from buuta.streaming.burial import Burial
from buuta.streaming.chunk import Chunk
from buuta.streaming.fencing import raise_fences
from buuta.streaming.limit import Dead, run_after
from buuta.streaming.origin import Bounds, Origin, checksum
from buuta.streaming.parts import AskBounds, Log, Parts
from buuta.streaming.patience import partition_part, until_reached
from buuta.streaming.pieces import Pieces
from buuta.streaming.producer import Pair
from buuta.streaming.progress import Standing, Taken
from buuta.streaming.work import Prepare
from buuta.telemetry import metrics
from buuta.telemetry.clock import now_ms
from buuta.telemetry.ending import end

log = structlog.get_logger()


class _Moved(Exception):
    """The position lies inside or behind the chunk: trim and try again."""


class _NotContiguous(Exception):
    """The chunk begins after the position."""

    def __init__(self, position: int) -> None:
        self.position = position


class ChunkWorker:
    """Applies chunks; `prepare` is the user's logic, a plain callable."""

    def __init__(self, parts: Parts, prepare: Prepare, failed: "asyncio.Future[None]") -> None:
        self.parts = parts
        self.log: Log | None = None
        self._prepare = prepare
        self._failed = failed
        self._fences: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._telling: dict[int, asyncio.Task[None]] = {}
        self._gaps: dict[int, tuple[int, int]] = {}
        self._origin = Origin(parts.progress.topic)
        self._burial = Burial(parts)
        self._pieces = Pieces(self._decode, self._commit_and_tell, self._burial, self._count)

    async def claim(self) -> None:
        """Before anything is read: the log must have the partitions that the state was built with."""
        await self._until_reached(self._claim)

    async def _claim(self) -> None:
        progress = self.parts.progress
        partitions = await self.parts.producer.partitions(progress.topic)
        async with self.parts.pool.acquire() as con:
            await progress.claim(con, partitions)

    async def take_over(self, ask_bounds: AskBounds) -> dict[int, int]:
        """Own these partitions: fence others off, tell what they left pending, return positions."""
        try:
            return await self._take_over(await self._until_reached(ask_bounds))
        except Stop as why:
            self.fail(why)
            raise

    async def _take_over(self, bounds: Mapping[int, Bounds]) -> dict[int, int]:
        for partition in self._fences:
            self.parts.readiness.reached(partition_part(partition))
        first = {partition: first for partition, (first, _) in bounds.items()}
        progress = self.parts.progress
        taken: dict[int, Taken] = await self._until_reached(
            lambda: raise_fences(self.parts.pool, progress, first)
        )
        for partition, found in taken.items():
            self._fences[partition] = found.fence
            self._positions[partition] = found.position
            self._gaps.pop(partition, None)
            self._origin.applied(partition, found.position, found.last_checksum)
            self._tell(partition, found.pending)
        starts = {
            partition: self._origin.start(partition, found.position, bounds[partition])
            for partition, found in taken.items()
        }
        self.parts.readiness.reached("partitions")
        log.info("partitions_taken", consumer=progress.consumer, positions=self._positions.copy())
        return starts

    async def handle(self, chunk: Chunk) -> None:
        """Apply one chunk; never raises, since Faust goes on past an event whose agent raised."""
        try:
            await self._until_reached(lambda: self._in_turn(chunk))
            self.parts.readiness.reached(partition_part(chunk.partition))
        except Fenced as why:
            self._count("fenced")
            log.warning("chunk_fenced", partition=chunk.partition, why=str(why))
            await self._take_back(chunk)
        except Exception as why:
            log.exception("chunk_failed", partition=chunk.partition, start=chunk.start)
            self.fail(why)

    async def _take_back(self, chunk: Chunk) -> None:
        """Own a partition again whose fence was raised by one who had no right to it.

        A member that was slow to learn of its loss may fence the new owner off. It knows by the end
        of a session; whoever still owns the partition then is the owner. So does an owner that has not taken
        its partition over, since Faust waits for that only so long.
        """
        lost = self._fences.get(chunk.partition)
        await asyncio.sleep(self.parts.session)
        assert self.log is not None
        if self._fences.get(chunk.partition) == lost and self.log.owns(chunk):
            taken = await self.take_over(partial(self.log.bounds, chunk))
            await self.log.reread(chunk, taken[chunk.partition])
            log.warning("partition_taken_back", partition=chunk.partition)

    @property
    def positions(self) -> dict[int, int]:
        """Up to where each partition is applied that we have taken over."""
        return self._positions.copy()

    async def behind(self) -> dict[int, int]:
        """How many records of each of our partitions are not applied yet."""
        return await self.log.behind(self._positions) if self.log is not None else {}

    async def caught_up(self, most: int) -> list[int]:
        """Our partitions with at most so many records that are not applied yet."""
        return sorted(partition for partition, records in (await self.behind()).items() if records <= most)

    def fail(self, why: BaseException) -> None:
        """Let the service end, and say why; the first reason counts."""
        if not self._failed.done():
            self._failed.set_exception(why)

    async def _until_reached(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        return await until_reached(self.parts.readiness, lambda: self._count("retried"), attempt)

    async def _in_turn(self, chunk: Chunk) -> None:
        async with self.parts.turns:
            await self._step(chunk)

    async def _step(self, chunk: Chunk) -> None:
        position = self._positions.get(chunk.partition)
        if position is None:
            raise Fenced(f"partition {chunk.partition} is not taken over yet")
        self._origin.compare(chunk)
        chunk = self._trimmed(chunk, position)
        if not chunk.records:
            await self._within(chunk, position)
            return
        await self.parts.codec.learn(chunk.values)
        decoded, fence = self._decode(chunk), self._fences[chunk.partition]
        if decoded.dead:
            await self._burial.limit(chunk, decoded.dead, fence)
            await self._burial.bury(chunk, decoded.dead)
        try:
            await self._pieces.apply(chunk, decoded, fence)
        except _Moved:
            await self._step(chunk)
        except _NotContiguous as gap:
            await self._reread(chunk, gap.position)

    async def _commit_and_tell(self, chunk: Chunk, decoded: Decoded) -> None:
        started = time.perf_counter()
        told = await self._commit(chunk, decoded)
        self._tell(chunk.partition, told)
        await self._committed(chunk, started)

    def _trimmed(self, chunk: Chunk, position: int) -> Chunk:
        if chunk.next <= position:
            self._count("skipped")
            return replace(chunk, records=())
        if chunk.start < position:
            self._count("trimmed")
            return chunk.trim(position)
        return chunk

    def _decode(self, chunk: Chunk) -> Decoded:
        decoded = decode_chunk(self.parts.codec, chunk.values, self.parts.expected)
        return set_aside_unstorable(decoded)

    async def _commit(self, chunk: Chunk, decoded: Decoded) -> Sequence[Pair]:
        """Load and fold; then one transaction: lock, check, write, move.

        What was pending before is told by then.
        """
        before = self._fences[chunk.partition], self._positions[chunk.partition]
        work = await self._prepare(self.parts.pool, chunk, decoded)
        await self._told(chunk.partition)
        async with self.parts.pool.acquire() as con, con.transaction():
            found = await self._check(con, chunk, before)
            told = await work.write(con)
            run = run_after(found.dead_run, len(chunk.records), decoded.dead)
            await self.parts.progress.move(con, chunk, told, Dead(run, len(decoded.dead)))
        return told

    async def _check(self, con: Any, chunk: Chunk, before: tuple[int, int]) -> Standing:
        """Only the partition's owner may go on, and only from where the partition stands.

        Fence and position must be those `before` the work was prepared: then nobody wrote since.
        """
        found = await self.parts.progress.lock(con, chunk.partition)
        fence, position = before
        if found.fence != fence:
            raise Fenced(f"partition {chunk.partition} has another owner now")
        self._positions[chunk.partition] = found.position
        if found.position != position or chunk.start < position:
            raise _Moved
        if chunk.start > position and self._gaps.get(chunk.partition) != (position, chunk.start):
            raise _NotContiguous(position)
        return found

    async def _within(self, chunk: Chunk, position: int) -> None:
        """A log that ends before our position, or begins after it, is another log."""
        assert self.log is not None
        bounds = await self.log.bounds(chunk)
        self._origin.within(chunk.partition, position, bounds[chunk.partition])

    async def _reread(self, chunk: Chunk, position: int) -> None:
        """Seek back; a gap that is still there at the second reading is the log's own."""
        await self._within(chunk, position)
        self._gaps[chunk.partition] = (position, chunk.start)
        self._count("reread")
        assert self.log is not None
        await self.log.reread(chunk, position)

    def _tell(self, partition: int, pairs: Sequence[Pair]) -> None:
        """Begin to tell; the next commit of this partition waits for the end of it."""
        earlier = self._telling.get(partition)
        if pairs:
            self._telling[partition] = asyncio.create_task(self._publish(partition, pairs, earlier))

    async def _publish(
        self, partition: int, pairs: Sequence[Pair], earlier: "asyncio.Task[None] | None"
    ) -> None:
        if earlier is not None:
            await earlier
        topic = self.parts.told_topic
        await self._until_reached(lambda: self.parts.producer.send_to(topic, partition, pairs))

    async def _told(self, partition: int) -> None:
        telling = self._telling.get(partition)
        if telling is not None:
            await asyncio.shield(telling)

    async def stop(self) -> None:
        """Wait for what is being told; what does not get out stays pending for the next owner."""
        if self._telling:
            _, late = await asyncio.wait(self._telling.values(), timeout=3)
            await end(*late)

    async def _committed(self, chunk: Chunk, started: float) -> None:
        consumer = self.parts.progress.consumer
        self._positions[chunk.partition] = chunk.next
        self._origin.applied(chunk.partition, chunk.next, checksum(chunk.last))
        self._count("committed")
        metrics.CHUNK_SECONDS.labels(consumer).observe(time.perf_counter() - started)
        metrics.CHUNK_RECORDS.labels(consumer).observe(len(chunk.records))
        if chunk.records:
            delay = now_ms() - chunk.records[0].timestamp
            metrics.CHUNK_DELAY_SECONDS.labels(consumer).observe(max(delay, 0) / 1000)
        metrics.POSITION.labels(consumer, str(chunk.partition)).set(chunk.next)
        if self.log is not None:
            lag = await self.log.hint(chunk)
            metrics.LAG.labels(consumer, str(chunk.partition)).set(lag)

    def _count(self, event: str) -> None:
        metrics.CHUNK_EVENTS.labels(self.parts.progress.consumer, event).inc()
