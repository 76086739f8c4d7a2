"""A part that is silent and does not refuse: every wait at the edge has an end. Real processes, SIGSTOP."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from buuta.demo.stack import Stack, running
from buuta.errors import DatabaseAway
from buuta.storage.bounded import BoundedPool, Silence
from tests.freezing import frozen
from tests.waiting import until

EVERY = 1 / 20
COUNT = 120
PATIENCE = 6.0
"""Seconds: less than any vendor waits, and room for a loaded machine."""
START = 1_790_000_000


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    async with running(("ingest", "portal"), durable=False, preferred={}) as made:
        yield made


async def timed(request: Any) -> tuple[int, float]:
    started = time.monotonic()
    answer = await request
    return answer.status_code, time.monotonic() - started


async def reports(
    stack: Stack, client: httpx.AsyncClient, first: int, count: int
) -> list[tuple[int, float]]:
    """Reports of a vendor at twenty a second; the status of each, and after how many seconds."""
    url = f"{stack.url('ingest')}/v1/webhooks/{stack.keys['ghn'][1]}/ghn"
    asking = []
    for place in range(first, first + count):
        moment = datetime.fromtimestamp(START + place, UTC).isoformat()
        body = {"Type": "switch_status", "OrderCode": f"SIL{place:05}", "Status": "picked", "Time": moment}
        asking.append(asyncio.create_task(timed(client.post(url, json=body))))
        await asyncio.sleep(EVERY)
    return await asyncio.gather(*asking)


def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None))


async def test_reports_are_answered_and_pages_say_503_while_postgresql_is_frozen(stack: Stack) -> None:
    page = f"{stack.url('portal')}/t/ghn/SIL00001"
    async with client() as http:
        assert {status for status, _ in await reports(stack, http, 0, 5)} == {200}
        with frozen(stack.database.port):
            answered = asyncio.create_task(reports(stack, http, 100, COUNT))
            pages = [await timed(http.get(page)) for _ in range(4)]
            unknown = f"{stack.url('ingest')}/v1/webhooks/bw_nobody/ghn"
            unknown_status, seconds = await timed(http.post(unknown, json={}))
            heard = await answered
            away = await http.get(f"{stack.url('portal')}/v1/carriers")
        assert {status for status, _ in heard} == {200}
        assert max(each for _, each in heard) < PATIENCE
        assert {status for status, _ in pages} == {503}
        assert max(each for _, each in pages) < PATIENCE
        assert pages[-1][1] < 1.5, "what is known to be silent is not waited for"
        assert (unknown_status, seconds < PATIENCE) == (503, True)
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")

        async def goes_on() -> bool:
            carriers = await http.get(f"{stack.url('portal')}/v1/carriers")
            unknown_again = await http.post(unknown, json={})
            return (carriers.status_code, unknown_again.status_code) == (200, 404)

        await until(goes_on, "all goes on after the thaw", 60)
        assert {status for status, _ in await reports(stack, http, 900, 5)} == {200}


async def test_who_has_a_good_key_is_no_guesser_while_ingest_has_not_read_the_keys(stack: Stack) -> None:
    url = f"{stack.url('ingest')}/v1/webhooks/{stack.keys['ghn'][1]}/ghn"
    async with client() as http:

        async def listens() -> bool:
            try:
                await http.post(url, json={})
            except httpx.TransportError:
                return False
            return True

        with frozen(stack.database.port):
            stack.children["ingest"].kill()
            stack.start("ingest")
            await until(listens, "ingest listens", 60)
            heard = await asyncio.gather(*(http.post(url, json={}) for _ in range(60)))
        assert {answer.status_code for answer in heard} == {503}

        async def let_in() -> bool:
            return (await http.post(url, json={})).status_code not in (404, 429, 503)

        await until(let_in, "the key is known after the thaw", 60)


async def test_reports_go_into_the_spool_while_kafka_is_frozen_and_reach_the_log_afterwards(
    stack: Stack,
) -> None:
    async with client() as http:
        assert {status for status, _ in await reports(stack, http, 0, 5)} == {200}
        with frozen(int(stack.broker.address.rpartition(":")[2])):
            heard = await reports(stack, http, 100, COUNT)
            page, seconds = await timed(http.get(f"{stack.url('portal')}/v1/carriers"))
        assert {status for status, _ in heard} == {200}
        assert max(each for _, each in heard) < PATIENCE
        assert (page, seconds < PATIENCE) == (200, True)
        con = await asyncpg.connect(stack.database.url)

        async def drained() -> bool:
            return bool(await con.fetchval("select count(*) = 0 from spool"))

        await until(drained, "the spool is empty after the thaw", 90)
        await con.close()


async def test_a_loan_ends_in_whatever_it_is_at(database: str) -> None:
    """A query, a transaction, the giving back and the waiting for a connection all end by the one limit."""
    async with asyncpg.create_pool(database, min_size=0, max_size=1) as pool:
        bounded = BoundedPool(pool, 0.5, Silence(database))
        started = time.monotonic()
        with pytest.raises(DatabaseAway, match=r"within 0.5 s"):
            await bounded.fetch("select pg_sleep(60)")
        with pytest.raises(DatabaseAway):
            async with bounded.acquire() as con, con.transaction():
                await con.execute("select pg_sleep(60)")
        async with pool.acquire():
            with pytest.raises(DatabaseAway, match="no connection"):
                await bounded.fetchval("select 1")
        assert time.monotonic() - started < 20

        async def answers() -> bool:
            try:
                return bool(await bounded.fetchval("select 1"))
            except DatabaseAway:
                return False

        await until(answers, "the pool lends again")
        with pytest.raises(asyncpg.UniqueViolationError):
            await _twice(bounded)


async def test_a_loan_that_ends_between_two_steps_of_a_statement_ends_as_any_other(database: str) -> None:
    async with asyncpg.create_pool(database, min_size=0, max_size=1) as pool:
        for turn in range(40):
            bounded = BoundedPool(pool, 0.02 + turn / 5_000, Silence(database))
            with pytest.raises(DatabaseAway):
                await _asked_on_and_on(bounded)


async def _asked_on_and_on(bounded: BoundedPool) -> None:
    async with bounded.acquire() as con, asyncio.timeout(20):
        for number in range(1_000_000):
            await con.fetchval(f"select {number}")


async def _twice(bounded: BoundedPool) -> None:
    """What is wrong with the data stays what it is."""
    async with bounded.acquire() as con:
        await con.execute("create temporary table once (id int primary key)")
        await con.execute("insert into once values (1), (1)")
