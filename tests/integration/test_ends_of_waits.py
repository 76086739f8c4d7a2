"""Every wait for Kafka and the schema registry has an end: a broker that brings nothing, a server that drips."""

import asyncio
import contextlib
from typing import Any

import httpx
import pytest

from buuta.audit import archive
from buuta.contracts import registry
from buuta.errors import KafkaAway, Retry
from buuta.settings import SharedSettings
from buuta.streaming import dead_letters
from buuta.streaming.ends import read_ends
from buuta.streaming.producer import Producer
from buuta.telemetry.health import Readiness
from tests.integration.parts import producer_on
from tests.waiting import until

HEADERS = [(name, b"1") for name in dead_letters.SOURCE]
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def silenced(settings: SharedSettings, monkeypatch: pytest.MonkeyPatch) -> SharedSettings:
    """Settings of a broker that has told of more than it brings."""
    async with producer_on(settings) as producer:
        for _ in range(3):
            await producer.send(settings.dead_letters_topic, b"k", b"v", HEADERS)
        await producer.send_to(settings.events_topic, 0, [(b"k", b"v")] * 3)

    async def of_more(consumer: Any, places: Any) -> Any:
        ends = await read_ends(consumer, places)
        for place in places:
            ends[place] += 1
        return ends

    for module in (dead_letters, archive):
        monkeypatch.setattr(module, "read_ends", of_more)
        monkeypatch.setattr(module, "SILENT_SECONDS", 1.0)
    return settings


async def test_letters_that_a_broker_does_not_bring_are_not_waited_for_for_ever(
    silenced: SharedSettings,
) -> None:
    letters = dead_letters.letters(silenced)
    for _ in range(3):
        await anext(letters)
    with pytest.raises(KafkaAway):
        await anext(letters)


async def test_neither_are_records_for_an_archive(silenced: SharedSettings) -> None:
    chunks = archive.log_chunks(silenced, silenced.events_topic, {})
    assert len((await anext(chunks)).records) == 3
    with pytest.raises(KafkaAway):
        await anext(chunks)


async def test_a_registry_whose_answer_drips_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

    monkeypatch.setattr(registry, "ANSWER_SECONDS", 1.0)
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(Retry):
            await registry.SchemaRegistry(client).learn([b"\x00\x00\x00\x00\x07x"])
    server.close()


async def test_a_broker_that_is_silent_is_known_to_be_away_before_anybody_sends(
    settings: SharedSettings,
) -> None:
    readiness = Readiness()
    producer = Producer(settings, readiness)
    await producer.start()
    await producer.connected()
    ask = producer._kafka.client.send

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    producer._kafka.client.send = never

    async def waits() -> bool:
        return "kafka" in readiness.waiting

    async def there() -> bool:
        return not readiness.waiting

    await until(waits, "readiness names Kafka", 15)
    producer._kafka.client.send = ask
    await until(there, "Kafka is there again", 15)
    await producer.stop()
