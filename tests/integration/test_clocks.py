"""Clocks that are wrong: whose time counts, what is ignored, and how a service says that its own is off."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prometheus_client import REGISTRY

from buuta.audit.archive import Archive, archive_log
from buuta.contracts.codec import Codec
from buuta.model.scan import DeadlinePassed, Registration, Scan
from buuta.settings import SharedSettings
from buuta.storage.skew import PART, ClockWatch, skew
from buuta.streaming.chunk import chunk_of
from buuta.telemetry.clock import now_ms
from buuta.telemetry.health import Readiness
from services.ingest.app import wire
from services.ingest.settings import IngestSettings
from services.tracker.deadlines import LOOK, MOST, Timekeeper
from tests.integration.doors import operations
from tests.integration.parts import FakeRecord, chunk, encode, everything, producer_on, worker
from tests.scans import HOUR, registration, scan
from tests.waiting import until

DAYS = 24 * HOUR
PASSED = "buuta_tracker_deadlines_total"


def early() -> float:
    return REGISTRY.get_sample_value(PASSED, {"kind": "early"}) or 0.0


async def test_a_tracker_whose_clock_is_days_ahead_finds_no_deadline_that_has_not_passed(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = now_ms()
    known: list[Scan | Registration] = [
        registration(promised_at=now + DAYS),
        scan("accepted", 0, occurred_at=now, received_at=now),
    ]
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, known))
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + 3 * 86_400 * 10**9)
        assert await Timekeeper(tracker, settings.events_topic, 60).sweep(0) == 0
    assert await everything(settings, settings.events_topic) == []


@pytest.mark.parametrize(("logged", "counts"), [(-1, False), (1, True)])
async def test_a_deadline_that_lies_after_its_record_in_the_log_means_nothing(
    settings: SharedSettings, pool: Any, logged: int, *, counts: bool
) -> None:
    at = now_ms()
    known: list[Scan | Registration] = [
        registration(promised_at=at),
        scan("accepted", 0, occurred_at=at - HOUR, received_at=at),
    ]
    told = Codec().encode("DeadlinePassed", DeadlinePassed("ghn", "Z82BS", "delayed", at, at)._asdict())
    before = early()
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, known))
        await tracker.handle(
            chunk_of(settings.events_topic, 0, [FakeRecord(2, told, timestamp=at + logged)])
        )
        if not counts:
            sweeper = Timekeeper(tracker, settings.events_topic, 60)
            assert await sweeper.sweep(0) == 1, "it is looked at again"
    assert (await pool.fetchval("select overdue from parcels") == "Y") == counts
    assert early() - before == (0 if counts else 1)


async def test_an_archive_and_what_is_made_of_it_leave_such_a_deadline_out(
    settings: SharedSettings, folder: Path
) -> None:
    now = now_ms()
    passed = [DeadlinePassed("ghn", "Z82BS", "delayed", at, now) for at in (now - DAYS, now + DAYS)]
    async with producer_on(settings) as producer:
        values = [Codec().encode("DeadlinePassed", each._asdict()) for each in passed]
        await producer.send_to(settings.events_topic, 0, [(b"ghn:Z82BS", value) for value in values])
        await producer.send_to(
            settings.events_topic, 0, [(b"ghn:Z82BS", encode(scan("accepted", 0)) or b"")]
        )
    archive = Archive(folder, settings.events_topic)
    assert await archive_log(settings, archive, Codec()) == 3
    found = await asyncio.to_thread(pq.read_table, folder / "DeadlinePassed")
    rows = found.column("deadline_at").to_pylist()
    assert rows == [now - DAYS]


class Shifted:
    """A pool whose PostgreSQL has a clock that is wrong, or rather: ours is."""

    def __init__(self, pool: Any, seconds: float) -> None:
        self._pool = pool
        self._seconds = seconds

    def acquire(self) -> "Shifted":
        return self

    async def __aenter__(self) -> "Shifted":
        return self

    async def __aexit__(self, *_: Any) -> None:
        """Nothing was taken."""

    async def fetchval(self, statement: str) -> float:
        return float(await self._pool.fetchval(statement)) - self._seconds


async def test_a_clock_that_is_off_is_shown_and_beyond_the_limit_the_service_is_not_ready(
    pool: Any,
) -> None:
    async with pool.acquire() as con:
        assert abs(await skew(con)) < 5
    readiness = Readiness.any_of("database", "kafka")
    for part in ("database", "kafka"):
        readiness.reached(part)
    await ClockWatch(Shifted(pool, 30), readiness, 60).compare()
    assert readiness.ready
    assert 25 < (REGISTRY.get_sample_value("buuta_clock_skew_seconds") or 0) < 35
    await ClockWatch(Shifted(pool, 660), readiness, 60).compare()
    assert not readiness.ready
    assert "660 s ahead of PostgreSQL's (limit 60 s)" in readiness.waiting[PART]
    await ClockWatch(Shifted(pool, -660), readiness, 60).compare()
    assert "660 s behind PostgreSQL's" in readiness.waiting[PART]
    await ClockWatch(Shifted(pool, 0), readiness, 60).compare()
    assert readiness.ready


async def test_an_ingest_whose_clock_is_eleven_minutes_off_says_so(
    settings: SharedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 660)
    async with wire(IngestSettings(**settings.model_dump())) as (app, _), operations(app) as client:

        async def said() -> bool:
            answer = await client.get("/health/ready")
            return answer.status_code == 503 and "clock" in answer.json()["waits_for"]

        await until(said, "readiness names the clock")


MANY = """
insert into parcels (parcel_key, slot, attempts, live, sequence, status, last_at, next_expected_at, look_at)
select 'ghn:X' || number, 0, 0, 'A', 1, 'in_transit', $1::bigint, $1 + number * 1000, $1 + number * 1000
from generate_series(1, 200000) as number
"""


async def test_the_sweep_reads_an_index_and_not_all_parcels(pool: Any) -> None:
    now = now_ms()
    await pool.execute(MANY, now)
    await pool.execute("analyze parcels")
    plan = "\n".join(
        row[0] for row in await pool.fetch(f"explain (analyze, buffers) {LOOK}", 0, now + 50_500, MOST)
    )
    assert "Index Scan using parcels_look_at" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert len(await pool.fetch(LOOK, 0, now + 50_500, MOST)) == 50


async def test_a_scan_that_needs_no_earlier_look_leaves_the_index_alone(
    settings: SharedSettings, pool: Any
) -> None:
    """Updates stay heap-only: an index on the deadline itself would be written by every scan."""
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted", 0, number=f"N{n}") for n in range(50)]))
        for hour in (1, 2, 3):
            moved = [scan("in_transit", hour, number=f"N{n}") for n in range(50)]
            await tracker.handle(chunk(settings, 50 * hour, moved))

    async def heap_only() -> bool:
        row = await pool.fetchrow(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'parcels'"
        )
        return bool(row["n_tup_upd"] == 150 and row["n_tup_hot_upd"] >= 140)

    await until(heap_only, "nearly all updates are heap-only")
