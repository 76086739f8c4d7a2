"""Where scans go: into the log, and while Kafka is away into a spool in PostgreSQL, in their order.

A report is answered when either has it for good. GHTK repeats a report once and Viettel Post answers no
questions, so what is refused may never come again. As long as the spool holds anything, new scans queue up
behind it. What is sent twice, because a process died between Kafka's acknowledgement and the delete, has one
id and counts once.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from buuta.contracts.codec import Codec
from buuta.contracts.fit import unfit
from buuta.errors import BadItem, KafkaAway, Unsendable
from buuta.storage.background import run_forever
from buuta.storage.faults import is_away
from buuta.storage.locks import Lock
from buuta.storage.queues import Queue, Record, drain
from buuta.streaming.producer import Pair
from buuta.telemetry import metrics

BATCH: Final = 2_000
IDLE_SECONDS: Final = 0.3
MEASURE_SECONDS: Final = 1.0
SIZE: Final = "select coalesce(max(id) - min(id) + 1, 0) from spool"
"""Ids are given and deleted in order, so this is how many there are, or a little more."""
SPOOL: Final = """
insert into spool (key, value) select * from unnest($1::bytea[], $2::bytea[])
"""
QUEUE: Final = Queue(
    "spool",
    Lock.SPOOL,
    "select id, '', key, value from spool order by id limit $1",
    "delete from spool where id = any($1)",
)
Send = Callable[[Sequence[Pair]], Awaitable[None]]
"""Sends records to the partitions of their keys; raises KafkaAway."""
Enqueue = Callable[[Any, Sequence[Pair]], Awaitable[None]]
"""Puts records into the spool in a transaction that is given."""


async def enqueue(con: Any, pairs: Sequence[Pair]) -> None:
    """Put records into the spool; committed when this returns, or with the caller's transaction."""
    await con.execute(SPOOL, *map(list, zip(*pairs, strict=True)))


class Spool:
    """Puts scans where they are safe: by `edge` for those who wait; `most` is how many may wait in PostgreSQL.

    What leaves it is held to what the doors take today: it may lie here since a version that took more.
    """

    def __init__(
        self, pool: Any, send: Send, most: int, edge: Any = None, codec: Codec | None = None
    ) -> None:
        self._codec = codec or Codec()
        self._pool = pool
        self._edge = edge or pool
        self._send = send
        self._most = most
        self._waiting = False
        self._size = 0
        self._batch = BATCH
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
        except (KafkaAway, Unsendable):
            # One that cannot be sent is found in the spool and set aside there: its neighbours are safe.
            if not await self._spooled(pairs):
                raise

    async def room(self) -> None:
        """Make sure that there is room, before a transaction is begun in which `enqueue` is to be used.

        Raises:
            KafkaAway: there is none.
        """
        if await self._full():
            raise KafkaAway("the spool is full")

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
        await run_forever("spool", self.drain, IDLE_SECONDS)

    async def drain(self) -> int:
        """Send the oldest on; returns how many. One process does it at a time, all learn how much waits.

        What took too long comes again in halves.

        Raises:
            KafkaAway: they were not acknowledged and stay.
        """
        most, self._batch = self._batch, max(self._batch // 2, 1)
        async with self._pool.acquire() as con, con.transaction():
            sent = await drain(con, QUEUE, self._send_records, most)
        self._batch = min(most * 2, BATCH)
        await self._measure()
        self._waiting = self._size > 0
        return sent

    async def _send_records(self, records: Sequence[Record]) -> None:
        wrong = unfit(self._codec, [record.value for record in records])
        if wrong:
            raise BadItem("scan_unfit", next(iter(wrong.values())))
        await self._send([(record.key, record.value) for record in records])
