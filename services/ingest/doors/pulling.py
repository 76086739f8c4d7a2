"""Taking records from the consumer, of which a partition that the client cannot take apart keeps no other.

The name of a header that is no UTF-8 makes the client raise, and what it would have given of other partitions is
gone with it. So the first such error ends the consumer, and the next one is asked partition by partition; of one
that raises, record by record, up to the one at fault. That is passed over, and what its sender packed behind it
into the same batch: the client takes a batch apart from its beginning.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from buuta.errors import KafkaAway

log = structlog.get_logger()
WAIT_SECONDS: Final = 0.5
MOST: Final = 2_000
Found = dict[TopicPartition, Sequence[Any]]
Passed = Callable[[TopicPartition, int], Awaitable[object]]
"""Hears of a record that was passed over, by its place and position, before anything behind it is read."""


class Pull:
    """Takes records from one consumer after another, and remembers which partitions want care."""

    def __init__(self, passed: Passed) -> None:
        self._passed = passed
        self._careful = False
        self._odd: set[TopicPartition] = set()
        self._behind: set[TopicPartition] = set()

    async def next(self, consumer: Any) -> Found:
        """What has come of the partitions that are not paused.

        Raises:
            KafkaError: the broker does not answer.
            KafkaAway: what was fetched is to be read again, by another consumer.
        """
        if self._careful:
            return await self._each(consumer)
        try:
            found: Found = await consumer.getmany(timeout_ms=int(WAIT_SECONDS * 1000), max_records=MOST)
        except KafkaError:
            raise
        except Exception as why:
            self._careful = True
            raise KafkaAway(f"a record cannot be taken apart: {type(why).__name__}") from None
        return found

    async def _each(self, consumer: Any) -> Found:
        found: Found = {}
        for place in sorted(consumer.assignment() - consumer.paused()):
            found |= await self._one(consumer, place)
        if not found:
            await asyncio.sleep(WAIT_SECONDS)
        return found

    async def _one(self, consumer: Any, place: TopicPartition) -> Found:
        begun = await consumer.position(place)
        is_odd = place in self._odd
        try:
            found: Found = await consumer.getmany(place, timeout_ms=0, max_records=1 if is_odd else MOST)
        except KafkaError:
            raise
        except Exception as why:
            # Also what lay before the one at fault was not given.
            consumer.seek(place, begun + is_odd)
            if is_odd:
                log.error("record_passed_over", topic=place.topic, position=begun, why=type(why).__name__)
                self._behind.add(place)
                await self._passed(place, begun)
            self._odd.add(place)
            return {}
        if found and place in self._behind:
            self._odd.discard(place)
            self._behind.discard(place)
        return found
