"""Where reports go that are set aside: into the quarantine, and while PostgreSQL is away into an encrypted topic.

What the topic took is brought into the quarantine when PostgreSQL is back, together with the position that was
read, in one transaction: once, whoever is killed at whatever instruction.
"""

import asyncio
import contextlib
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from buuta.errors import KafkaAway
from buuta.storage import locks, set_aside
from buuta.storage.background import each_alone, run_forever
from buuta.storage.faults import is_away
from buuta.storage.set_aside import Aside
from buuta.storage.vault import Place, Vault
from buuta.streaming.ends import read_ends
from buuta.streaming.producer import Producer
from services.ingest.quarantine.held import Held, hold

LOOP: Final = "shelter"
IN_TOPIC: Final = Place("shelter", b"")
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
        self._used.set()  # a process that is gone may have left something

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
            sealed = [(b"", self._vault.seal_directly(IN_TOPIC, _packed(report))) for report in reports]
            await self._topic.producer.send_to(self._topic.name, 0, sealed)
            self._used.set()

    async def run(self) -> None:
        """Bring home what went into the topic, for ever; what a process left that is gone, within minutes."""
        await run_forever(LOOP, self._turn, COLLECT_SECONDS)

    async def _turn(self) -> None:
        with contextlib.suppress(TimeoutError):
            # A consumer costs some 100 ms of this process: not more often than it is of use.
            async with asyncio.timeout(LOOK_SECONDS):
                await self._used.wait()
        try:
            while await self.collect():
                self._used.clear()
        except Exception:
            self._used.set()
            raise
        self._used.clear()

    async def collect(self) -> int:
        """Bring some reports home; returns how many came. One that does not open is set aside by itself.

        Raises:
            KafkaAway: the topic cannot be read now.
        """
        position = await self._position(self._pool)
        records = await self._records(position)
        found = [Aside(str(each.offset), each.offset, payload=each.value) for each in records]
        async with self._pool.acquire() as con, con.transaction():
            # Of several processes that have read the same, one brings it home.
            if not await locks.try_hold(con, locks.Lock.SHELTER) or await self._position(con) != position:
                return 0
            tried = [*await set_aside.due(con, LOOP), *found]
            outcome = await each_alone(tried, partial(self._bring_home, con))
            await set_aside.settle(con, LOOP, [each.element for each in tried], outcome.faults)
            if records:
                await con.execute(ADVANCE, self._topic.name, records[-1].offset + 1)
        return len(records)

    async def _position(self, con: Any) -> int:
        return await con.fetchval(POSITION, self._topic.name) or 0

    async def _bring_home(self, con: Any, reports: Sequence[Aside]) -> None:
        async with con.transaction():
            opened = [self._vault.open_directly(IN_TOPIC, each.payload or b"") for each in reports]
            await hold(con, [_unpacked(plain) for plain in opened])

    async def _records(self, position: int) -> list[Any]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._topic.bootstrap, enable_auto_commit=False)
        place = TopicPartition(self._topic.name, 0)
        try:
            await consumer.start()
            consumer.assign([place])
            if (await read_ends(consumer, [place]))[place] <= position:
                return []
            consumer.seek(place, position)
            fetched = await consumer.getmany(place, timeout_ms=FETCH_MS, max_records=BATCH)
            return list(fetched.get(place, ()))
        except KafkaError as away:
            raise KafkaAway(f"the broker does not answer: {type(away).__name__}") from away
        finally:
            await consumer.stop()


def _packed(report: Held) -> bytes:
    said = asdict(report) | {
        "sealed_as": report.sealed_as.hex,
        "code_hash": report.code_hash.hex(),
        "code": None if report.code is None else report.code.hex(),
        "sealed": b64encode(report.sealed).decode(),
    }
    return json.dumps(said).encode()


def _unpacked(plain: bytes) -> Held:
    said = json.loads(plain)
    return Held(
        said["carrier"], said["door"], said["reason"], said["received_at"], UUID(said["sealed_as"]),
        bytes.fromhex(said["code_hash"]), None if said["code"] is None else bytes.fromhex(said["code"]),
        b64decode(said["sealed"]),
    )  # fmt: skip
