"""The demo survives a restart of any of its services, under load and at rest."""

from typing import Any

import pytest

from buuta.demo.play import Ledger
from buuta.demo.stack import SERVICES, running
from tests.chaos.load import reporting, settled_books
from tests.waiting import until

SEED = 20261126


MISSING = """
select count(*) from unnest($1::bytea[]) as told (id) where not exists (select from scans where event_id = told.id)
"""


async def all_applied(pool: Any, ledger: Ledger) -> bool:
    told = [bytes.fromhex(each) for each in ledger.event_ids]
    return bool(told) and not await pool.fetchval(MISSING, told)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_any_service_may_be_killed_and_started_again_under_load_and_at_rest() -> None:
    """At rest positions stand behind the last batch, whose end the embedded broker tells short of it."""
    async with running(durable=False, preferred={}) as stack:
        async with reporting(stack, SEED, 8) as (ledger, _):
            for service in SERVICES:
                stack.children[service].kill()
                stack.start(service)
                await stack.ready(service)
        result, said = await settled_books(stack, ledger)
        assert result.differences == [], f"{result.figures}\n{said}"
        for service in SERVICES:
            stack.children[service].kill()
            stack.start(service)
        for service in SERVICES:
            await stack.ready(service)
        async with reporting(stack, SEED + 1, 8) as (more, pool):
            await until(lambda: all_applied(pool, more), "the restarted services go on", 90)
        for service in SERVICES:
            assert stack.children[service].alive, stack.tail(service)
