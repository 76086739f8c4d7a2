"""The Kafka door: carriers that have Kafka produce `ScanEvent` to `carrier.CODE.scans`.

Who they are follows from the topic, which the broker lets nobody else write to, and not from what the record says:
carrier, id, status, receipt and mapping are ours. A position is committed when its scans are in the log; what comes
twice has one id. Each partition is a lane of its own: a record that is wrong is set aside alone, and a topic that
is slow, or whose records fail, keeps no other waiting. What a lane needs a permit for is work: while it waits, for
the schema registry or longer than work takes, it holds none.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from buuta.contracts.codec import Codec
from buuta.errors import BadItem, KafkaAway
from buuta.storage.background import is_waited_for, run_forever, until_done
from buuta.telemetry.clock import now_ms
from buuta.telemetry.ending import end
from services.ingest.domain.recipe import Receipt
from services.ingest.doors.pulling import Pull
from services.ingest.doors.records import read_each, told
from services.ingest.intake import Intake
from services.ingest.storage import reporting

log = structlog.get_logger()
DOOR: Final = "kafka"
TOPICS: Final = r"^carrier\.[a-z][a-z0-9]{1,15}\.scans$"
GROUP: Final = "buuta-ingest"
SLICE: Final = 500
SLICE_BYTES: Final = 1_000_000
"""So much is taken in at once, between which other work of the process goes on."""
AT_ONCE: Final = 4
"""Takes that work at the same time, of a topic one; as many of topics whose last take waited."""
READ_AT_ONCE: Final = 2
"""Slices that are read at the same time, of a topic one: each in a thread, of which the process has few."""
WORK_SECONDS: Final = 1.0
"""So long a take counts as work; from then on it waits, and others have its permit."""
PAUSE_SECONDS: Final = 5.0
TAKE_SECONDS: Final = 60.0
TRIES: Final = 3
NEW_TOPICS_MS: Final = 30_000


class KafkaDoor:
    """Takes in what carriers produce; several processes share the topics' partitions."""

    def __init__(self, bootstrap: str, intake: Intake, codec: Codec, pause: float = PAUSE_SECONDS) -> None:
        self._bootstrap = bootstrap
        self._intake = intake
        self._codec = codec
        self._pause = pause
        self._permits = Permits()
        self._pull = Pull(self._passed_over)
        self._reading = asyncio.Semaphore(READ_AT_ONCE)
        self._reading_of: dict[str, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, 1))

    async def run(self) -> None:
        """Take in for ever; what is away now is tried again from the last committed position."""
        await run_forever("kafka_door", self._consume, self._pause, within=None)

    async def _consume(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=GROUP, enable_auto_commit=False,
            auto_offset_reset="earliest", metadata_max_age_ms=NEW_TOPICS_MS,
        )  # fmt: skip
        consumer.subscribe(pattern=TOPICS)
        lanes: dict[TopicPartition, asyncio.Task[None]] = {}
        try:
            await consumer.start()
            while True:
                found = await self._pull.next(consumer)
                _end_with_those_that_failed(lanes)
                for place, records in found.items():
                    if place in lanes:
                        # It was taken away and given back: what it was at comes again.
                        await end(lanes.pop(place))
                    consumer.pause(place)
                    lanes[place] = asyncio.create_task(self._lane(consumer, place, records))
        except KafkaError as away:
            raise KafkaAway(f"the broker does not answer: {type(away).__name__}") from away
        finally:
            try:
                await end(*lanes.values())
            finally:
                await consumer.stop()

    async def _lane(self, consumer: Any, place: TopicPartition, records: Sequence[Any]) -> None:
        """Take a partition's records in, whatever it takes, and read on."""
        code = place.topic.split(".")[1]
        for part in _slices(records):
            await self.take_each(code, [record.value or b"" for record in part])
            try:
                await consumer.commit({place: part[-1].offset + 1})
            except KafkaError as why:
                # Another process has the partition now, or will be told later; nothing counts twice.
                log.warning("kafka_door_commit_failed", topic=place.topic, why=type(why).__name__)
        if place in consumer.assignment():
            consumer.resume(place)

    async def take_each(self, code: str, values: Sequence[bytes]) -> None:
        """Take records in until all are safe; one at which something of ours fails is set aside by itself."""
        for tried in range(1 if len(values) > 1 else TRIES):
            try:
                await self._patiently(code, values)
            except Exception as why:
                name = type(why).__name__
                log.warning(
                    "kafka_door_records_failed", carrier=code, records=len(values), tried=tried, why=name
                )
            else:
                return
        half = len(values) // 2
        if not half:
            await self._set_aside(code, values)
            return
        await self.take_each(code, values[:half])
        await self.take_each(code, values[half:])

    async def _patiently(self, code: str, values: Sequence[bytes]) -> None:
        """Take records in, again and again while a part that is needed is away."""
        while True:
            try:
                await self._codec.learn(values)
                async with self._permits.one(code), asyncio.timeout(TAKE_SECONDS):
                    return await self.take(code, values)
            except Exception as why:
                if not is_waited_for(why):
                    raise
            await asyncio.sleep(self._pause)

    async def _set_aside(self, code: str, values: Sequence[bytes]) -> None:
        keep = partial(self._intake.keep, Receipt(code, DOOR, now_ms()), "record_failed", *values)
        await until_done("kafka_door_setting_aside", keep, self._pause)

    async def _passed_over(self, place: TopicPartition, position: int) -> None:
        """Note in quarantine which record nobody could take apart: what it holds lies in its topic alone."""
        where = f"partition {place.partition}, position {position}".encode()
        keep = partial(
            self._intake.keep, Receipt(place.topic.split(".")[1], DOOR, now_ms()), "record_broken", where
        )
        await until_done("kafka_door_setting_aside", keep, self._pause)

    async def take(self, code: str, values: Sequence[bytes]) -> None:
        """Take records of one carrier in, whose schemas were learnt; what is refused is set aside as it came.

        Raises:
            Retry: not all are safe; they come again.
        """
        try:
            carrier = await reporting(self._intake.pool, code)
        except BadItem as bad:
            await self._intake.keep(Receipt(code, DOOR, now_ms()), bad.code, *values)
            return
        receipt = carrier.receipt(DOOR, now_ms())
        async with self._reading_of[code], self._reading:
            found = await asyncio.to_thread(read_each, self._codec, values)
        answers = await self._intake.take(carrier, receipt, values, partial(told, found))
        await self._intake.keep_rejected(carrier, receipt, values, answers)


class Permits:
    """Who may work: of a topic one lane, of all so many; a take that is not done after so long waits, and has none.

    Topics whose last take waited have permits of their own: however many hang, they hold no other up once more.
    """

    def __init__(self, work: float = WORK_SECONDS) -> None:
        self._work = work
        self._of_topic: dict[str, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, 1))
        self._common = asyncio.Semaphore(AT_ONCE)
        self._of_slow = asyncio.Semaphore(AT_ONCE)
        self._slow: set[str] = set()

    @contextlib.asynccontextmanager
    async def one(self, code: str) -> AsyncIterator[None]:
        """A carrier's permit, for as long as its take works."""
        with contextlib.ExitStack() as held:
            await _hold(held, self._of_topic[code])
            await _hold(held, self._of_slow if code in self._slow else self._common)
            self._slow.discard(code)
            timer = asyncio.get_running_loop().call_later(self._work, self._waits, code, held)
            try:
                yield
            finally:
                timer.cancel()

    def _waits(self, code: str, held: contextlib.ExitStack) -> None:
        """Give back what a take holds that only waits."""
        self._slow.add(code)
        held.close()


async def _hold(held: contextlib.ExitStack, permit: asyncio.Semaphore) -> None:
    await permit.acquire()
    held.callback(permit.release)


def _end_with_those_that_failed(lanes: dict[TopicPartition, asyncio.Task[None]]) -> None:
    """Forget the lanes that ended well; one that did not leaves its partition paused, so all begin anew.

    Raises:
        Exception: what a lane did not think of.
    """
    for place in [place for place, lane in lanes.items() if lane.done()]:
        ended = lanes.pop(place)
        if not ended.cancelled():
            ended.result()


def _slices(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The records in their order, so many at once as are quickly taken in."""
    part: list[Any] = []
    size = 0
    for record in records:
        part.append(record)
        size += len(record.value or b"")
        if len(part) == SLICE or size > SLICE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
