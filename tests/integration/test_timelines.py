"""Anybody may ask for the page of a number with any number of scans, and nobody else waits for it."""

import asyncio
from functools import partial
from typing import Any

import pytest

from buuta.model.steering import MOST_SCANS
from buuta.settings import SharedSettings
from buuta.web.problems import Problem
from services.portal.timelines import LongTimelines, Rows
from tests.integration.test_bounded_work import filled
from tests.integration.test_portal import Portal, portal, track
from tests.scans import scan
from tests.waiting import until

__all__ = ["portal"]
PAGE = "/v1/parcels/ghn/{}"


async def test_a_number_with_more_scans_than_steer_is_read_once_however_many_ask(
    portal: Portal, settings: SharedSettings, pool: Any
) -> None:
    await filled(pool, 1, MOST_SCANS + 50)
    for table in ("parcels", "scans"):
        await pool.execute(f"update {table} set parcel_key = 'ghn:H100'")
    first = await portal.client.get(PAGE.format("H100"))
    assert (first.status_code, len(first.json()["timeline"])) == (200, MOST_SCANS)
    await pool.execute("delete from scans where parcel_key = 'ghn:H100'")
    answers = await asyncio.gather(*(portal.client.get(PAGE.format("H100")) for _ in range(20)))
    assert {each.content for each in answers} == {first.content}
    await track(settings, pool, [scan("accepted")])
    assert len((await portal.client.get(PAGE.format("Z82BS"))).json()["timeline"]) == 1


class Reading:
    """A reading that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()

    async def is_begun(self, times: int) -> bool:
        return self.begun == times

    async def __call__(self) -> Rows:
        self.begun += 1
        await self.go.wait()
        return ["scan"]


async def test_one_is_read_at_a_time_and_the_others_hear_at_once_that_it_is_not_their_turn() -> None:
    long, reading = LongTimelines(), Reading()
    asking = asyncio.create_task(long.of("ghn:H0", 0, reading))
    await until(partial(reading.is_begun, 1), "it is being read")
    for key in ("ghn:H0", "ghn:H1"):
        with pytest.raises(Problem) as busy:
            await long.of(key, 0, reading)
        assert (busy.value.status, busy.value.headers) == (503, {"Retry-After": "10"})
    reading.go.set()
    assert await asking == ["scan"]
    assert (await long.of("ghn:H1", 0, reading), reading.begun) == (["scan"], 2)


async def test_what_could_not_be_read_rests_as_well_and_what_is_known_is_told_meanwhile() -> None:
    long, broken = LongTimelines(), 0

    async def fails() -> Rows:
        nonlocal broken
        broken += 1
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await long.of("ghn:H0", 0, fails)
    with pytest.raises(Problem):
        await long.of("ghn:H0", 0, fails)
    assert broken == 1
    brief, reading = LongTimelines(seconds=0), Reading()
    reading.go.set()
    await brief.of("ghn:H0", 0, reading)
    reading.go.clear()
    again = asyncio.create_task(brief.of("ghn:H0", 0, reading))
    await until(partial(reading.is_begun, 2), "it is read once more")
    assert await brief.of("ghn:H0", 0, reading) == ["scan"], "what was read last"
    reading.go.set()
    assert await again == ["scan"]
