"""The guards can fail: each rule is broken on purpose, and what is exempt is shown to be."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.guards import Finding, Known, Watch, blame, loop, pools, transactions
from tests.guards.blame import Step, blamed

LOOP = Step("/usr/lib/asyncio/events.py", 80, "_run", awaited=False)
TEST = Step("tests/integration/test_x.py", 1, "test_x", awaited=True)
DOOR = Step("services/ingest/doors/gate.py", 1, "take", awaited=True)
FOLD = Step("services/tracker/domain/fold.py", 1, "fold", awaited=False)
WIRE = Step("services/ingest/app.py", 1, "wire", awaited=True)
STAND_IN = Step("buuta/embedded/database.py", 1, "start", awaited=False)

SERVICE: Final = f"{blame.ROOT}services/broken/service.py"
SOURCE: Final = """
import asyncio, time

def burn(seconds):
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass

async def blocks(seconds):
    burn(seconds)

async def sleeps(seconds):
    time.sleep(seconds)

async def works_between_statements(pool, seconds):
    async with pool.acquire() as con, con.transaction():
        await con.execute("select 1")
        for _ in range(10):
            burn(seconds / 10)
            await asyncio.sleep(0)
        await con.fetchval("select 2")

async def waits_between_statements(pool, seconds):
    async with pool.acquire() as con, con.transaction():
        await con.execute("select 1")
        await asyncio.sleep(seconds)

async def works_outside(pool, seconds):
    async with pool.acquire() as con:
        await con.execute("select 1")
        burn(seconds / 2)
        await con.fetchval("select 2")

async def nests(pool):
    async with pool.acquire():
        await pool.fetchval("select 1")

async def nests_in_a_child(pool):
    async with pool.acquire():
        await asyncio.gather(pool.fetchval("select 1"), pool.fetchval("select 2"))

async def one_after_the_other(pool):
    async with pool.acquire() as con:
        await con.fetchval("select 1")
    await pool.fetchval("select 2")
"""
"""What no service may do; compiled as if it were the code of one."""


@pytest.fixture(scope="module")
def service() -> Any:
    names: dict[str, Any] = {}
    exec(compile(SOURCE, SERVICE, "exec"), names)
    return type("Service", (), {name: staticmethod(each) for name, each in names.items() if callable(each)})


@pytest.fixture
def found(watch: Watch) -> Iterator[Any]:
    """What the guards find, as (rule, where); it is expected, and not held against the test."""
    watch.findings.take()
    yield lambda: [(each.rule, each.where.rpartition(":")[2]) for each in watch.findings.take()]
    watch.findings.take()


@pytest.mark.parametrize(
    ("stack", "where"),
    [
        ([LOOP, DOOR, FOLD], "services/tracker/domain/fold.py:fold"),
        ([LOOP, TEST, DOOR, FOLD], "services/tracker/domain/fold.py:fold"),
        ([LOOP, TEST, FOLD], None),
        ([LOOP, TEST], None),
        ([LOOP, DOOR, STAND_IN], None),
        ([LOOP, TEST, WIRE, FOLD], None),
        ([LOOP], "a library"),
    ],
)
def test_who_is_blamed(stack: list[Step], where: str | None) -> None:
    assert blamed(stack) == where


async def test_a_loop_that_works_too_long_in_one_step_is_found(service: Any, found: Any) -> None:
    await service.blocks(0.5)
    await asyncio.sleep(0)
    assert found() == [(loop.RULE, "burn")]


def test_a_command_may_keep_its_own_loop_busy() -> None:
    audit = Step("buuta/audit/recompute.py", 1, "compare", awaited=False)
    assert loop.blamed([LOOP, audit]) is None
    assert loop.blamed([LOOP, DOOR]) is not None


async def test_so_is_the_loop_of_another_thread(service: Any, found: Any) -> None:
    thread = threading.Thread(target=lambda: asyncio.run(service.blocks(0.5)))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert found() == [(loop.RULE, "burn")]


async def test_a_loop_that_sleeps_is_found(service: Any, found: Any) -> None:
    await service.sleeps(loop.ASLEEP_SECONDS + 1)
    await asyncio.sleep(0)
    assert found() == [(loop.RULE, "sleeps")]


async def test_what_a_test_does_itself_is_not(service: Any, found: Any) -> None:
    service.burn(0.4)
    time.sleep(loop.ASLEEP_SECONDS + 0.5)  # noqa: ASYNC251 - a test may
    await asyncio.sleep(0)
    assert found() == []


async def test_many_short_steps_are_not(service: Any, found: Any) -> None:
    for _ in range(10):
        await service.blocks(0.04)
        await asyncio.sleep(0)
    assert found() == []


async def test_work_between_the_statements_of_a_transaction_is_found(
    service: Any, found: Any, pool: Any
) -> None:
    await service.works_between_statements(pool, 0.5)
    assert (transactions.RULE, "works_between_statements") in found()


async def test_so_is_waiting_for_something_else(service: Any, found: Any, pool: Any) -> None:
    await service.waits_between_statements(pool, transactions.WAITED_SECONDS + 1)
    assert found() == [(transactions.RULE, "waits_between_statements")]


async def test_work_outside_of_transactions_is_not(service: Any, found: Any, pool: Any) -> None:
    await service.works_outside(pool, 0.3)
    assert found() == []


@pytest.mark.parametrize("how", ["nests", "nests_in_a_child"])
async def test_a_connection_that_is_taken_while_one_is_held_is_found(
    service: Any, found: Any, pool: Any, how: str
) -> None:
    await getattr(service, how)(pool)
    assert set(found()) == {(pools.RULE, how)}


async def test_one_after_the_other_is_not(service: Any, found: Any, pool: Any) -> None:
    await service.one_after_the_other(pool)
    async with pool.acquire():
        await service.one_after_the_other(pool)
    assert found() == []


def test_what_is_known_is_not_held_against_a_test_until_it_is_mended() -> None:
    known = Known("a rule", "services/x.py:f", "an owner", "test_x.py::test_shows_it")
    watch = Watch([known])
    watch.findings.add(Finding("a rule", "services/x.py:f", "how"))
    assert watch.verdict("tests/test_x.py::test_shows_it") == ""
    assert "no longer breaks the rule" in watch.verdict("tests/test_x.py::test_shows_it")
    assert watch.verdict("tests/test_y.py::test_other") == ""
    watch.findings.add(Finding("a rule", "services/x.py:g", "how"))
    assert "services/x.py:g: how" in watch.verdict("tests/test_y.py::test_other")
