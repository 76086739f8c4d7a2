"""Carriers that have Kafka produce to a topic of their own; who they are follows from the topic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from buuta.contracts.codec import Codec
from buuta.settings import SharedSettings
from buuta.storage.background import running
from buuta.telemetry import metrics
from services.ingest.app import wire
from services.ingest.doors.kafka import AT_ONCE, KafkaDoor, Permits
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import add_carrier, intake_on, log, quarantined
from tests.integration.parts import producer_on
from tests.scans import registration, scan
from tests.waiting import until

SCAN = scan("delivered", 1, raw_code="delivered", delivery_mode="address", facility="BC1")


def encoded(**more: Any) -> bytes:
    return Codec().encode("ScanEvent", SCAN._replace(**more)._asdict())


@pytest.fixture
async def kafka_door(settings: SharedSettings, pool: Any) -> AsyncIterator[KafkaDoor]:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    async with producer_on(settings) as producer:
        yield KafkaDoor(settings.kafka, intake_on(settings, producer, pool), Codec())


async def carriers_with_topics(
    settings: SharedSettings, pool: Any, *letters: str, partitions: int = 1
) -> list[str]:
    """Carriers, each with a topic of its own that no other test knows."""
    codes = [f"{letter}{settings.events_topic[-10:]}" for letter in letters]
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(f"carrier.{code}.scans", partitions, 1) for code in codes])
    await admin.close()
    for code in codes:
        await add_carrier(pool, Carrier(code, code, "buuta"))
    return codes


async def test_carrier_id_receipt_and_status_are_ours_whatever_the_record_says(
    kafka_door: KafkaDoor, settings: SharedSettings
) -> None:
    lies = encoded(
        carrier="ghn", event_id="f" * 32, status="lost", received_at=1, door="api", mapping_version="x"
    )
    await kafka_door.take("vnp", [lies, encoded()])
    [event] = await log(settings)
    assert (event["carrier"], event["door"], event["status"]) == ("vnp", "kafka", "delivered")
    assert (event["delivery_mode"], event["facility"], event["mapping_version"]) == (
        "address",
        "BC1",
        "buuta-1",
    )
    assert event["received_at"] > SCAN.received_at - 86_400_000
    assert event["event_id"] not in ("f" * 32, SCAN.event_id)


async def test_what_cannot_be_taken_is_set_aside_and_costs_its_neighbours_nothing(
    kafka_door: KafkaDoor, settings: SharedSettings, pool: Any
) -> None:
    foreign = Codec().encode("ParcelRegistration", registration()._asdict())
    await kafka_door.take(
        "vnp", [b"junk", foreign, encoded(raw_code="teleported"), encoded(occurred_at=1), encoded(), b""]
    )
    await kafka_door.take("nobody", [encoded()])
    assert len(await log(settings)) == 1
    kept = await quarantined(settings, pool)
    assert sorted((each.carrier, each.reason, each.code) for each in kept) == [
        ("nobody", "carrier_unknown", ""), ("vnp", "record_not_scan", ""), ("vnp", "record_undecodable", ""),
        ("vnp", "record_undecodable", ""), ("vnp", "time_out_of_range", ""), ("vnp", "unknown_code", "teleported"),
    ]  # fmt: skip
    mapped = await buuta(settings, "quarantine", "map", "buuta", "teleported", "--status", "lost")
    assert "1 sent on, 0 wait on." in mapped.said
    assert [event["status"] for event in await log(settings)] == ["delivered", "lost"]


async def test_what_does_not_open_waits_on_and_its_neighbours_are_sent_on(
    kafka_door: KafkaDoor, settings: SharedSettings, pool: Any
) -> None:
    await kafka_door.take(
        "vnp", [encoded(raw_code="teleported"), encoded(raw_code="teleported", occurred_at=10**12)]
    )
    await pool.execute(
        "update quarantine set sealed_as = gen_random_uuid() where id = (select min(id) from quarantine)"
    )
    mapped = await buuta(settings, "quarantine", "map", "buuta", "teleported", "--status", "lost")
    assert "1 sent on, 1 wait on." in mapped.said


async def test_a_carriers_topic_is_taken_in_by_a_running_ingest(
    settings: SharedSettings, pool: Any
) -> None:
    [code] = await carriers_with_topics(settings, pool, "c")
    async with producer_on(settings) as producer:
        await producer.send(f"carrier.{code}.scans", b"Z82BS", encoded())

    async def there() -> bool:
        return any(event["carrier"] == code for event in await log(settings))

    async with wire(IngestSettings(**settings.model_dump() | {"ingest_kafka_door": True})):
        await until(there, "the scan is in the log", 40)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("facility", "at Lan's, 0912345678"), ("province", "Hà Nội"), ("commune", "at Lan's, 0912345678"),
        ("attempt", 2**31 - 1), ("facility", "x\x00"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_does_not_enter_the_log_and_the_scan_does(
    kafka_door: KafkaDoor, settings: SharedSettings, pool: Any, name: str, value: Any
) -> None:
    await kafka_door.take("vnp", [encoded(**{name: value})])
    [event] = await log(settings)
    assert event[name] is None
    assert await pool.fetchval("select count(*) from quarantine") == 0


class Failing(KafkaDoor):
    """A door of which something fails whatever we do: a carrier whose topic hangs, records that raise."""

    async def take(self, code: str, values: Sequence[bytes]) -> None:
        if code.startswith("h"):
            await asyncio.Event().wait()
        if b"bomb" in values:
            raise RuntimeError("what nobody thought of")
        await super().take(code, values)


async def test_a_topic_that_hangs_and_records_that_fail_keep_no_other_waiting(
    settings: SharedSettings, pool: Any
) -> None:
    hanging, failing, good = await carriers_with_topics(settings, pool, "h", "f", "g")
    async with producer_on(settings) as producer:
        for code in (hanging, failing, good):
            for value in (encoded(), b"bomb", encoded(number="Z82BT"), b"bomb", encoded(number="Z82BU")):
                if code == failing or value != b"bomb":
                    await producer.send(f"carrier.{code}.scans", b"key", value)
        door = Failing(settings.kafka, intake_on(settings, producer, pool), Codec(), pause=0.01)
        running = asyncio.create_task(door.run())

        async def there() -> bool:
            reported = [event["carrier"] for event in await log(settings)]
            return reported.count(good) == reported.count(failing) == 3

        await until(there, "the neighbours are in the log", 60)
        held = "select count(*) from quarantine where reason = 'record_failed' and carrier = $1"

        async def set_aside() -> bool:
            return bool(await pool.fetchval(held, failing) == 2)

        await until(set_aside, "what fails is set aside", 30)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert hanging not in {event["carrier"] for event in await log(settings)}


async def test_five_partitions_of_one_topic_that_hang_keep_no_other_carrier_waiting(
    settings: SharedSettings, pool: Any
) -> None:
    [hanging] = await carriers_with_topics(settings, pool, "h", partitions=AT_ONCE + 1)
    [good] = await carriers_with_topics(settings, pool, "g")
    async with producer_on(settings) as producer:
        for partition in range(AT_ONCE + 1):
            await producer.send_to(f"carrier.{hanging}.scans", partition, [(b"key", encoded())])
        door = Noting(settings.kafka, intake_on(settings, producer, pool), Codec(), pause=0.01)
        async with running(door.run()):

            async def all_wait() -> bool:
                return door.asked.count(hanging) == AT_ONCE + 1

            await until(all_wait, "every lane of the topic that hangs has records", 60)
            await producer.send(f"carrier.{good}.scans", b"key", encoded())

            async def there() -> bool:
                return [event["carrier"] for event in await log(settings)] == [good]

            await until(there, "the other carrier's scan is in the log", 20)


class Noting(Failing):
    """Notes for whom records came."""

    def __init__(self, *rest: Any, **more: Any) -> None:
        super().__init__(*rest, **more)
        self.asked: list[str] = []

    async def take_each(self, code: str, values: Sequence[bytes]) -> None:
        self.asked.append(code)
        await super().take_each(code, values)


async def test_six_lanes_whose_takes_hang_leave_the_seventh_going(
    settings: SharedSettings, pool: Any
) -> None:
    *hanging, good = await carriers_with_topics(
        settings, pool, *(f"h{place}" for place in range(AT_ONCE + 2)), "g"
    )
    async with producer_on(settings) as producer:
        for code in hanging:
            await producer.send(f"carrier.{code}.scans", b"key", encoded())
        door = Noting(settings.kafka, intake_on(settings, producer, pool), Codec(), pause=0.01)
        async with running(door.run()):

            async def all_wait() -> bool:
                return set(door.asked) >= set(hanging)

            await until(all_wait, "six lanes hang", 60)
            await producer.send(f"carrier.{good}.scans", b"key", encoded())

            async def there() -> bool:
                return [event["carrier"] for event in await log(settings)] == [good]

            await until(there, "the seventh's scan is in the log", 30)


async def test_a_take_that_waits_holds_no_permit_and_the_next_of_its_topic_takes_none_from_the_others() -> (
    None
):
    permits = Permits(work=0.01)
    slows = [f"slow{place}" for place in range(3 * AT_ONCE)]
    holding = [asyncio.create_task(hold(permits, each)) for each in slows * 2]
    async with asyncio.timeout(10):
        for code in ("well", *slows):
            async with permits.one(code):
                pass
    for each in holding:
        each.cancel()
    await asyncio.gather(*holding, return_exceptions=True)


async def test_takes_that_work_are_so_many_at_once_and_of_a_topic_one() -> None:
    permits = Permits(work=3_600.0)
    at_work: list[str] = []

    async def work(code: str) -> None:
        async with permits.one(code):
            at_work.append(code)
            await asyncio.Event().wait()

    working = [asyncio.create_task(work(code)) for code in ("a", "a", "b", "c", "d", "e")]

    async def all_permits_are_out() -> bool:
        return len(at_work) >= AT_ONCE

    await until(all_permits_are_out, "four work", 10)
    assert at_work == ["a", "b", "c", "d"]
    for each in working:
        each.cancel()
    await asyncio.gather(*working, return_exceptions=True)


async def hold(permits: Permits, code: str) -> None:
    async with permits.one(code):
        await asyncio.Event().wait()


class Tripping(KafkaDoor):
    """A door of which a lane ends once by an error that nobody thought of."""

    trips = True

    async def take_each(self, code: str, values: Sequence[bytes]) -> None:
        if self.trips and code.startswith("t"):
            self.trips = False
            raise RuntimeError("what nobody thought of")
        await super().take_each(code, values)


async def test_a_lane_that_ends_by_an_error_is_counted_and_its_partition_is_read_again(
    settings: SharedSettings, pool: Any
) -> None:
    [code] = await carriers_with_topics(settings, pool, "t")
    faults = metrics.LOOP_FAILURES.labels("kafka_door", "fault")
    before = faults._value.get()
    async with producer_on(settings) as producer:
        await producer.send(f"carrier.{code}.scans", b"key", encoded())
        door = Tripping(settings.kafka, intake_on(settings, producer, pool), Codec(), pause=0.01)

        async def there() -> bool:
            return [event["carrier"] for event in await log(settings)] == [code]

        async with running(door.run()):
            await until(there, "the scan is in the log", 60)
    assert faults._value.get() == before + 1


HOSTILE = {
    "offset_minutes": 100_000, "number": "a/b", "occurred_at": 2**62, "raw_code": "deli\x00vered",
}  # fmt: skip


async def test_values_that_no_other_door_takes_are_set_aside_and_their_neighbours_come_in(
    kafka_door: KafkaDoor, settings: SharedSettings, pool: Any
) -> None:
    correction = encoded(corrects_event_id="zz", correction_kind="did_not_occur")
    hostile = [encoded(**{name: value}) for name, value in HOSTILE.items()]
    await kafka_door.take_each("vnp", [*hostile, correction, encoded()])
    assert len(await log(settings)) == 1
    assert await pool.fetchval("select count(*) from quarantine") == len(hostile) + 1
    replayed = await buuta(settings, "quarantine", "replay", "--carrier", "vnp")
    assert f"0 sent on, {len(hostile) + 1} wait on." in replayed.said
