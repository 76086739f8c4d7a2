"""Real processes, killed and frozen in the middle of their work; then the books must balance."""

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from buuta.audit.archive import Archive
from buuta.audit.rebuild import Rebuild
from buuta.contracts.codec import Codec
from buuta.demo.stack import Stack, running, settings_of
from tests.chaos.load import in_transaction, reporting, settled_books
from tests.waiting import until

SEED = 20261124


@contextlib.asynccontextmanager
async def under_load(parcels_per_second: float) -> AsyncIterator[tuple[Stack, Any]]:
    """A running stack with carriers that report; at the end everything must balance."""
    async with running(durable=False) as stack:
        async with reporting(stack, SEED, parcels_per_second) as (ledger, pool):
            yield stack, pool
        result, said = await settled_books(stack, ledger)
        assert result.differences == [], f"{result.figures}\n{said}"
        assert result.figures["accepted"] > 100


async def mid_transaction(pool: Any, service: str) -> None:
    """Wait until the service is in the middle of a transaction."""
    await until(lambda: in_transaction(pool, service), f"{service} is in a transaction", 60)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "kills", [pytest.param(2, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.long)]
)
async def test_killed_in_mid_chunk_nothing_is_lost_or_doubled(kills: int) -> None:
    chance = random.Random(SEED)
    async with under_load(15) as (stack, pool):
        for turn in range(kills):
            victim = "notifier" if turn % 3 == 1 else "tracker"
            await mid_transaction(pool, victim)
            await asyncio.sleep(chance.random() * 0.02)
            stack.children[victim].kill()
            stack.start(victim)
            await stack.ready(victim)


@pytest.mark.timeout(600)
@pytest.mark.slow
async def test_frozen_past_its_session_the_heir_goes_on_and_the_thawed_one_writes_nothing_twice() -> None:
    async with under_load(15) as (stack, pool):
        await mid_transaction(pool, "tracker")
        frozen = stack.children["tracker"].process
        frozen.send_signal(signal.SIGSTOP)
        stack.start("tracker", "heir")
        await stack.ready("heir")
        fences = await pool.fetch("select partition, position from progress where consumer = 'tracker'")
        before = {row["partition"]: row["position"] for row in fences}

        async def all_moved() -> bool:
            rows = await pool.fetch("select partition, position from progress where consumer = 'tracker'")
            return all(row["position"] > before[row["partition"]] for row in rows)

        await until(all_moved, "the heir commits on every partition", 60)
        frozen.send_signal(signal.SIGCONT)
        await stack.ready("tracker")


@pytest.mark.timeout(600)
async def test_rebuilt_and_swapped_under_load_with_a_tracker_killed_in_between(tmp_path: Path) -> None:
    """Whatever is reported meanwhile is in the new tables, once; and nobody is told anything twice."""
    async with under_load(15) as (stack, pool):
        settings = settings_of(stack)
        made = Rebuild(settings, pool, Archive(tmp_path, settings.events_topic), Codec())
        await made.make()
        swapping = asyncio.create_task(made.swap())
        stack.children["tracker"].kill()
        stack.start("tracker")
        await swapping
        await stack.ready("tracker")
        assert await pool.fetchval("select count(*) from replaced.scans") > 0
