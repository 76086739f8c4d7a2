"""Published figures have versions; later changes make a new one, never a silent edit."""

import asyncio
from datetime import date
from typing import Any

import asyncpg
import pytest

from buuta.errors import BadItem
from buuta.settings import SharedSettings
from services.portal.domain.rates import Choice
from services.portal.publishing import CountedBy, Gap, gaps, last_closed, latest, publish
from tests.integration.parts import chunk, worker
from tests.scans import HOUR, MORNING, scan

DAY = date(2026, 11, 24)


async def track(settings: SharedSettings, pool: Any, start: int, *scans: Any) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, start, scans))


async def figures(pool: Any) -> list[tuple[int, int, int]]:
    rows = await latest(pool, "ghn", DAY, DAY)
    return [(row["version"], row["accepted"], row["delivered_to_address"]) for row in rows]


async def test_a_late_scan_makes_a_new_version_and_the_old_one_stays(
    settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, 0, scan("accepted", 0), scan("out_for_delivery", 1))
    async with pool.acquire() as con:
        first = await publish(con, DAY, DAY, CountedBy("7"))
        again = await publish(con, DAY, DAY, CountedBy("7"))
        assert (first.figures, again.figures) == (1, 0)
        assert await figures(pool) == [(1, 1, 0)]
        await track(settings, pool, 2, scan("delivered", 2, delivery_mode="address"))
        assert await figures(pool) == [(1, 1, 0)]
        await publish(con, DAY, DAY, CountedBy("8"))
        assert await figures(pool) == [(2, 1, 1)]
        kept = await con.fetch(
            "select version, delivered_to_address from published_figures order by version"
        )
        assert [tuple(row) for row in kept] == [(1, 0), (2, 1)]
        said = await con.fetch("select rules, positions::text from publications order by number")
        topic = settings.events_topic
        assert [tuple(row) for row in said][::2] == [
            ("7", f'{{"{topic}/0": 2}}'),
            ("8", f'{{"{topic}/0": 3}}'),
        ]


async def test_a_parcel_that_moves_to_another_cell_leaves_a_version_without_it(
    settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, 0, scan("in_transit", 30))
    async with pool.acquire() as con:
        await publish(con, date(2026, 11, 26), date(2026, 11, 26), CountedBy("7"))
        await track(settings, pool, 1, scan("accepted", 0, received_at=MORNING + 31 * HOUR))
        await publish(con, date(2026, 11, 26), date(2026, 11, 26), CountedBy("7"))
        rows = await latest(con, "ghn", DAY, date(2026, 11, 26))
    assert [(row["day"].day, row["version"], row["accepted"]) for row in rows] == [(24, 1, 1), (25, 2, 0)]


async def test_another_choice_of_what_counts_is_another_version(
    settings: SharedSettings, pool: Any
) -> None:
    """A published rate is not changed by a setting, only by another publication."""
    await track(settings, pool, 0, scan("accepted", 0), scan("delivered", 1, delivery_mode="redirect"))
    async with pool.acquire() as con:
        for choices in ((), (Choice.REDIRECT,), (Choice.REDIRECT,)):
            await publish(con, DAY, DAY, CountedBy("7", frozenset(choices)))
        rows = await latest(con, "ghn", DAY, DAY)
    assert [(row["version"], row["choices"]) for row in rows] == [(2, ["redirect_counts"])]


async def test_what_is_published_can_neither_be_changed_nor_deleted(
    settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, 0, scan("accepted", 0))
    async with pool.acquire() as con:
        await publish(con, DAY, DAY, CountedBy("7"))
    for statement in (
        "update published_figures set accepted = 99", "delete from publications", "truncate published_figures",
    ):  # fmt: skip
        with pytest.raises(asyncpg.RaiseError, match="publish a new version"):
            await pool.execute(statement)


async def test_an_open_cohort_is_not_published(pool: Any) -> None:
    assert last_closed(date(2026, 11, 24), 45) == date(2026, 10, 9)
    async with pool.acquire() as con:
        with pytest.raises(BadItem, match="the newest closed one is that of 2026-10-09"):
            await publish(con, date(2026, 10, 10), date(2026, 10, 9), CountedBy("7"))


async def test_coverage_names_carriers_and_days_that_are_missing(
    settings: SharedSettings, pool: Any
) -> None:
    await pool.execute(
        "insert into carriers (code, name, format, created_at) "
        "values ('ghn', 'GHN', 'ghn', '2026-11-01'), ('vnp', 'VNPost', 'buuta', '2026-11-25')"
    )
    await track(settings, pool, 0, scan("accepted", 0))
    found = await gaps(pool, date(2026, 11, 23), date(2026, 11, 26))
    assert found == [
        Gap("ghn", date(2026, 11, 23), date(2026, 11, 23)), Gap("ghn", date(2026, 11, 25), date(2026, 11, 26)),
        Gap("vnp", date(2026, 11, 25), date(2026, 11, 26)),
    ]  # fmt: skip


async def test_who_publishes_at_once_waits_and_finds_it_published(
    settings: SharedSettings, pool: Any
) -> None:
    await track(settings, pool, 0, scan("accepted", 0))
    async with pool.acquire() as first, pool.acquire() as second:
        made = await asyncio.gather(*(publish(con, DAY, DAY, CountedBy("7")) for con in (first, second)))
    assert sorted(each.figures for each in made) == [0, 1]
