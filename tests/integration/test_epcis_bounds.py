"""What a document asks for is measured first, done beside the event loop, and counts by its scans."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from services.ingest.app import wire
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.doors import Door, add_carrier, ready
from tests.integration.test_epcis import BAG, TRUCK, A, event, job, packing, send
from tests.waiting import until

MOST_SECONDS = 60.0


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


async def test_an_event_whose_id_came_before_and_says_something_else_is_a_warning(
    door: Door, key: str
) -> None:
    named = {"eventID": "urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8"}
    first = await job(
        door, key, event("accepting", 1, A, **named), packing("ADD", 2, BAG, A, eventID="urn:x:1")
    )
    assert first["warnings"] == []
    found = await job(
        door, key, event("accepting", 5, A, **named), packing("ADD", 6, BAG, A, eventID="urn:x:1")
    )
    assert found["success"] is True
    assert [(each["code"], each["event"]) for each in found["warnings"]] == [
        ("copy_differs", 1),
        ("copy_differs", 0),
    ]
    assert "eventTime" in found["warnings"][0]["detail"]
    assert "occurred_at" in found["warnings"][1]["detail"]


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
