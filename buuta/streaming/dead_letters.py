"""Dead letters: bytes that nobody can read or store, kept as received with the reason beside them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from buuta.errors import BadItem, Unsendable
from buuta.settings import SharedSettings
from buuta.streaming.away import unanswered
from buuta.streaming.chunk import Chunk
from buuta.streaming.ends import read_ends
from buuta.streaming.producer import Producer

SILENT_SECONDS: Final = 30.0
"""So long a broker that has more may bring nothing before it counts as away."""
SOURCE: Final = ("reason", "topic", "partition", "offset")
"""The headers that say where a letter comes from; those behind them are the record's own."""
TOO_LARGE: Final = "too large to be kept here, it lies in its topic"
"""What the reason ends with where Kafka takes no second record of that size."""


class DeadLetters:
    """The topic `dead-letters`: key and value as received, reason and source in the headers."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def keep(self, chunk: Chunk, reasons: Mapping[int, str]) -> None:
        """Keep the records at these places of the chunk; acknowledged before this returns.

        A worker that dies between this and its commit keeps them twice: source topic, partition and
        offset in the headers tell one from the other.

        Raises:
            KafkaAway: not acknowledged; the chunk must be tried again.
        """
        for place, reason in sorted(reasons.items()):
            record = chunk.records[place]
            # Kafka wants a key or a value; a record without both keeps an empty key.
            key = b"" if record.key is None and record.value is None else record.key
            try:
                headers = [*_source(chunk, record, reason), *record.headers]
                await self._producer.send(self._topic, key, record.value, headers)
            except Unsendable:
                headers = _source(chunk, record, f"{reason}; {TOO_LARGE}")
                await self._producer.send(self._topic, b"", None, headers)


def _source(chunk: Chunk, record: Any, reason: str) -> list[tuple[str, bytes]]:
    said = (reason, chunk.topic, str(chunk.partition), str(record.offset))
    return [(name, value.encode()) for name, value in zip(SOURCE, said, strict=True)]


@dataclass(frozen=True)
class Letter:
    """A dead letter: its number in the topic, why it is dead, where it came from, and the record itself."""

    number: int
    reason: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


async def letters(settings: SharedSettings) -> AsyncIterator[Letter]:
    """All dead letters, in their order; ends at the end that the topic has now.

    Raises:
        KafkaAway: no broker answers.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        await consumer.start()
        place = TopicPartition(settings.dead_letters_topic, 0)
        consumer.assign([place])
        end = (await read_ends(consumer, [place]))[place]
        await consumer.seek_to_beginning(place)
        while await consumer.position(place) < end:
            async with asyncio.timeout(SILENT_SECONDS):
                record = await consumer.getone()
            yield _letter(record)
    except (TimeoutError, KafkaError) as away:
        raise unanswered(away) from away
    finally:
        await consumer.stop()


async def dead_places(settings: SharedSettings, topic: str) -> set[tuple[int, int]]:
    """Partition and position of every record of a topic that was set aside and not applied.

    Raises:
        KafkaAway: no broker answers.
    """
    return {
        (letter.partition, letter.offset) async for letter in letters(settings) if letter.topic == topic
    }


def _letter(record: Any) -> Letter:
    source = {name: value.decode("utf-8", "replace") for name, value in record.headers[: len(SOURCE)]}
    return Letter(
        record.offset, source["reason"], source["topic"], int(source["partition"]), int(source["offset"]),
        record.key, record.value,
    )  # fmt: skip


SETTLE: Final = """
insert into settled_letters (number, how, why) values ($1, $2, $3)
on conflict (number) do update set how = excluded.how, why = excluded.why, settled_at = now()
"""


async def settle(con: Any, letter: Letter, how: str, why: str) -> None:
    """Note that a letter was `dropped` or `replayed`, and why; the topic keeps it all the same."""
    await con.execute(SETTLE, letter.number, how, why)


async def settled(con: Any) -> dict[int, str]:
    """How the letters were settled that nobody needs to look at again, by number."""
    rows = await con.fetch("select number, how || ': ' || why as said from settled_letters")
    return {row["number"]: row["said"] for row in rows}


async def replay(producer: Producer, letter: Letter) -> None:
    """Append a letter to the partition that it came from; it is read again like any other record.

    Raises:
        KafkaAway: not acknowledged; sending it again is safe, for what is read twice counts once.
        BadItem: the letter is not whole.
    """
    if letter.reason.endswith(TOO_LARGE):
        raise BadItem(
            "letter_not_whole",
            f"letter {letter.number} is {TOO_LARGE} ({letter.topic}, offset {letter.offset})",
        )
    await producer.send_to(letter.topic, letter.partition, [(letter.key or b"", letter.value or b"")])
