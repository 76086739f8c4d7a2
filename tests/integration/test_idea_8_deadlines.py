"""Idea 8 of design.md: time enters as a record; deadlines survive restarts, fire once, are taken back."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import KafkaTimeoutError
from faust.types import TP
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from buuta.contracts.codec import Codec
from buuta.model.scan import DeadlinePassed, Registration, Scan
from buuta.settings import SharedSettings
from buuta.streaming.origin import Bounds
from buuta.streaming.transport import ChunkConsumer
from services.tracker.deadlines import LOOK, MOST, Timekeeper
from services.tracker.domain.deadlines import Passed, running
from services.tracker.domain.epochs import Papers
from services.tracker.domain.fold import fold
from services.tracker.domain.rules import STALE_MS
from tests.integration.parts import EMPTY, chunk, everything, milestones, standing, worker
from tests.scans import HOUR, MORNING, corrected_journeys, letters, papers, registration, scan

LATER = MORNING + 40 * HOUR
PROMISE = MORNING + 6 * HOUR


async def sweep(settings: SharedSettings, pool: Any, now: int = LATER) -> list[bytes]:
    """The records that a look at the parcels appends to the log; what it read was applied before."""
    seen = len(await everything(settings, settings.events_topic))
    async with worker(settings, pool) as tracker:
        await Timekeeper(tracker, settings.events_topic, 60, standing(now)).sweep(0)
    return [record.value for record in (await everything(settings, settings.events_topic))[seen:]]


async def apply(
    settings: SharedSettings, pool: Any, records: Sequence[Scan | Registration | bytes]
) -> None:
    start = await pool.fetchval("select coalesce(max(position), 0) from progress")
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, start, records))


async def told(settings: SharedSettings) -> list[tuple[str, str]]:
    """What a consumer hears, each number once: an heir tells again what was pending."""
    by_number = {each["sequence"]: (each["action"], each["kind"]) for each in await milestones(settings)}
    assert sorted(by_number) == list(range(1, len(by_number) + 1))
    return [by_number[number] for number in sorted(by_number)]


async def test_a_deadline_fires_once_and_a_late_scan_takes_it_back(
    settings: SharedSettings, pool: Any
) -> None:
    promised = registration(promised_at=PROMISE)
    await apply(settings, pool, [promised, scan("accepted", 0), scan("out_for_delivery", 1)])
    passed = await sweep(settings, pool)
    assert {Codec().decode(each)[1]["kind"] for each in passed} == {"stuck", "delayed"}
    again = await sweep(settings, pool)
    assert len(again) == 2, "not applied yet: appended again"
    await apply(settings, pool, [*passed, *again])
    assert await sweep(settings, pool) == []
    assert (await told(settings))[2:] == [("joined", "delayed"), ("joined", "stuck")]
    assert await pool.fetchval("select count(*) from deadlines") == 2
    await apply(settings, pool, [scan("delivered", 5, received_at=LATER)])
    assert sorted((await told(settings))[4:]) == [
        ("joined", "delivered"), ("retracted", "delayed"), ("retracted", "stuck"),
    ]  # fmt: skip
    assert await sweep(settings, pool) == []


async def test_a_new_promise_takes_the_delay_back(settings: SharedSettings, pool: Any) -> None:
    await apply(settings, pool, [registration(promised_at=PROMISE), scan("accepted", 0)])
    await apply(settings, pool, await sweep(settings, pool, PROMISE + 1))
    assert await pool.fetchval("select overdue from parcels") == "Y"
    await apply(settings, pool, [registration(version=2, promised_at=LATER)])
    assert await pool.fetchval("select overdue from parcels") == ""
    assert (await told(settings))[1:] == [
        ("joined", "delayed"),
        ("retracted", "delayed"),
        ("retold", "accepted"),
    ]


async def test_a_deadline_that_is_overtaken_by_a_scan_means_nothing(
    settings: SharedSettings, pool: Any
) -> None:
    await apply(settings, pool, [scan("accepted", 0)])
    passed = await sweep(settings, pool)
    await apply(settings, pool, [scan("out_for_delivery", 23), *passed])
    assert await pool.fetchval("select overdue from parcels") == ""
    assert await told(settings) == [("joined", "accepted"), ("joined", "out_for_delivery")]


async def test_the_same_log_ends_in_the_same_however_it_is_cut(settings: SharedSettings, pool: Any) -> None:
    stuck = DeadlinePassed("ghn", "Z82BS", "stuck", MORNING + 24 * HOUR, LATER)
    log: list[Any] = [
        scan("accepted", 0),
        Codec().encode("DeadlinePassed", stuck._asdict()),
        scan("held", 30),
    ]
    for each in log:
        await apply(settings, pool, [each])
    expected, _, _ = fold([log[0], log[2]], Papers(frozenset({Passed("stuck", MORNING + 24 * HOUR)})))
    assert await pool.fetchval("select live from parcels") == expected.live
    assert letters(expected.live) == "AKH"


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    corrected_journeys(),
    st.sampled_from([None, PROMISE]),
    st.integers(0, 6),
    st.sampled_from([MORNING - HOUR, MORNING + 20 * HOUR]),
)
async def test_the_sweep_finds_what_the_domain_implies(
    settings: SharedSettings, pool: Any, scans: list[Scan], promise: int | None, cut: int, looked_at: int
) -> None:
    """However the scans came, and whenever the parcel was looked at and put off in between."""
    await pool.execute(EMPTY)
    await apply(settings, pool, scans[:cut] or [registration(promised_at=promise)])
    async with worker(settings, pool) as tracker:
        await pool.execute("update parcels set look_at = 0")
        await Timekeeper(tracker, settings.dead_letters_topic, 60, standing(looked_at)).sweep(0)
    await apply(settings, pool, [*scans[cut:], registration(promised_at=promise)])
    far = MORNING + 2 * STALE_MS
    rows = [row for row in await pool.fetch(LOOK, 0, far, MOST) if row["kind"] is not None]
    expected, _, _ = fold(scans, papers(promised_at=promise))
    assert {Passed(row["kind"], row["deadline_at"]) for row in rows} == set(running(expected))


async def test_a_broker_that_does_not_tell_the_end_of_the_log_does_not_end_the_tracker(
    settings: SharedSettings, pool: Any
) -> None:
    asked = asyncio.Event()

    class Unanswered:
        async def bounds(self, _: Sequence[TP]) -> dict[TP, Bounds]:
            asked.set()
            raise KafkaTimeoutError("Failed to get offsets by times in 30000 ms")

    class Away(ChunkConsumer):
        def __init__(self) -> None:
            """Without a thread: nothing is asked of Kafka but the ends of its log."""

        def assignment(self) -> set[TP]:
            return {TP(settings.events_topic, 0)}

        _thread = Unanswered()

    async with worker(settings, pool) as tracker:
        tracker.log = Away()
        sweeping = asyncio.create_task(Timekeeper(tracker, settings.events_topic, 60, standing(0)).run())
        await asyncio.wait_for(asked.wait(), 10)
        await asyncio.sleep(0)
        assert not sweeping.done()
        sweeping.cancel()
