"""One schema id for which a registry has no answer is the trouble of its own records alone.

The registry is a real HTTP server, which fails for the ids that a test names.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from buuta.contracts.codec import CONFLUENT, Codec, decode_datum
from buuta.contracts.registry import TRIES, SchemaRegistry
from buuta.contracts.schemas import NAMES, schema
from buuta.settings import SharedSettings
from buuta.storage.background import running
from buuta.telemetry import metrics
from services.ingest.doors.kafka import KafkaDoor
from services.ingest.doors.records import read
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import add_carrier, intake_on, log, quarantined
from tests.integration.parts import everything, producer_on
from tests.integration.test_kafka_door import carriers_with_topics
from tests.scans import scan
from tests.waiting import until

GOOD, SICK, OTHER = 71, 72, 73
SCAN = scan("delivered", 1, raw_code="delivered")
DATUM_AT = 10


def by_id(schema_id: int, **more: Any) -> bytes:
    datum = Codec().encode("ScanEvent", SCAN._replace(**more)._asdict())[DATUM_AT:]
    return b"\x00" + schema_id.to_bytes(4, "big") + datum


class Registry:
    """An HTTP server with the schema of a scan under every id, which answers some ids with a status, or never."""

    def __init__(self) -> None:
        self.trouble: dict[int, int | None] = {}
        self.schemas: dict[int, str] = {}
        self.is_away = False
        self.asked: Counter[str] = Counter()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            _, path, *_ = head.split()
            size = head.partition("content-length:")[2].split()[:1] or ["0"]
            await reader.readexactly(int(size[0]))
            self.asked[path] += 1
            status = await self._status(path)
            text = self.schemas.get(_id_in(path), schema("ScanEvent").text)
            said = json.dumps({"id": 1, "schema": text} if status == 200 else {}).encode()
            writer.write(
                b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(said))
                + said
            )
            await writer.drain()
        writer.close()

    async def _status(self, path: str) -> int:
        if self.is_away:
            return 503
        status = self.trouble.get(_id_in(path), 200)
        if status is None:
            await asyncio.Event().wait()
            raise AssertionError("never")
        return status


def _id_in(path: str) -> int:
    """The id that is asked for; -1 where it is none."""
    return int(path.rpartition("/")[2]) if "/ids/" in path else -1


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


@contextlib.asynccontextmanager
async def codec_of(registry: Registry, patience: float = 0.0, answer: float = 2.0) -> AsyncIterator[Codec]:
    async with httpx.AsyncClient(base_url=registry.url) as client:
        ids = SchemaRegistry(client, patience, answer)
        await ids.prepare(NAMES)
        yield Codec(ids)


@pytest.fixture
async def kafka_door(settings: SharedSettings, pool: Any, registry: Registry) -> AsyncIterator[KafkaDoor]:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    async with producer_on(settings) as producer, codec_of(registry) as codec:
        yield KafkaDoor(settings.kafka, intake_on(settings, producer, pool), codec, pause=0.01)


async def numbers(settings: SharedSettings) -> list[str]:
    """The numbers of the scans in the log, in whichever framing they lie there."""
    records = await everything(settings, settings.events_topic, range(settings.partitions))
    datums = [each.value[5 if each.value[:1] == CONFLUENT else DATUM_AT :] for each in records]
    return sorted(decode_datum(schema("ScanEvent"), datum)["number"] for datum in datums)


async def replayed(settings: SharedSettings, registry: Registry) -> str:
    own = settings.model_copy(update={"schema_registry_url": registry.url})
    return (await buuta(own, "quarantine", "replay", "--carrier", "vnp")).said


@pytest.mark.parametrize("status", [500, 401, 429, None], ids=["500", "401", "429", "hangs"])
async def test_an_id_that_fails_alone_is_set_aside_with_its_bytes_and_its_neighbours_go_on(
    kafka_door: KafkaDoor, settings: SharedSettings, pool: Any, registry: Registry, status: int | None
) -> None:
    registry.trouble[SICK] = status
    given_up = metrics.SCHEMAS_UNANSWERED._value.get()
    sick = by_id(SICK, number="Z82BT")
    async with asyncio.timeout(60):
        await kafka_door.take_each("vnp", [by_id(GOOD), sick, by_id(OTHER, number="Z82BU")])
    assert await numbers(settings) == ["Z82BS", "Z82BU"]
    [kept] = await quarantined(settings, pool)
    assert (kept.reason, kept.said) == ("schema_unknown", sick)
    assert registry.asked[f"/schemas/ids/{SICK}"] >= TRIES
    assert metrics.SCHEMAS_UNANSWERED._value.get() == given_up + 1
    registry.trouble.clear()
    assert "1 sent on, 0 wait on." in await replayed(settings, registry)
    assert await numbers(settings) == ["Z82BS", "Z82BT", "Z82BU"]


MORE = {
    "2^62 nulls": ({"type": "array", "items": "null"}, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"),
    "a list nested a hundred thousand deep": (
        {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}, b"\x02" * 100_000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
async def test_a_record_without_an_end_is_set_aside_alone_and_its_neighbours_of_the_same_schema_are_taken(
    kafka_door: KafkaDoor, settings: SharedSettings, pool: Any, registry: Registry, name: str
) -> None:
    kind, endless = MORE[name]
    newer = json.loads(schema("ScanEvent").text)
    newer["fields"].append({"name": "more", "type": kind})
    registry.schemas[OTHER] = json.dumps(newer)
    hostile = by_id(OTHER, number="Z82BT") + endless
    async with asyncio.timeout(60):
        await kafka_door.take_each("vnp", [by_id(OTHER) + b"\x00", hostile, by_id(GOOD, number="Z82BU")])
    assert await numbers(settings) == ["Z82BS", "Z82BU"]
    [kept] = await quarantined(settings, pool)
    assert (kept.reason, kept.said) == ("record_undecodable", hostile)


async def test_what_waits_for_an_id_that_fails_keeps_no_other_from_being_replayed(
    kafka_door: KafkaDoor, settings: SharedSettings, registry: Registry
) -> None:
    registry.trouble = {SICK: 500, OTHER: 500}
    async with asyncio.timeout(60):
        await kafka_door.take_each("vnp", [by_id(SICK), by_id(OTHER, number="Z82BT")])
    del registry.trouble[OTHER]
    assert "1 sent on, 1 wait on." in await replayed(settings, registry)
    assert await numbers(settings) == ["Z82BT"]


async def test_a_registry_that_is_away_as_a_whole_is_waited_for_and_nothing_set_aside(
    kafka_door: KafkaDoor, settings: SharedSettings, pool: Any, registry: Registry
) -> None:
    registry.is_away = True
    taking = asyncio.create_task(kafka_door.take_each("vnp", [by_id(GOOD)]))

    async def asked_often() -> bool:
        return registry.asked[f"/schemas/ids/{GOOD}"] > 2 * TRIES

    await until(asked_often, "the registry is asked again and again", 30)
    assert await quarantined(settings, pool) == []
    registry.is_away = False
    async with asyncio.timeout(30):
        await taking
    assert len(await log(settings)) == 1


async def test_an_id_is_not_given_up_before_it_has_failed_for_long(registry: Registry) -> None:
    registry.trouble[SICK] = 500
    async with codec_of(registry, patience=3_600.0) as codec:
        for _ in range(2 * TRIES):
            with pytest.raises(Exception, match=f"not for its id {SICK}"):
                await codec.learn([by_id(SICK)])
        registry.trouble.clear()
        await codec.learn([by_id(SICK)])
        assert read(codec, by_id(SICK)).number == "Z82BS"


async def test_ids_that_hang_do_not_add_up_and_the_others_are_learnt(registry: Registry) -> None:
    registry.trouble = dict.fromkeys(range(100, 108))
    async with codec_of(registry, patience=3_600.0, answer=2.0) as codec:
        async with asyncio.timeout(8):
            with pytest.raises(Exception, match="not for its id"):
                await codec.learn([*(by_id(each) for each in registry.trouble), by_id(GOOD)])
        assert read(codec, by_id(GOOD)).number == "Z82BS"


async def test_of_an_id_that_no_registry_can_have_nobody_is_asked(registry: Registry) -> None:
    async with codec_of(registry) as codec:
        await codec.learn([by_id(2**31)])
    assert not any("/ids/" in path for path in registry.asked)


async def test_six_lanes_that_wait_for_an_id_that_hangs_leave_the_seventh_going(
    settings: SharedSettings, pool: Any, registry: Registry
) -> None:
    registry.trouble[SICK] = None
    *waiting, good = await carriers_with_topics(settings, pool, *(f"w{place}" for place in range(6)), "g")
    values: Sequence[tuple[str, bytes]] = [*((code, by_id(SICK)) for code in waiting), (good, by_id(GOOD))]
    async with producer_on(settings) as producer, codec_of(registry, 3_600.0, 3_600.0) as codec:
        door = KafkaDoor(settings.kafka, intake_on(settings, producer, pool), codec, pause=0.01)
        for code, value in values[:-1]:
            await producer.send(f"carrier.{code}.scans", b"key", value)
        async with running(door.run()):

            async def all_wait() -> bool:
                return registry.asked[f"/schemas/ids/{SICK}"] >= len(waiting)

            await until(all_wait, "six lanes wait for the registry", 60)
            await producer.send(f"carrier.{good}.scans", b"key", values[-1][1])
            await until(partial(_reported, settings, good), "the seventh carrier's scan is in the log", 30)


async def _reported(settings: SharedSettings, code: str) -> bool:
    return [event["carrier"] for event in await log(settings)] == [code]
