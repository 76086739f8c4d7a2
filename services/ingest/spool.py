"""Where scans go: into the log, and while Kafka is away into a spool in PostgreSQL, in their order.

A report is answered when either has it for good. GHTK repeats a report once and Viettel Post answers no
questions, so what is refused may never come again. As long as the spool holds anything, new scans queue up
behind it. What is sent twice, because a process died between Kafka's acknowledgement and the delete, has one
id and counts once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog

from buuta.errors import KafkaAway, Retry
from buuta.storage.faults import is_away
from buuta.streaming.producer import Pair
from buuta.telemetry import metrics

log = structlog.get_logger()
ONE_DRAIN: Final = 7_236_154
BATCH: Final = 2_000
IDLE_SECONDS: Final = 0.3
MEASURE_SECONDS: Final = 1.0
SIZE: Final = "select coalesce(max(id) - min(id) + 1, 0) from spool"
"""Ids are given and deleted in order, so this is how many there are, or a little more."""
SPOOL: Final = """
insert into spool (key, value) select * from unnest($1::bytea[], $2::bytea[])
"""
OLDEST: Final = "select id, key, value from spool order by id limit $1"
Send = Callable[[Sequence[Pair]], Awaitable[None]]
"""Sends records to the partitions of their keys; raises KafkaAway."""
Enqueue = Callable[[Any, Sequence[Pair]], Awaitable[None]]
"""Puts records into the spool in a transaction that is given."""


async def enqueue(con: Any, pairs: Sequence[Pair]) -> None:
    """Put records into the spool; committed when this returns, or with the caller's transaction."""
    await con.execute(SPOOL, *map(list, zip(*pairs, strict=True)))


class Spool:
    """Puts scans where they are safe: by `edge` for those who wait; `most` is how many may wait in PostgreSQL."""

    def __init__(self, pool: Any, send: Send, most: int, edge: Any = None) -> None:
        self._pool = pool
        self._edge = edge or pool
        self._send = send
        self._most = most
        self._waiting = False
        self._size = 0
        self._measured_at = -MEASURE_SECONDS

    async def put(self, pairs: Sequence[Pair]) -> None:
        """Return when all are in the log or in the spool for good.

        Raises:
            KafkaAway: neither took them; the sender must send them again, and none will count twice.
        """
        if self._waiting and await self._spooled(pairs):
            return
        try:
            await self._send(pairs)
        except KafkaAway:
            if not await self._spooled(pairs):
                raise

    async def put_within(self, con: Any, pairs: Sequence[Pair]) -> None:
        """Put records into the spool in the caller's transaction: what is committed together leaves soon after.

        Raises:
            KafkaAway: there is no room.
        """
        if await self._full():
            raise KafkaAway("the spool is full")
        await enqueue(con, pairs)

    async def _spooled(self, pairs: Sequence[Pair]) -> bool:
        """Whether PostgreSQL has taken them."""
        try:
            if await self._full():
                return False
            await enqueue(self._edge, pairs)
        except Exception as why:
            if not is_away(why):
                raise
            return False
        self._waiting = True
        metrics.INGEST_SPOOLED.inc(len(pairs))
        return True

    async def _full(self) -> bool:
        if time.monotonic() - self._measured_at > MEASURE_SECONDS:
            await self._measure()
        return self._size >= self._most

    async def _measure(self) -> None:
        self._size = await self._edge.fetchval(SIZE)
        self._measured_at = time.monotonic()
        metrics.INGEST_SPOOL.set(self._size)

    async def run(self) -> None:
        """Send on what waits, for ever."""
        while True:
            try:
                sent = await self.drain()
            except Exception as why:
                if not (isinstance(why, Retry) or is_away(why)):
                    log.exception("spool_failed")
                sent = 0
            if sent < BATCH:
                await asyncio.sleep(IDLE_SECONDS)

    async def drain(self) -> int:
        """Send the oldest on; returns how many. One process does it at a time, all learn how much waits.

        Raises:
            KafkaAway: they were not acknowledged and stay.
        """
        async with self._pool.acquire() as con, con.transaction():
            rows = []
            if await con.fetchval("select pg_try_advisory_xact_lock($1)", ONE_DRAIN):
                rows = await con.fetch(OLDEST, BATCH)
                if rows:
                    await self._send([(row["key"], row["value"]) for row in rows])
                    # By their ids: one with a lesser id may have been committed since they were read.
                    await con.execute("delete from spool where id = any($1)", [row["id"] for row in rows])
        await self._measure()
        self._waiting = self._size > 0
        return len(rows)
