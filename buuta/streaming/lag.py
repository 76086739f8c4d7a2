"""How far behind a consumer is: records that are not applied yet, and the age of the oldest of them.

Measured by a timer for every partition that is owned: a partition that is stuck applies nothing, and so says
nothing of itself.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from buuta.settings import SharedSettings
from buuta.storage.background import run_forever
from buuta.streaming.away import unanswered
from buuta.streaming.chunk import Chunk
from buuta.streaming.ends import read_ends
from buuta.streaming.worker import ChunkWorker
from buuta.telemetry import metrics
from buuta.telemetry.clock import now_ms

EVERY_SECONDS: Final = 5.0
ONE_BATCH: Final = 65_536
"""Bytes that are asked for to see the oldest record of a partition."""


class LagMeter:
    """Measures the partitions of one worker, whether or not they move."""

    def __init__(self, worker: ChunkWorker) -> None:
        self._worker = worker
        self._consumer = worker.parts.progress.consumer
        self._in_hand: dict[int, int] = {}
        self._behind_since: dict[int, tuple[int, int]] = {}
        self._measured: set[int] = set()

    async def run(self) -> None:
        """Measure for ever."""
        await run_forever("lag", self.measure, EVERY_SECONDS)

    def takes(self, chunk: Chunk) -> None:
        """A chunk is in hand: its first record is the oldest that is not applied."""
        if chunk.records:
            self._in_hand[chunk.partition] = chunk.records[0].timestamp

    def done(self, chunk: Chunk) -> None:
        """The chunk is applied, or not ours any more."""
        self._in_hand.pop(chunk.partition, None)

    async def measure(self) -> None:
        """Show records and ages of all that is owned.

        Raises:
            KafkaAway: the ends of the log are not told; the records stand, and the ages go on.
        """
        try:
            self._behind(await self._worker.behind())
        finally:
            self._show_ages()

    def _behind(self, behind: Mapping[int, int]) -> None:
        positions = self._worker.positions
        for partition, records in behind.items():
            metrics.LAG.labels(self._consumer, str(partition)).set(max(records, 0))
            if records <= 0:
                self._behind_since.pop(partition, None)
            elif self._behind_since.get(partition, (-1, 0))[0] != positions[partition]:
                self._behind_since[partition] = positions[partition], now_ms()
        for partition in self._measured - behind.keys():
            self._forget(partition)
        self._measured = set(behind)

    def _show_ages(self) -> None:
        """The age of the record in hand; where none is, the time for which the position has not moved."""
        now = now_ms()
        for partition in self._measured:
            _, since = self._behind_since.get(partition, (0, now))
            age = now - min(self._in_hand.get(partition, since), since)
            metrics.OLDEST.labels(self._consumer, str(partition)).set(max(age, 0) / 1000)

    def _forget(self, partition: int) -> None:
        self._behind_since.pop(partition, None)
        for gauge in (metrics.LAG, metrics.OLDEST):
            gauge.remove(self._consumer, str(partition))


class Behind(NamedTuple):
    """What lies behind a position: records, and when the first of them entered the log (UTC ms)."""

    records: int
    oldest_at: int | None


Place = tuple[str, int]
"""Topic and partition."""


async def behind(settings: SharedSettings, positions: Mapping[Place, int]) -> dict[Place, Behind]:
    """Ask Kafka what lies behind these positions; topics that it does not have are left out.

    Raises:
        KafkaAway: no broker says so in time.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=ONE_BATCH,
        request_timeout_ms=int(settings.kafka_timeout * 1000),
    )
    try:
        async with asyncio.timeout(2 * settings.kafka_timeout):
            await consumer.start()
            return await _behind(consumer, positions)
    except (TimeoutError, KafkaError) as away:
        raise unanswered(away) from away
    finally:
        await consumer.stop()


async def _behind(consumer: AIOKafkaConsumer, positions: Mapping[Place, int]) -> dict[Place, Behind]:
    there = await consumer.topics()
    at = {TopicPartition(*place): position for place, position in positions.items() if place[0] in there}
    ends = await read_ends(consumer, list(at)) if at else {}
    oldest = await _oldest(consumer, {tp: at[tp] for tp, end in ends.items() if end > at[tp]})
    return {
        (tp.topic, tp.partition): Behind(max(end - at[tp], 0), oldest.get(tp)) for tp, end in ends.items()
    }


async def _oldest(
    consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """When the record at each position entered the log, or the next one where there is a gap."""
    found: dict[TopicPartition, int] = {}
    if positions:
        consumer.assign(list(positions))
        for tp, position in positions.items():
            consumer.seek(tp, position)
    while len(found) < len(positions):
        for tp, records in (await consumer.getmany(timeout_ms=500)).items():
            found.setdefault(tp, records[0].timestamp)
            consumer.pause(tp)
    return found
