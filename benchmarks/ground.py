"""What the systems run on: one Apache Kafka, one PostgreSQL, and topics filled before anyone is timed."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import murmur2

from buuta.embedded.apache import ApacheKafka
from buuta.embedded.database import EmbeddedDatabase
from buuta.storage.migrate import migrate

PARTITIONS = 4


@dataclass
class Ground:
    """Addresses and helpers."""

    kafka: str
    database: str
    folder: Path

    async def create_topic(self, name: str) -> None:
        """A topic with four partitions."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        await admin.close()

    async def fill(self, topic: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Write records to the partitions of their keys."""
        await self.create_topic(topic)
        kafka = AIOKafkaProducer(bootstrap_servers=self.kafka, max_batch_size=900_000, linger_ms=20)
        await kafka.start()
        batches = {partition: kafka.create_batch() for partition in range(PARTITIONS)}
        for key, value in pairs:
            partition = (murmur2(key) & 0x7FFFFFFF) % PARTITIONS
            if batches[partition].append(key=key, value=value, timestamp=None) is None:
                await _send(kafka, topic, partition, batches[partition])
                batches[partition] = kafka.create_batch()
                batches[partition].append(key=key, value=value, timestamp=None)
        for partition, batch in batches.items():
            await _send(kafka, topic, partition, batch)
        await kafka.stop()

    async def end(self, topic: str) -> int:
        """How many records the topic holds."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka)
        await consumer.start()
        ends = await consumer.end_offsets([TopicPartition(topic, each) for each in range(PARTITIONS)])
        await consumer.stop()
        return sum(ends.values())

    def variables(self, topic: str, milestones: str) -> Mapping[str, str]:
        """The environment of a service on this ground."""
        return {
            **os.environ, "BUUTA_KAFKA": self.kafka, "BUUTA_DATABASE": self.database,
            "BUUTA_EVENTS_TOPIC": topic, "BUUTA_MILESTONES_TOPIC": milestones,
        }  # fmt: skip


async def _send(kafka: Any, topic: str, partition: int, batch: Any) -> None:
    batch.close()
    await (await kafka.send_batch(batch, topic, partition=partition))


@contextlib.asynccontextmanager
async def prepared() -> AsyncIterator[Ground]:
    """The ground, gone again at the end."""
    with tempfile.TemporaryDirectory(prefix="buuta-bench-") as name:
        folder = Path(name)
        kafka = await asyncio.to_thread(ApacheKafka, folder, first_rebalance_ms=3000)
        database = await asyncio.to_thread(EmbeddedDatabase)
        try:
            yield Ground(kafka.address, database.url, folder)
        finally:
            kafka.stop()
            database.close()


async def fresh_database(ground: Ground) -> Any:
    """A connection to a database that holds the empty schema and nothing else."""
    con = await asyncpg.connect(ground.database)
    await con.execute("drop schema public cascade; create schema public")
    await migrate(con)
    return con
