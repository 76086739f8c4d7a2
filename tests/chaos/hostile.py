"""Hostile bodies at every HTTP door of a running ingest: no 5xx, no crash, no neighbour lost, nothing said.

`python -m tests.chaos.hostile --count 10000 --seed 1` is the long one; the short one is a test.
"""

import argparse
import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx
import psutil

from buuta.demo.stack import Stack, running
from buuta.storage.vault import Vault
from services.ingest.registry.locksmith import Locksmith
from services.ingest.storage import Carrier
from tests.chaos.mischief import Mischief, Sent
from tests.golden import WEBHOOK_PAIRS
from tests.waiting import until

SIDE_BY_SIDE: Final = 16
THERE: Final = """
select count(distinct split_part(parcel_key, ':', 2)) from scans where split_part(parcel_key, ':', 2) = any($1)
"""
MOST_GROWTH: Final = 300_000_000
"""Bytes by which ingest's memory may grow over the whole run: bodies are 5 MB at most, and 16 come at a time."""


@dataclass
class Found:
    """What was answered, and what was wrong with it."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    neighbours: set[str] = field(default_factory=set)


async def ask(client: httpx.AsyncClient, url: str, sent: Sent, found: Found) -> None:
    """Send one body, and look at the answer."""
    answer = await client.post(f"{url}{sent.path}", content=sent.body, headers=sent.headers)
    found.statuses[answer.status_code] += 1
    if answer.status_code >= 500:
        found.wrong.append(
            f"{answer.status_code} for {sent.body[:300]!r} at {sent.path.rpartition('/')[2]}"
        )
    if "Canary" in answer.text:
        found.wrong.append(f"the answer repeats what may be personal: {answer.text[:300]}")
    if sent.neighbour is not None:
        results = [each.get("result") for each in answer.json()] if answer.status_code == 200 else []
        if "accepted" not in results:
            found.wrong.append(f"a good item was lost beside {sent.body[:300]!r}: {answer.status_code}")
        found.neighbours.add(sent.neighbour)


async def hostile(count: int, seed: int) -> tuple[Found, int, int]:
    """Send so many; returns what was found, how many neighbours are in the history, and the bytes grown by."""
    found = Found()
    async with (
        running(("ingest", "tracker"), durable=False, preferred={}) as stack,
        asyncpg.create_pool(stack.database.url, min_size=0, max_size=2) as pool,
        httpx.AsyncClient(timeout=60) as client,
    ):
        mischief = await _mischief(stack, pool, seed)
        ingest = psutil.Process(stack.children["ingest"].process.pid)
        for sent in mischief.bodies(200):
            await ask(client, stack.url("ingest"), sent, found)
        before, bodies = ingest.memory_info().rss, mischief.bodies(count - 200)

        async def one() -> None:
            for sent in bodies:
                await ask(client, stack.url("ingest"), sent, found)

        await asyncio.gather(*(one() for _ in range(SIDE_BY_SIDE)))
        grown = ingest.memory_info().rss - before
        there = await _history(pool, found.neighbours)
    return found, there, grown


async def _mischief(stack: Stack, pool: Any, seed: int) -> Mischief:
    smith = Locksmith(pool, Vault(bytes.fromhex(stack.env["BUUTA_MASTER_KEY"])), "mischief")
    made = {}
    for place, recipe in enumerate(
        sorted({recipe.format for recipe, _ in WEBHOOK_PAIRS} | {"buuta", "epcis"})
    ):
        made[recipe] = await smith.add_carrier(Carrier(f"odd{place}", recipe, recipe))
        await pool.execute("update carrier_keys set scans_per_second = 1000000, scans_per_day = 2000000000")
    tokens = {name: token for name, (_, token) in made.items()}
    return Mischief(seed, tokens, made["buuta"][0], made["epcis"][0])


async def _history(pool: Any, numbers: set[str]) -> int:
    """How many of these are in the history, once all are, or a minute is over."""

    async def count() -> int:
        there: int = await pool.fetchval(THERE, list(numbers))
        return there

    async def all_there() -> bool:
        return await count() == len(numbers)

    with contextlib.suppress(AssertionError, TimeoutError):
        await until(all_there, "all neighbours are in the history", 60)
    return await count()


def main() -> None:
    """Play a long one and print what it found."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    found, there, grown = asyncio.run(hostile(asked.count, asked.seed))
    statuses = dict(sorted(found.statuses.items()))
    print(f"seed {asked.seed}: {sum(found.statuses.values())} bodies, answers {statuses}")
    print(f"{there} of {len(found.neighbours)} good neighbours in the history, {grown / 1e6:.0f} MB grown")
    for each in found.wrong[:20]:
        print(each)
    print(f"{len(found.wrong)} wrong")
    raise SystemExit(bool(found.wrong) or there < len(found.neighbours) or grown > MOST_GROWTH)


if __name__ == "__main__":
    main()
