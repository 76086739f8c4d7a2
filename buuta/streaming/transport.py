"""A Faust transport whose unit of delivery is a chunk (entry point `faust.transports`, `chunks`).

Faust spends 230 microseconds on passing one message on. Handed a chunk of 4,000, it spends that on
the chunk. Everything else stays Faust's: agents, groups, rebalancing, flow control. The two places
that differ: `_getmany` wraps each partition's records into one, and `seek_to_committed` asks
PostgreSQL, where position and state are committed together, and not Kafka.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from buuta.errors import KafkaAway
from buuta.streaming.budget import Budget
from buuta.streaming.chunk import Chunk
from buuta.streaming.ends import bounds
from buuta.streaming.origin import Bounds
from buuta.streaming.parts import AskBounds

HINT_SECONDS: Final = 2.0
FULL_SECONDS: Final = 0.02
"""After so long a look whether a full partition has room again; Faust's own pausing would cost 0.3 s."""
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
        self._hinting: dict[TP, asyncio.Future[None]] = {}

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[TP, list[Chunk]]:
        budget = self.app.budget
        hungry = budget.hungry(active_partitions)
        if not hungry:
            await asyncio.sleep(FULL_SECONDS)
            return {}
        # A partition that is full now may be hungry soon, and would wait until others bring something.
        patience = timeout if len(hungry) == len(active_partitions) else FULL_SECONDS
        fetched = await super()._getmany(hungry, patience)
        return {tp: [budget.chunk(tp, records)] for tp, records in fetched.items() if records}

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
        self.app.budget.own(len(assigned))
        await self._thread.keep_within(self.app.budget)
        taken = await self.app.take_over(lambda: self._bounds(assigned))
        positions = {tp: taken[tp.partition] for tp in assigned if tp.partition in taken}
        await self.seek_wait(positions)
        return positions

    async def _bounds(self, partitions: list[TP]) -> dict[int, Bounds]:
        with _answering():
            found = await self._thread.bounds(partitions)
        return {tp.partition: found[tp] for tp in partitions}

    def owns(self, chunk: Chunk) -> bool:
        """Whether the chunk's partition is assigned to us."""
        return TP(chunk.topic, chunk.partition) in self.assignment()

    async def behind(self, positions: Mapping[int, int]) -> dict[int, int]:
        """How many records lie behind these positions, of the partitions that are assigned to us."""
        assigned = [tp for tp in self.assignment() if tp.partition in positions]
        found = await self._bounds(assigned) if assigned else {}
        return {partition: end - positions[partition] for partition, (_, end) in found.items()}

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
        under_way = self._hinting.get(tp)
        if now - self._hinted.get(tp, 0.0) > HINT_SECONDS and (under_way is None or under_way.done()):
            self._hinted[tp] = now
            # Nobody waits for it: a broker that is silent would hold up what comes behind a committed chunk.
            self._hinting[tp] = asyncio.ensure_future(self._thread.hint({tp: chunk.next}))
        with contextlib.suppress(*TAKEN_AWAY):
            return max((self.highwater(tp) or chunk.next) - chunk.next, 0)
        return 0

    def _new_consumer_thread(self) -> "ChunkConsumerThread":
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """A broker that does not say where its log begins or ends is away, which is waited for.

    Raises:
        KafkaAway: instead of Kafka's own error, or of none in time.
    """
    try:
        yield
    except (TimeoutError, driver.KafkaError) as away:
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

    async def keep_within(self, budget: Budget) -> None:
        """Ask for no more at once than the budget has room for."""
        consumer = self._ensure_consumer()
        consumer._max_poll_records = budget.chunk_records
        consumer._fetcher._max_partition_fetch_bytes = budget.fetch_bytes

    async def bounds(self, partitions: Sequence[TP]) -> Mapping[TP, Bounds]:
        """First position and end of these partitions.

        Raises:
            TimeoutError, KafkaError: they are not told.
        """
        found: Mapping[TP, Bounds] = await self.call_thread(self._bounds, partitions)
        return found

    async def _bounds(self, partitions: Sequence[TP]) -> Mapping[TP, Bounds]:
        """Ended here and not by who waits for it: the thread has two hands, and one of them fetches."""
        places = [driver.ensure_aiokafka_TP(tp) for tp in partitions]
        async with asyncio.timeout(self.app.answer_seconds):
            found = await bounds(self._ensure_consumer(), places)
        return {TP(place.topic, place.partition): each for place, each in found.items()}

    async def hint(self, positions: Mapping[TP, int]) -> None:
        """Commit positions as a hint; what Kafka thinks of it does not matter."""
        await self.call_thread(self._hint, positions)

    async def _hint(self, positions: Mapping[TP, int]) -> None:
        assigned = {tp: at for tp, at in positions.items() if tp in self.assignment()}
        if not assigned:
            return
        try:
            async with asyncio.timeout(self.app.answer_seconds):
                await self._ensure_consumer().commit(
                    {driver.ensure_aiokafka_TP(tp): (at, "") for tp, at in assigned.items()}
                )
        except (TimeoutError, driver.KafkaError) as refused:
            self.log.debug("Kafka refused the position hint: %r", refused)


class ChunkTransport(driver.Transport):  # type: ignore[misc]
    """`chunks://host:port`: Kafka through aiokafka, by the chunk."""

    Consumer = ChunkConsumer


class ChunkApp(faust.App):  # type: ignore[misc]
    """A Faust app whose partitions start from where `take_over` says."""

    take_over: TakeOver
    budget: Budget
    answer_seconds: float
    """How long a broker may take to answer before it counts as away."""
