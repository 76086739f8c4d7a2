"""A record that the client itself cannot take apart stops its own partition for a moment, and no other carrier."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer import message_accumulator
from aiokafka.producer import producer as producer_module
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from buuta.errors import KafkaAway
from buuta.settings import SharedSettings
from services.ingest.app import wire
from services.ingest.doors import pulling
from services.ingest.doors.pulling import Pull
from services.ingest.settings import IngestSettings
from tests.integration.doors import log, quarantined
from tests.integration.test_kafka_door import carriers_with_topics, encoded
from tests.waiting import until

ODD, GOOD = TopicPartition("carrier.odd.scans", 0), TopicPartition("carrier.vnp.scans", 0)
BATCH = 4
LOGS = {ODD: list("abcdefghij"), GOOD: list("0123456789")}


class Client:
    """A consumer as aiokafka's: it reads a batch from its beginning, and forgets what it gave when it raises."""

    def __init__(self, broken: int) -> None:
        self.at = dict.fromkeys(LOGS, 0)
        self._broken = broken

    def assignment(self) -> set[TopicPartition]:
        return set(LOGS)

    def paused(self) -> set[TopicPartition]:
        return set()

    async def position(self, place: TopicPartition) -> int:
        return self.at[place]

    def seek(self, place: TopicPartition, position: int) -> None:
        self.at[place] = position

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[Any, list[str]]:
        found = {}
        for place in places or (GOOD, ODD):
            given: list[str] = []
            begun = self.at[place]
            for offset in range(begun - begun % BATCH, len(LOGS[place])):
                if len(given) == max_records:
                    break
                if place == ODD and offset == self._broken:
                    raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
                if offset >= begun:
                    given.append(LOGS[place][offset])
                    self.at[place] = offset + 1
            if given:
                found[place] = given
        return found


async def test_a_header_that_is_no_utf8_stops_no_other_topic_and_what_lies_around_it_comes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulling, "WAIT_SECONDS", 0.01)
    passed: list[tuple[TopicPartition, int]] = []

    async def note(place: TopicPartition, position: int) -> None:
        passed.append((place, position))

    pull, client = Pull(note), Client(broken=5)
    came: dict[TopicPartition, list[str]] = {ODD: [], GOOD: []}
    for _ in range(20):
        try:
            for place, records in (await pull.next(client)).items():
                came[place] += records
        except KafkaAway:
            # The door begins anew from what is committed, with another consumer.
            client = Client(broken=5)
    assert came == {GOOD: LOGS[GOOD], ODD: list("abcde") + list("ij")}
    assert passed == [(ODD, 5), (ODD, 6), (ODD, 7)]


class NoText(str):
    """The name of a header as no Kafka client of Python would write it, and one in C does."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


async def append(settings: SharedSettings, topic: str, number: str, *headers: tuple[str, bytes]) -> None:
    """Append a scan by a producer whose batches are built in Python."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (message_accumulator, producer_module):
            patch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
        async with AIOKafkaProducer(bootstrap_servers=settings.kafka) as producer:
            await producer.send_and_wait(topic, encoded(number=number), headers=list(headers))


async def test_of_a_running_ingest_one_carriers_broken_record_stops_nobody(
    settings: SharedSettings, pool: Any
) -> None:
    odd, other = await carriers_with_topics(settings, pool, "a", "b")
    await append(settings, f"carrier.{odd}.scans", "NN1")
    await append(settings, f"carrier.{odd}.scans", "NN2", (NoText("name"), b"value"))
    await append(settings, f"carrier.{odd}.scans", "NN3")
    await append(settings, f"carrier.{other}.scans", "NN4")

    async def there() -> bool:
        return {each["number"] for each in await log(settings)} == {"NN1", "NN3", "NN4"}

    async with wire(IngestSettings(**settings.model_dump() | {"ingest_kafka_door": True})):
        await until(there, "what lies around it is in the log")
    [kept] = await quarantined(settings, pool)
    assert (kept.carrier, kept.reason, kept.said) == (odd, "record_broken", b"partition 0, position 1")
