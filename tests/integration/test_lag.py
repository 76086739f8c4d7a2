"""Lag is told of a partition that stands still: by a timer, and by `buuta partitions list`."""

import json
from typing import Any

from prometheus_client import REGISTRY

from buuta.settings import SharedSettings
from buuta.streaming.lag import behind
from tests.integration.command import buuta
from tests.integration.parts import producer_on
from tests.integration.test_broker_contract import has, pairs, tracking
from tests.waiting import until


def gauge(name: str, consumer: str, partition: int) -> float:
    return REGISTRY.get_sample_value(name, {"consumer": consumer, "partition": str(partition)}) or 0.0


async def test_a_partition_that_stands_still_says_how_far_behind_and_for_how_long(
    settings: SharedSettings, pool: Any
) -> None:
    consumer = f"tracker-{settings.events_topic}"
    async with producer_on(settings) as producer, tracking(settings, pool) as noting:
        await producer.send_keyed(settings.events_topic, pairs(40, 0))
        await until(lambda: has(pool, 40), "the first scans are stored")
        await pool.execute("update progress set paused = 'a test'")
        await producer.send_keyed(settings.events_topic, pairs(40, 1))

        async def told() -> bool:
            lags = [gauge("buuta_lag_records", consumer, partition) for partition in (0, 1)]
            ages = [gauge("buuta_oldest_record_seconds", consumer, partition) for partition in (0, 1)]
            return sum(lags) == 40 and min(ages) > 1

        await until(told, "the timer tells lag and age of both partitions")
        places = {(settings.events_topic, at): position for at, position in noting.worker.positions.items()}
        found = await behind(settings, places)
        assert sum(each.records for each in found.values()) == 40
        assert all(each.oldest_at is not None for each in found.values())
        listed = json.loads((await buuta(settings, "partitions", "list", "--json")).said)
        for partition in (0, 1):
            [row] = [each for each in listed if each["partition"] == partition]
            assert row["behind"] == found[settings.events_topic, partition].records
            assert 0 <= row["waits"] < 60
        await pool.execute("update progress set paused = null")
        await until(lambda: has(pool, 80), "all scans are stored")

        async def caught_up() -> bool:
            names = ("buuta_lag_records", "buuta_oldest_record_seconds")
            return not any(gauge(name, consumer, partition) for name in names for partition in (0, 1))

        await until(caught_up, "nothing lies behind any more")


async def test_what_lies_behind_is_unknown_while_kafka_does_not_answer(
    settings: SharedSettings, pool: Any
) -> None:
    await pool.execute(
        "insert into progress (consumer, topic, partition, position, fence) values ('tracker', 'x', 0, 1, 1)"
    )
    own = settings.model_copy(update={"kafka": "127.0.0.1:1", "kafka_timeout": 0.5})
    ran = await buuta(own, "partitions", "list")
    assert ran.code == 0
    assert "What lies behind is unknown" in ran.said
    assert "?" in next(line for line in ran.said.splitlines() if "tracker" in line)
