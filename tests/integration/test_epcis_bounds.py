"""What a document asks for is measured first, done beside the event loop, and counts by its scans."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from services.ingest import capture
from services.ingest.app import wire
from services.ingest.domain import following
from services.ingest.domain.document import document_of
from services.ingest.doors.events import take_events
from services.ingest.doors.file import Summary
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.doors import Door, add_carrier, intake_on, ready
from tests.integration.parts import producer_on
from tests.integration.test_epcis import BAG, TRUCK, A, event, job, packing, send
from tests.waiting import until

MOST_SECONDS = 60.0
Taking = Callable[..., Awaitable[tuple[Summary, list[int]]]]


@pytest.fixture
async def door(settings: SharedSettings) -> AsyncIterator[Door]:
    """Ingest with the limits that it has in earnest."""
    async with wire(IngestSettings(**settings.model_dump())) as (app, _):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest", timeout=300) as client:
            await until(lambda: ready(client), "ingest is ready")
            yield Door(client, {})


@pytest.fixture
async def key(door: Door, pool: Any) -> str:
    secret, _ = await add_carrier(pool, Carrier("gs1post", "A post that speaks EPCIS", "epcis"))
    return secret


@contextlib.contextmanager
def steady(most: float = 5.0) -> Iterator[None]:
    """Fail where the event loop stood still: generously, since the machine is shared."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late.append(time.monotonic() - before)

    ticking = asyncio.get_running_loop().create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
    assert max(late) < most


def parcels(count: int) -> list[str]:
    return [f"urn:buuta:parcel:P{each:05}" for each in range(count)]


async def test_a_large_legal_document_is_captured_in_slices(door: Door, key: str, pool: Any) -> None:
    many = parcels(6_000)
    with steady():
        found = await job(
            door, key, event("accepting", 1, *many), event("departing", 2, *many), event("accepting", 1, A)
        )
    assert (found["success"], found["running"], found["errors"]) == (True, False, [])
    assert found["createdAt"] <= found["finishedAt"]
    again = await job(door, key, event("accepting", 1, *many))
    assert again["success"] is True


async def test_a_bag_that_is_seen_too_often_is_refused_with_the_limit_and_nothing_of_it_is_captured(
    door: Door, key: str, pool: Any
) -> None:
    moments = [
        event("departing", 1, BAG, eventTime=f"2026-11-24T02:{each // 60:02}:{each % 60:02}Z")
        for each in range(450)
    ]
    started = time.monotonic()
    with steady():
        answer = await send(door, key, packing("ADD", 0, BAG, *parcels(1_000)), *moments)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_much_at_once")
    assert "send fewer at once" in answer.json()["detail"]
    assert time.monotonic() - started < MOST_SECONDS
    assert await pool.fetchval("select count(*) from epcis_events") == 0


def write_events(path: Path, happened: Sequence[Any]) -> None:
    path.write_text(json.dumps(document_of(happened)))


@pytest.fixture
async def taking(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Taking]:
    """Takes events in as a file, where forty scans are too much at once; hears what became of them."""
    for module in (capture, following):
        monkeypatch.setattr(module, "MOST_SCANS", 40)
    carrier = Carrier("gs1post", "A post that speaks EPCIS", "epcis")
    await add_carrier(pool, carrier)
    async with producer_on(settings) as producer:
        intake = intake_on(settings, producer, pool)

        async def take(path: Path, *happened: Any) -> tuple[Summary, list[int]]:
            write_events(path, happened)
            heard: list[int] = []
            return await take_events(intake, carrier, path, heard.append), heard

        yield take


async def test_a_file_with_more_scans_than_are_worked_out_at_once_is_taken_whole(
    taking: Taking, pool: Any, tmp_path: Path
) -> None:
    """Nobody is there who could send fewer at once."""
    events = [event("accepting", 1, *parcels(each * 7)[each * 7 - 7 :]) for each in range(1, 31)]
    summary, heard = await taking(tmp_path / "events.json", *events)
    assert (summary.counts["accepted"], summary.counts["rejected"], summary.report) == (210, 0, None)
    assert await pool.fetchval("select count(*) from spool") == 210
    assert sum(heard) == 30
    again, _ = await taking(tmp_path / "events.json", *events)
    assert again.taken_in_at is not None


async def test_what_follows_from_a_file_is_the_same_in_however_many_parts_it_is_taken(
    taking: Taking, pool: Any, tmp_path: Path
) -> None:
    """Events of a bag concern what was in it, also where its packing comes in a later part."""
    events = [event("departing", 10 + each, BAG) for each in range(12)] + [
        packing("ADD", 0, BAG, *parcels(3))
    ]
    summary, _ = await taking(tmp_path / "events.json", *events)
    assert summary.counts["rejected"] == 0
    live = "select thing, count(*) from epcis_effects where live and thing <> $1 group by 1 order by 1"
    assert [count for _, count in await pool.fetch(live, BAG)] == [13, 13, 13]


async def test_of_a_file_only_the_event_that_is_too_much_alone_is_refused_and_with_the_true_reason(
    taking: Taking, pool: Any, tmp_path: Path
) -> None:
    events = [event("accepting", 1, each) for each in parcels(5)]
    summary, _ = await taking(
        tmp_path / "events.json", *events[:3], event("accepting", 1, *parcels(41)), *events[3:]
    )
    assert (summary.counts["accepted"], summary.counts["rejected"]) == (5, 1)
    assert summary.report is not None
    [_, refused] = summary.report.read_text(encoding="utf-8-sig").splitlines()
    assert refused.startswith(
        "4,event_too_large,this event alone asks for more than 40 scans: make several of it,"
    )
    assert await pool.fetchval("select array_agg(reason) from quarantine") == ["event_too_large"]


async def test_a_diamond_of_bags_is_looked_through_once(door: Door, key: str) -> None:
    def bag(level: int, side: int) -> str:
        return f"urn:epc:id:grai:8931234.00001.{level * 2 + side}"

    levels = [packing("ADD", 1, bag(level, side), bag(level + 1, 0), bag(level + 1, 1))
              for level in range(40) for side in (0, 1)]  # fmt: skip
    inner = [packing("ADD", 1, bag(40, side), A) for side in (0, 1)]
    started = time.monotonic()
    with steady():
        found = await job(door, key, *levels, *inner, event("departing", 2, bag(0, 0)))
    assert found["success"] is True
    assert time.monotonic() - started < MOST_SECONDS


async def test_what_counts_against_a_key_is_the_scans_and_not_the_events(
    door: Door, key: str, pool: Any
) -> None:
    await job(door, key, packing("ADD", 0, BAG, *parcels(1_000)), packing("ADD", 1, TRUCK, BAG))
    answer = await send(door, key, *[event("departing", minute, TRUCK) for minute in range(2, 8)])
    assert answer.status_code == 202
    taken = int(answer.headers["ratelimit-limit"]) - int(answer.headers["ratelimit-remaining"])
    assert taken == 6_000, "six events of a truck with a thousand parcels"


async def test_captures_of_one_carrier_at_the_same_time_amount_to_the_same_as_one_after_another(
    door: Door, key: str, pool: Any
) -> None:
    documents = [[packing("ADD", each, BAG, parcels(20)[each])] for each in range(10)]
    documents += [[event("departing", 10 + each, BAG)] for each in range(10)]
    answers = await asyncio.gather(*(send(door, key, *each) for each in documents))
    assert {answer.status_code for answer in answers} == {202}
    live = await pool.fetchval("select count(*) from epcis_effects where live")
    assert live == 10 + 10 * 10


@pytest.mark.parametrize("ids", ["own", "none"])
async def test_work_grows_with_what_is_named_and_not_with_its_square(
    door: Door, key: str, ids: str
) -> None:
    more = {"eventID": "urn:x:1"} if ids == "own" else {}
    started = time.monotonic()
    with steady():
        await job(door, key, event("accepting", 1, *parcels(4_000), **more))
    assert time.monotonic() - started < MOST_SECONDS
