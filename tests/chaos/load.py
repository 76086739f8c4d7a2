"""Carriers that report while faults come, and the moment in which a service is in a transaction."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import httpx

from buuta.demo.journeys import Day
from buuta.demo.play import Ledger, Play
from buuta.demo.reconcile import Reconciliation, reconcile, settle
from buuta.demo.stack import Stack

IN_TRANSACTION: Final = """
select exists (select from pg_stat_activity where application_name = $1 and xact_start is not null
  and query not like '%migrations%')
"""


@contextlib.asynccontextmanager
async def reporting(
    stack: Stack, seed: int, parcels_per_second: float
) -> AsyncIterator[tuple[Ledger, Any]]:
    """Carriers report until the block ends, and then finish their journeys; yields ledger and pool."""
    async with (
        asyncpg.create_pool(stack.database.url, min_size=0, max_size=4) as pool,
        httpx.AsyncClient(timeout=30) as client,
    ):
        play, stop = Play(stack, Day(seed), pool, client), asyncio.Event()
        playing = asyncio.create_task(play.run(parcels_per_second, stop))
        try:
            yield play.ledger, pool
        finally:
            stop.set()
            await playing


async def settled_books(stack: Stack, ledger: Ledger) -> tuple[Reconciliation, str]:
    """What the books say once nothing is under way, and each service's last lines."""
    books = await reconcile(stack, ledger, await settle(stack, ledger))
    return books, "\n".join(f"--- {name}\n{stack.tail(name)}" for name in stack.children)


async def in_transaction(con: Any, service: str) -> bool:
    """Whether a service is in a transaction at one of the next moments; `con` is a connection or a pool."""
    for _ in range(50):
        if await con.fetchval(IN_TRANSACTION, service):
            return True
    return False
