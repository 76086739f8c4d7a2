"""Figures over years are sums of sums, read on connections of their own, whoever asks for whatever."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from buuta.audit.sums import differing
from buuta.settings import SharedSettings
from buuta.storage.bounded import Silence
from buuta.web.problems import Problem
from services.portal import figures, publishing
from services.portal.app import wire
from services.portal.domain.periods import Asked, Period, parts
from services.portal.settings import PortalSettings
from services.tracker.domain.figures import Cell
from services.tracker.storage import add_to_cells, add_transit
from tests.integration.doors import served

CELLS = """
insert into rate_cells (slot, carrier, service, province, commune, day, accepted, delivered_to_address)
select n % 4, 'c' || n % 12, 'standard', (n % 34)::text, (n % 3313)::text, '2025-01-01'::date + (n % 400)::int, 2, 1
from generate_series(1, $1::int) as n on conflict do nothing
"""
TRANSIT = """
insert into transit_cells (slot, carrier, service, province, day, hours, parcels)
select n % 4, 'c' || n % 12, 'standard', (n % 34)::text, '2025-01-01'::date + (n % 400)::int, n % 90, 1
from generate_series(1, $1::int) as n on conflict do nothing
"""
PLAIN = """
select carrier, sum(accepted)::bigint, sum(delivered_to_address)::bigint from rate_cells
where day between $1 and $2 group by carrier order by carrier
"""
YEAR = Period(date(2025, 1, 17), date(2025, 12, 29))


@contextlib.asynccontextmanager
async def portal(settings: SharedSettings, seconds: float) -> AsyncIterator[httpx.AsyncClient]:
    own = PortalSettings(**settings.model_dump() | {"figures_seconds": seconds})
    async with served(wire, own) as made:
        yield made


@pytest.fixture
async def client(settings: SharedSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A portal whose figures have the time that a busy machine needs."""
    async with portal(settings, 20.0) as made:
        yield made


@pytest.fixture
async def hurried(settings: SharedSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A portal that waits a second for figures and no longer."""
    async with portal(settings, 1.0) as made:
        yield made


async def test_sums_are_those_of_the_cells_whatever_was_done_to_them(pool: Any) -> None:
    chance = random.Random(7)

    def cell() -> Cell:
        day = date(2026, 1, 28) + timedelta(days=chance.randrange(8))
        return Cell(chance.choice("ab"), chance.choice("xy"), chance.choice("12"), chance.choice("34"), day)

    for turn in range(20):
        counts = {(cell(), chance.choice(("accepted", "lost"))): chance.randint(-2, 9) for _ in range(30)}
        transit = {
            (each.carrier, each.service, each.province, each.day, chance.randrange(4)): 1
            for each, _ in counts
        }
        await add_to_cells(pool, turn % 3, counts)
        await add_transit(pool, turn % 3, transit)
        assert await differing(pool, 60) == []
    await pool.execute("delete from rate_cells where province = '1'")
    await pool.execute("update transit_cells set hours = hours + 10, day = day + 1")
    assert await differing(pool, 60) == []
    await pool.execute("update rate_days set accepted = accepted + 1 where day = '2026-01-31'")
    wrong = await differing(pool, 60)
    assert {each[5] for each in wrong} == {"accepted_in_rate_days"}
    await pool.execute("truncate rate_cells, transit_cells")
    for table in ("rate_days", "rate_months", "carrier_days", "transit_months"):
        assert await pool.fetchval(f"select count(*) from {table}") == 0


async def test_a_million_cells_are_not_read_for_the_figures_of_a_year(pool: Any) -> None:
    async with pool.acquire() as con:
        await con.execute(CELLS, 1_000_000, timeout=300)
        await con.execute(TRANSIT, 300_000, timeout=300)
        await con.execute("analyze", timeout=300)
        sums, hours = {"rate_days", "rate_months"}, {"transit_cells", "transit_months"}
        of_all = (None, None)
        for statement, more, tables, most in (
            (figures.RATES, of_all, sums, 20_000), (figures.TRANSIT, (), hours, 150_000),
        ):  # fmt: skip
            told = await explained(con, statement, *more)
            assert {each.get("Relation Name") for each in leaves(told)} == tables
            assert sum(each["Actual Rows"] * each["Actual Loops"] for each in leaves(told)) < most
            assert told["Temp Written Blocks"] == 0
        rows = [row for row in await figures.rates(con, Asked(YEAR)) if row["province"] is None]
        counted = [(row["carrier"], row["accepted"], row["delivered_to_address"]) for row in rows]
        assert counted == [tuple(row) for row in await con.fetch(PLAIN, *YEAR)], "the sums are the same"
        assert len(await figures.rates(con, Asked(YEAR, "other"))) == 0


async def explained(con: Any, statement: str, *more: str | None) -> dict[str, Any]:
    cut = parts(YEAR)
    [[plan]] = await con.fetch(
        f"explain (analyze, buffers, format json) {statement}",
        *cut.before,
        *cut.months,
        *cut.after,
        None,
        *more,
    )
    found: dict[str, Any] = json.loads(plan)[0]["Plan"]
    return found


def leaves(plan: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [leaf for each in plan.get("Plans", ()) for leaf in leaves(each)]
    return [plan, *inner] if "Relation Name" in plan else inner


@pytest.mark.parametrize("route", ["/rates", "/v1/rates", "/v1/rates/published"])
@pytest.mark.parametrize(
    "query",
    [
        "from=0001-01-01", "to=0001-01-01", "from=9999-12-31", "to=9999-12-31", "from=0001-01-01&to=9999-12-31",
        "from=2000-01-01", "from=2026-02-01&to=2026-01-01", "from=nan", "to=-1", "from=2026-13-45",
        "from=2020-01-01&to=2026-01-01",
    ],
)  # fmt: skip
async def test_a_period_beyond_all_measure_is_refused_before_anything_is_read(
    client: httpx.AsyncClient, pool: Any, route: str, query: str
) -> None:
    said = await client.get(f"{route}?carrier=ghn&{query}")
    if route == "/v1/rates/published" and query == "from=2000-01-01":
        assert said.status_code == 200, "a month of it"
        return
    assert said.status_code in (400, 422), said.text
    limits = ("2000-01-01", "2100-01-01", "at most", "lies after", "a day such as")
    assert any(limit in said.json()["detail"] for limit in limits), said.text


async def test_pages_of_published_figures_have_an_end_and_name_the_next(
    client: httpx.AsyncClient, pool: Any
) -> None:
    await pool.execute(CELLS, 30_000)
    await pool.execute("update rate_cells set carrier = 'ghn', day = '2026-01-01'::date + (slot + 1)")
    async with pool.acquire() as con:
        until = date(2026, 1, 31)
        made = await publishing.publish(con, until, until, publishing.CountedBy("7"))
        await publishing.publish(con, until, until, publishing.CountedBy("8"))
    url, found, pages = "/v1/rates/published?carrier=ghn&from=2026-01-01&to=2026-01-31", [], 0
    while url:
        said = await client.get(url)
        assert len(said.json()) <= publishing.MOST
        found += [(each["day"], each["province"], each["commune"]) for each in said.json()]
        pages += 1
        url = f"/v1/rates/published{said.links['next']['url']}" if said.links else ""
    assert pages == made.figures // publishing.MOST + 1 > 2
    assert (len(found), len(set(found))) == (made.figures, made.figures)
    assert found == sorted(found)


@pytest.mark.parametrize("after", ["x", "2026-01-01", "2026-01-01:a:b", ":::", "2026-99-01:a:b:c"])
async def test_a_page_begins_where_a_link_led(client: httpx.AsyncClient, after: str) -> None:
    said = await client.get("/v1/rates/published", params={"carrier": "ghn", "after": after})
    assert (said.status_code, said.json()["code"]) == (400, "after_invalid")


async def test_figures_that_do_not_come_hold_up_nothing_else(
    hurried: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    """The twin of a slow disk: somebody holds a lock on what is read."""
    async with pool.acquire() as con, con.transaction():
        await con.execute("lock table rate_days in access exclusive mode")
        asking = [asyncio.create_task(hurried.get("/rates")) for _ in range(20)]
        async with asyncio.timeout(20):
            assert (await hurried.get("/t/ghn/UNKNOWN1")).status_code == 404
            said = await asyncio.gather(*asking)
        assert {each.status_code for each in said} == {503}
        assert {each.json()["code"] for each in said} == {"figures_busy"}
        held = await con.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'portal figures' "
            "and datname = current_database()"
        )
        assert held <= 3
    assert (await hurried.get("/rates")).status_code == 200


async def test_figures_of_hundreds_of_carriers_are_not_made_on_the_event_loop(
    client: httpx.AsyncClient, pool: Any
) -> None:
    """The guard of all tests measures it: a step of 200 ms fails this one."""
    await pool.execute(
        "insert into rate_cells (slot, carrier, service, province, commune, day, accepted)"
        " select 0, 'c' || n % 600, 'standard', (n / 600)::text, '', '2026-01-01', 1"
        " from generate_series(0, 20399) n"
    )
    said = (await client.get("/v1/rates?from=2026-01-01&to=2026-01-31")).json()
    assert len(said["rates"]) == 600 * 35
    assert {"carrier", "rate_net", "under_way", "transit_p50"} <= said["rates"][0].keys()
    shown = (await client.get("/rates?from=2026-01-01&to=2026-01-31")).text
    assert shown.count('<tr class="sum"') == 2 * 601, (
        "in both tables a row a carrier, its provinces behind it, and one of all"
    )
    table = (await client.get("/v1/rates.csv?from=2026-01-01&to=2026-01-31")).text
    assert table.count("\n") == 600 * 35 + 1


async def test_hours_of_transit_that_take_long_are_said_to_be_unknown_and_then_known(
    client: httpx.AsyncClient, pool: Any
) -> None:
    await pool.execute(CELLS, 2_000)
    await pool.execute(TRANSIT, 2_000)
    url = "/v1/rates?from=2025-01-01&to=2025-12-31"
    async with pool.acquire() as con, con.transaction():
        await con.execute("lock table transit_months in access exclusive mode")
        async with asyncio.timeout(20):
            said = (await asyncio.gather(*(client.get(url) for _ in range(5))))[0].json()
        assert said["transit_as_of"] is None
        assert {rate["transit_p50"] for rate in said["rates"]} == {None}
        assert sum(rate["accepted"] for rate in said["rates"]) > 0
    async with asyncio.timeout(30):
        while (said := (await client.get(url)).json())["transit_as_of"] is None:
            pass
    assert None not in {rate["transit_p50"] for rate in said["rates"]}


async def read_much(reading: figures.Figures) -> None:
    async with reading.snapshot() as con:
        await con.execute("set work_mem = '64kB'")
        await con.fetch("select * from rate_cells order by commune, accepted")


async def test_temporary_files_of_figures_are_limited_where_our_role_may_limit_them(
    settings: SharedSettings, pool: Any
) -> None:
    own = PortalSettings(**settings.model_dump() | {"figures_temp_mb": 1, "figures_seconds": 10})
    await pool.execute(CELLS, 200_000)
    async with figures.opened(own, Silence(str(own.database))) as reading:
        async with reading.snapshot() as con:
            assert await con.fetchval("show temp_file_limit") == "1MB"
            assert await con.fetchval("show statement_timeout") == "10s"
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await con.execute("delete from rate_cells")
        with pytest.raises(Problem, match="figures were not read"):
            await read_much(reading)
    name = f"plain_{settings.database.path.strip('/')}"  # type: ignore[union-attr]
    await pool.execute(f"create role {name} login; grant select on all tables in schema public to {name}")
    plain = own.model_copy(update={"database": str(own.database).replace("postgres@", f"{name}@")})
    try:
        async with figures.opened(plain, Silence(str(own.database))) as reading, reading.snapshot() as con:
            assert await con.fetchval("show temp_file_limit") == "-1"
            assert await con.fetchval("show statement_timeout") == "10s"
    finally:
        await pool.execute(f"drop owned by {name}; drop role {name}")
