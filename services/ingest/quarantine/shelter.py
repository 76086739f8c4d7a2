"""Where reports go that are set aside: into the quarantine, and while PostgreSQL is away into an encrypted topic.

What the topic took is brought into the quarantine when PostgreSQL is back, together with the position that was
read, in one transaction: once, whoever is killed at whatever instruction.
"""

import asyncio
import contextlib
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from buuta.errors import KafkaAway
from buuta.storage.faults import is_away
from buuta.storage.vault import Vault
from buuta.streaming.producer import Producer
from services.ingest.quarantine.held import Held, hold

log = structlog.get_logger()
ONE_COLLECTOR: Final = 7_236_155
COLLECT_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 120.0
BATCH: Final = 500
FETCH_MS: Final = 1_000
POSITION: Final = "select position from sheltered where topic = $1"
ADVANCE: Final = """
insert into sheltered values ($1, $2) on conflict (topic) do update set position = excluded.position
"""


@dataclass(frozen=True)
class Topic:
    """The topic, and what writes to it."""

    name: str
    bootstrap: str
    producer: Producer


class Shelter:
    """Keeps reports, by `edge` for those who wait; `run` brings home what went into the topic."""

    def __init__(self, pool: Any, vault: Vault, topic: Topic, edge: Any = None) -> None:
        self._pool = pool
        self._edge = edge or pool
        self._vault = vault
        self._topic = topic
        self._used = asyncio.Event()

    async def keep(self, reports: Sequence[Held]) -> None:
        """Return when all are kept for good.

        Raises:
            KafkaAway: neither PostgreSQL nor Kafka took them.
        """
        try:
            await hold(self._edge, reports)
        except Exception as why:
            if not is_away(why):
                raise
            sealed = [(b"", self._vault.seal_payload(_packed(report))) for report in reports]
            await self._topic.producer.send_to(self._topic.name, 0, sealed)
            self._used.set()

    async def run(self) -> None:
        """Bring home what went into the topic, for ever; what a process left that is gone, within minutes."""
        while True:
            self._used.clear()
            try:
                while await self.collect():
                    pass
            except Exception as why:
                self._used.set()
                if not (isinstance(why, KafkaAway | KafkaError) or is_away(why)):
                    log.exception("shelter_failed")
            await asyncio.sleep(COLLECT_SECONDS)
            with contextlib.suppress(TimeoutError):
                # A consumer costs some 100 ms of this process: not more often than it is of use.
                await asyncio.wait_for(self._used.wait(), LOOK_SECONDS)

    async def collect(self) -> int:
        """Bring some reports home; returns how many. One process does it at a time."""
        async with self._pool.acquire() as con, con.transaction():
            if not await con.fetchval("select pg_try_advisory_xact_lock($1)", ONE_COLLECTOR):
                return 0
            position = await con.fetchval(POSITION, self._topic.name) or 0
            records = await self._records(position)
            if records:
                await hold(con, [_unpacked(self._vault.open_payload(each.value)) for each in records])
                await con.execute(ADVANCE, self._topic.name, records[-1].offset + 1)
        return len(records)

    async def _records(self, position: int) -> list[Any]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._topic.bootstrap, enable_auto_commit=False)
        place = TopicPartition(self._topic.name, 0)
        try:
            await consumer.start()
            consumer.assign([place])
            if (await consumer.end_offsets([place]))[place] <= position:
                return []
            consumer.seek(place, position)
            fetched = await consumer.getmany(place, timeout_ms=FETCH_MS, max_records=BATCH)
            return list(fetched.get(place, ()))
        finally:
            await consumer.stop()


def _packed(report: Held) -> bytes:
    *rest, sealed = astuple(report)
    return json.dumps([*rest, b64encode(sealed).decode()]).encode()


def _unpacked(plain: bytes) -> Held:
    carrier, door, reason, raw_code, received_at, sealed = json.loads(plain)
    return Held(carrier, door, reason, raw_code, received_at, b64decode(sealed))
