"""A Faust transport whose unit of delivery is a chunk (entry point `faust.transports`, `chunks`).

Faust spends 230 microseconds on passing one message on. Handed a chunk of 4,000, it spends that on
the chunk. Everything else stays Faust's: agents, groups, rebalancing, flow control. The two places
that differ: `_getmany` wraps each partition's records into one, and `seek_to_committed` asks
PostgreSQL, where position and state are committed together, and not Kafka.
"""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from buuta.errors import KafkaAway
from buuta.streaming.chunk import Chunk, chunk_of
from buuta.streaming.origin import Bounds
from buuta.streaming.parts import AskBounds

HINT_SECONDS: Final = 2.0
TAKEN_AWAY: Final = (AssertionError, IllegalStateError)
"""What aiokafka says of a partition that the group has taken away meanwhile: its thread knows it first."""
TakeOver = Callable[[AskBounds], Awaitable[Mapping[int, int]]]
"""Given how to ask for first position and end of each partition now assigned, the position to read it from."""


class ChunkSchema(faust.Schema):  # type: ignore[misc]
    """Hands the chunk through as it is: decoding is the worker's, by columns."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """A chunk has no key."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Chunk:
        """The chunk itself."""
        chunk: Chunk = message.value
        return chunk


class ChunkConsumer(driver.Consumer):  # type: ignore[misc]
    """Delivers each partition fetch as one message that holds a `Chunk`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hinted: dict[TP, float] = {}

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[TP, list[Chunk]]:
        fetched = await super()._getmany(active_partitions, timeout)
        return {
            tp: [chunk_of(tp.topic, tp.partition, records)] for tp, records in fetched.items() if records
        }

    def _to_message(self, tp: TP, record: Chunk) -> Any:
        return ConsumerMessage(
            record.topic, record.partition, record.start, 0.0, 0, [], None, record,
            None, 0, 0, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Take every assigned partition over from PostgreSQL, and read on from there."""
        assigned = list(self.assignment())
        if not assigned:
            return {}
        taken = await self.app.take_over(lambda: self._bounds(assigned))
        positions = {tp: taken[tp.partition] for tp in assigned if tp.partition in taken}
        await self.seek_wait(positions)
        return positions

    async def _bounds(self, partitions: list[TP]) -> dict[int, Bounds]:
        with _answering():
            first = await self.earliest_offsets(*partitions)
            ends = await self.highwaters(*partitions)
        return {tp.partition: (first[tp], ends[tp]) for tp in partitions}

    def owns(self, chunk: Chunk) -> bool:
        """Whether the chunk's partition is assigned to us."""
        return TP(chunk.topic, chunk.partition) in self.assignment()

    async def behind(self, positions: Mapping[int, int]) -> dict[int, int]:
        """How many records lie behind these positions, of the partitions that are assigned to us."""
        with _answering():
            ends = await self.highwaters(*self.assignment()) if self.assignment() else {}
        return {
            tp.partition: end - positions[tp.partition]
            for tp, end in ends.items()
            if tp.partition in positions
        }

    async def bounds(self, chunk: Chunk) -> dict[int, Bounds]:
        """First position and end of the chunk's partition, as the broker has them now."""
        return await self._bounds([TP(chunk.topic, chunk.partition)])

    async def reread(self, chunk: Chunk, position: int) -> None:
        """Fetch the chunk's partition again from `position`, if it is still ours."""
        with contextlib.suppress(*TAKEN_AWAY):
            await self.seek_wait({TP(chunk.topic, chunk.partition): position})

    async def hint(self, chunk: Chunk) -> int:
        """Tell Kafka now and then how far we are, for lag monitors; PostgreSQL holds the truth.

        Returns how many records still lie behind the chunk.
        """
        tp = TP(chunk.topic, chunk.partition)
        now = time.monotonic()
        if now - self._hinted.get(tp, 0.0) > HINT_SECONDS:
            self._hinted[tp] = now
            await self._thread.hint({tp: chunk.next})
        with contextlib.suppress(*TAKEN_AWAY):
            return max((self.highwater(tp) or chunk.next) - chunk.next, 0)
        return 0

    def _new_consumer_thread(self) -> "ChunkConsumerThread":
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """A broker that does not say where its log begins or ends is away, which is waited for.

    Raises:
        KafkaAway: instead of Kafka's own error.
    """
    try:
        yield
    except driver.KafkaError as away:
        raise KafkaAway(f"the log's bounds are not told: {type(away).__name__}") from away


def _as_parsed(_: TP, record: Any) -> Any:
    return record


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that talks to Kafka; a refused hint is no reason to die."""

    async def _fetch_records(self, consumer: Any, *args: Any, **options: Any) -> Any:
        """As Faust's, but records stay as they were parsed.

        aiokafka makes a `ConsumerRecord` with eleven fields of each: 1 of 1.6 microseconds a record,
        for what a chunk knows once. Both kinds have the fields of `chunk.Record`.
        """
        for fetched in consumer._fetcher._records.values():
            parsed = getattr(fetched, "_partition_records", None)
            if parsed is not None:
                parsed._consumer_record = _as_parsed
        return await super()._fetch_records(consumer, *args, **options)

    async def hint(self, positions: Mapping[TP, int]) -> None:
        """Commit positions as a hint; what Kafka thinks of it does not matter."""
        await self.call_thread(self._hint, positions)

    async def _hint(self, positions: Mapping[TP, int]) -> None:
        assigned = {tp: at for tp, at in positions.items() if tp in self.assignment()}
        if not assigned:
            return
        try:
            await self._ensure_consumer().commit(
                {driver.ensure_aiokafka_TP(tp): (at, "") for tp, at in assigned.items()}
            )
        except driver.KafkaError as refused:
            self.log.debug("Kafka refused the position hint: %r", refused)


class ChunkTransport(driver.Transport):  # type: ignore[misc]
    """`chunks://host:port`: Kafka through aiokafka, by the chunk."""

    Consumer = ChunkConsumer


class ChunkApp(faust.App):  # type: ignore[misc]
    """A Faust app whose partitions start from where `take_over` says."""

    take_over: TakeOver
