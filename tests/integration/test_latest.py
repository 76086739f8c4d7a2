"""The compacted topics hold the committed state: the latest of every cell, and of every parcel by setting."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from buuta.contracts.codec import Codec
from buuta.errors import KafkaAway
from buuta.settings import SharedSettings
from buuta.storage.retention import archived
from services.tracker.chunks import ChunkFold
from services.tracker.latest import CELLS, PARCELS, Publisher
from services.tracker.retention import Retention
from services.tracker.settings import TrackerSettings
from tests.integration.parts import chunk, everything, latest, worker
from tests.scans import registration, scan

JOURNEY = [scan("accepted", 0), scan("out_for_delivery", 1), scan("delivered", 2, delivery_mode="address")]
UNKNOWN = "ghn:unknown:unknown:unknown:2026-11-24"
HANOI = "ghn:unknown:01:00070:2026-11-24"


async def publish(settings: SharedSettings, pool: Any, start: int, *records: Any) -> Publisher:
    """Apply records, publish all that they mark."""
    async with worker(settings, pool, ChunkFold(Codec(), mark_parcels=True).prepare) as tracker:
        await tracker.handle(chunk(settings, start, records))
        publisher = Publisher(tracker.parts, settings.rates_topic, settings.parcels_topic)
        for source in (CELLS, PARCELS):
            while await publisher.once(source):
                pass
        return publisher


async def test_a_cell_has_its_latest_counts_and_one_that_a_parcel_left_has_none(
    settings: SharedSettings, pool: Any
) -> None:
    await publish(settings, pool, 0, *JOURNEY[:2])
    assert (await latest(settings, settings.rates_topic))[UNKNOWN]["accepted"] == 1
    await publish(settings, pool, 2, JOURNEY[2], registration())
    cells = await latest(settings, settings.rates_topic)
    assert (cells[UNKNOWN]["accepted"], cells[HANOI]["delivered_to_address"]) == (0, 1)
    assert await pool.fetchval("select count(*) from unpublished_cells") == 0


async def test_a_parcel_has_its_latest_state(settings: SharedSettings, pool: Any) -> None:
    await publish(settings, pool, 0, *JOURNEY, registration())
    state = (await latest(settings, settings.parcels_topic))["ghn:Z82BS"]
    assert (state["status"], state["outcome"], state["dest_province"]) == (
        "delivered",
        "delivered_to_address",
        "01",
    )
    assert state["delivered_at"] == JOURNEY[2].occurred_at


async def test_of_a_parcel_that_is_deleted_the_last_record_has_no_value(
    settings: SharedSettings, pool: Any
) -> None:
    """On the broker compaction forgets what lies under a key that ends so; readers forget it at once."""
    publisher = await publish(settings, pool, 0, *JOURNEY, scan("accepted", 3, "N2"))
    began = datetime.fromtimestamp(JOURNEY[0].received_at / 1000, UTC)
    over = began + timedelta(days=700)
    await pool.execute(
        "update parcels set last_at = $1 where parcel_key = 'ghn:N2'", round(over.timestamp() * 1000)
    )
    await archived(pool, settings.events_topic, [0], round(over.timestamp() * 1000))
    own = TrackerSettings(**settings.model_dump() | {"publish_parcels": True})
    assert (await Retention(pool, own).run_through(over))["parcels"] == 1
    async with worker(settings, pool) as tracker:
        publisher = Publisher(tracker.parts, settings.rates_topic, settings.parcels_topic)
        assert await publisher.once(PARCELS) == 1
    records = await everything(settings, settings.parcels_topic, range(settings.partitions))
    assert [record.value is None for record in records if record.key == b"ghn:Z82BS"] == [False, True]
    assert set(await latest(settings, settings.parcels_topic)) == {"ghn:N2"}


async def test_a_parcel_that_is_deleted_while_it_waits_for_the_publisher_is_published_as_gone(
    settings: SharedSettings, pool: Any
) -> None:
    await publish(settings, pool, 0, *JOURNEY)
    await pool.execute("insert into unpublished_parcels (parcel_key) values ('ghn:Z82BS')")
    await pool.execute("delete from parcels")
    await publish(settings, pool, 3, scan("accepted", 3, "N2"))
    assert set(await latest(settings, settings.parcels_topic)) == {"ghn:N2"}


async def test_many_parcels_are_published_together_those_that_are_gone_as_well(
    settings: SharedSettings, pool: Any
) -> None:
    """From some hundreds on records go by the partition, in batches."""
    keys = [f"ghn:N{number}" for number in range(1_000)]
    await pool.execute("insert into unpublished_parcels (parcel_key) select unnest($1::text[])", keys)
    await publish(settings, pool, 0, *JOURNEY)
    records = await everything(settings, settings.parcels_topic, range(settings.partitions))
    assert {record.key.decode() for record in records if record.value is None} == {*keys}
    assert set(await latest(settings, settings.parcels_topic)) == {"ghn:Z82BS"}


async def test_what_kafka_did_not_acknowledge_is_published_again(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, JOURNEY))
        publisher = Publisher(tracker.parts, settings.rates_topic, settings.parcels_topic)
        send, away = tracker.parts.producer.send_keyed, KafkaAway("away")

        async def sent_and_not_acknowledged(*args: Any) -> None:
            await send(*args)
            raise away

        monkeypatch.setattr(tracker.parts.producer, "send_keyed", sent_and_not_acknowledged)
        with pytest.raises(KafkaAway):
            await publisher.once(CELLS)
        monkeypatch.setattr(tracker.parts.producer, "send_keyed", send)
        assert await publisher.once(CELLS) >= 1
        assert await publisher.once(CELLS) == 0
    assert (await latest(settings, settings.rates_topic))[UNKNOWN]["delivered_to_address"] == 1
