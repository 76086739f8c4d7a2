"""While Kafka is away a report goes into the spool, and from there into the log: none lost, all in order."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from buuta.contracts.codec import Codec
from buuta.embedded.processes import free_port
from buuta.errors import KafkaAway
from buuta.settings import SharedSettings
from buuta.streaming.producer import Pair
from services.ingest.app import wire
from services.ingest.settings import IngestSettings
from services.ingest.spool import Spool
from services.ingest.storage import Carrier
from tests.integration.doors import GOOD, add_carrier, inside, log, ready
from tests.integration.parts import database_away
from tests.scans import scan as journey
from tests.waiting import until


class Log:
    """What a Kafka would hold that is away now and then."""

    def __init__(self) -> None:
        self.away = False
        self.records: list[Pair] = []

    async def send(self, pairs: Sequence[Pair]) -> None:
        if self.away:
            raise KafkaAway("away")
        self.records += pairs


def scan(key: str, number: int) -> Pair:
    return key.encode(), b"%d" % number


async def waiting(pool: Any) -> int:
    count: int = await pool.fetchval("select count(*) from spool")
    return count


async def test_what_kafka_does_not_take_waits_and_what_comes_later_queues_up_behind_it(pool: Any) -> None:
    kafka = Log()
    spool = Spool(pool, kafka.send, 1000)
    await spool.put([scan("a", 1)])
    kafka.away = True
    await spool.put([scan("a", 2), scan("b", 1)])
    kafka.away = False
    await spool.put([scan("a", 3)])
    assert (len(kafka.records), await waiting(pool)) == (1, 3)
    assert await spool.drain() == 3
    await spool.put([scan("a", 4)])
    assert [value for key, value in kafka.records if key == b"a"] == [b"1", b"2", b"3", b"4"]
    assert await waiting(pool) == 0


async def test_a_process_that_starts_queues_up_behind_what_another_left(pool: Any) -> None:
    kafka = Log()
    kafka.away = True
    await Spool(pool, kafka.send, 1000).put([scan("a", 1)])
    later = Spool(pool, kafka.send, 1000)
    with pytest.raises(KafkaAway):
        await later.drain()
    await later.put([scan("a", 2)])
    kafka.away = False
    await later.drain()
    assert [value for _, value in kafka.records] == [b"1", b"2"]


async def test_a_full_spool_refuses_and_so_does_one_whose_database_is_away(
    pool: Any, settings: SharedSettings
) -> None:
    kafka = Log()
    kafka.away = True
    spool = Spool(pool, kafka.send, 2)
    await spool.put([scan("a", 1), scan("a", 2)])
    fresh = Spool(pool, kafka.send, 2)
    with pytest.raises(KafkaAway):
        await fresh.put([scan("a", 3)])
    async with database_away(settings):
        with pytest.raises(KafkaAway):
            await Spool(pool, kafka.send, 1000).put([scan("a", 3)])
        kafka.away = False
        await spool.put([scan("a", 4)])
    assert [value for _, value in kafka.records] == [b"4"], "either of the two is enough"
    assert await waiting(pool) == 2


async def test_killed_between_the_acknowledgement_and_the_delete_it_sends_again(pool: Any) -> None:
    kafka = Log()
    kafka.away = True
    spool = Spool(pool, kafka.send, 1000)
    await spool.put([scan("a", 1)])
    kafka.away = False

    async def killed(pairs: Sequence[Pair]) -> None:
        await kafka.send(pairs)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Spool(pool, killed, 1000).drain()
    assert await spool.drain() == 1
    assert [value for _, value in kafka.records] == [b"1", b"1"], "one id twice, which counts once"


async def test_a_scan_whose_transaction_ends_during_a_drain_is_not_deleted_unsent(pool: Any) -> None:
    kafka = Log()
    kafka.away = True
    spool = Spool(pool, kafka.send, 1000)
    async with pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("insert into spool (key, value) values ('a', '1')")
        await spool.put([scan("a", 2)])

        async def meanwhile(pairs: Sequence[Pair]) -> None:
            await transaction.commit()
            kafka.records.extend(pairs)

        assert await Spool(pool, meanwhile, 1000).drain() == 1
    assert await waiting(pool) == 1, "the one with the lesser id"


@asynccontextmanager
async def ingest(settings: SharedSettings, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    own = IngestSettings(**settings.model_dump() | more)
    async with (
        wire(own) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        await until(lambda: ready(client), "ingest is ready")
        yield client


async def test_a_carrier_hears_accepted_while_kafka_is_away_and_the_scan_comes_into_the_log(
    settings: SharedSettings, pool: Any
) -> None:
    key, _ = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    headers = {"Authorization": f"Bearer {key}"}
    async with ingest(settings, kafka=f"127.0.0.1:{free_port()}", ingest_patience=0.3) as client:
        answer = await client.post("/v1/scans", content=json.dumps([GOOD]), headers=headers)
        assert (answer.status_code, answer.json()[0]["result"]) == (200, "accepted")
        health = (await inside(client).get("/health/ready")).json()
        assert (health["ready"], list(health["waits_for"])) == (True, ["kafka"])
        assert "buuta_ingest_spooled_total" in (await inside(client).get("/metrics")).text
    async with ingest(settings):

        async def drained() -> bool:
            return await waiting(pool) == 0

        await until(drained, "the spool is empty")
    [event] = await log(settings)
    assert event["event_id"] == answer.json()[0]["event_id"]


async def test_a_scan_that_no_door_would_take_today_is_set_aside_and_the_others_leave(pool: Any) -> None:
    kafka = Log()
    kafka.away = True
    spool = Spool(pool, kafka.send, 1000)
    made = [journey("delivered", hour, f"N0{hour}") for hour in range(3)]
    made[1] = made[1]._replace(attempt=2**31 - 1)
    await spool.put(
        [(f"ghn:{each.number}".encode(), Codec().encode("ScanEvent", each._asdict())) for each in made]
    )
    kafka.away = False
    await spool.drain()
    assert {key for key, _ in kafka.records} == {b"ghn:N00", b"ghn:N02"}
    [row] = await pool.fetch("select loop, reason from set_aside")
    assert row["loop"] == "spool"
    assert "attempt must be" in row["reason"]
