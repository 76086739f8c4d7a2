"""The outbox: what is to reach Kafka is written in the transaction that decided it, and relayed."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, Protocol

from buuta.storage.background import run_forever
from buuta.storage.locks import Lock
from buuta.storage.queues import Queue, Record, drain

BATCH: Final = 500
IDLE_SECONDS: Final = 0.3
OUTBOX: Final = Queue(
    "outbox",
    Lock.OUTBOX,
    "select id, topic, key, value from outbox order by id limit $1",
    "delete from outbox where id = any($1)",
)


class Sender(Protocol):
    """What the relay asks of a producer."""

    async def send_keyed(self, topic: str, pairs: Any) -> None:
        """Send and wait for all acknowledgements."""


async def put(con: Any, topic: str, key: bytes, value: bytes) -> None:
    """Add a record in the caller's transaction."""
    await con.execute("insert into outbox (topic, key, value) values ($1, $2, $3)", topic, key, value)


class Relay:
    """Sends what lies in the outbox, in its order; of many replicas one does it at a time.

    A relay that dies between the acknowledgement and the delete sends again: readers know a
    registration by its version.
    """

    def __init__(self, pool: Any, sender: Sender) -> None:
        self._pool = pool
        self._sender = sender
        self._most = BATCH

    async def run(self) -> None:
        """Relay until cancelled."""
        await run_forever("outbox", self.once, IDLE_SECONDS)

    async def once(self) -> int:
        """Send one batch; returns how many records. What took too long comes again in halves."""
        most, self._most = self._most, max(self._most // 2, 1)
        async with self._pool.acquire() as con, con.transaction():
            sent = await drain(con, OUTBOX, self._send, most)
        self._most = min(most * 2, BATCH)
        return sent

    async def _send(self, records: Sequence[Record]) -> None:
        by_topic: dict[str, list[tuple[bytes, bytes]]] = defaultdict(list)
        for record in records:
            by_topic[record.topic].append((record.key, record.value))
        for topic, pairs in by_topic.items():
            await self._sender.send_keyed(topic, pairs)
