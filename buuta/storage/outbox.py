"""The outbox: what is to reach Kafka is written in the transaction that decided it, and relayed."""

import asyncio
from collections import defaultdict
from typing import Any, Final, Protocol

import structlog

from buuta.errors import Retry
from buuta.storage.faults import is_away

log = structlog.get_logger()
ONE_RELAY: Final = 7_236_152
BATCH: Final = 500
IDLE_SECONDS: Final = 0.3


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

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            try:
                sent = await self.once()
            except Exception as why:
                if not (isinstance(why, Retry) or is_away(why)):
                    log.exception("outbox_failed")
                sent = 0
            if sent < BATCH:
                await asyncio.sleep(IDLE_SECONDS)

    async def once(self) -> int:
        """Send one batch; returns how many records."""
        async with self._pool.acquire() as con, con.transaction():
            if not await con.fetchval("select pg_try_advisory_xact_lock($1)", ONE_RELAY):
                return 0
            rows = await con.fetch("select id, topic, key, value from outbox order by id limit $1", BATCH)
            by_topic: dict[str, list[tuple[bytes, bytes]]] = defaultdict(list)
            for row in rows:
                by_topic[row["topic"]].append((row["key"], row["value"]))
            for topic, pairs in by_topic.items():
                await self._sender.send_keyed(topic, pairs)
            await con.execute("delete from outbox where id = any($1)", [row["id"] for row in rows])
        return len(rows)
