"""Rounds of faults under load and trouble, on Apache Kafka with three brokers; then the books must balance."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buuta.demo.reconcile import Reconciliation
from buuta.demo.stack import SERVICES, Stack, running
from buuta.embedded.apache import ApacheCluster
from buuta.embedded.processes import free_port
from tests.chaos.faults import FAULTS, Ground
from tests.chaos.load import reporting, settled_books
from tests.chaos.proxy import Proxy
from tests.chaos.trouble import trouble

BROKERS: Final = 3
PARCELS_PER_SECOND: Final = 6
SECOND_ONES: Final = {"tracker-2": "tracker", "notifier-2": "notifier"}
SETTINGS: Final = {"BUUTA_KAFKA_SESSION_TIMEOUT": "6", "BUUTA_SWEEP_INTERVAL": "1"}


@dataclass(frozen=True)
class Outcome:
    """What befell the stack, what the books said, and each service's last lines."""

    seed: int
    faults: Counter[str]
    books: Reconciliation
    last_lines: str


async def play_rounds(rounds: int, seed: int) -> Outcome:
    """Run so many faults, one after the other, on a fresh stack under load, and reconcile."""
    async with _ground(seed) as ground:
        names, weights = list(FAULTS), [weight for weight, _ in FAULTS.values()]
        async with (
            reporting(ground.stack, seed, PARCELS_PER_SECOND) as (ledger, _),
            trouble(ground.stack, seed, ledger) as made,
        ):
            for name in ground.chance.choices(names, weights, k=rounds):
                print(f"seed {seed}: {name}", flush=True)
                await FAULTS[name][1](ground)
                ground.done[name] += 1
                await asyncio.gather(*map(ground.stack.ready, ground.stack.children))
        books, last_lines = await settled_books(ground.stack, ledger)
        await made.check(books)
        return Outcome(seed, ground.done, books, last_lines)


@contextlib.asynccontextmanager
async def _ground(seed: int) -> AsyncIterator[Ground]:
    """The stack, with proxies between the services and all that they stand on."""
    ports = [free_port() for _ in range(BROKERS)]
    to_brokers = [Proxy(port) for port in ports]
    for proxy in to_brokers:
        await proxy.start()

    def cluster(folder: Path) -> ApacheCluster:
        return ApacheCluster(folder, ports, [proxy.port for proxy in to_brokers])

    async with running((), durable=False, more=SETTINGS, kafka=cluster, preferred={}) as stack:
        to_database = Proxy(stack.database.port)
        await to_database.start()
        try:
            await _start_all(stack, to_database)
            assert isinstance(stack.broker, ApacheCluster)
            yield Ground(stack, stack.broker, to_database, to_brokers, random.Random(seed))
        finally:
            for proxy in (to_database, *to_brokers):
                await proxy.stop()


async def _start_all(stack: Stack, to_database: Proxy) -> None:
    """Every service, tracker and notifier twice, all by way of the proxies."""
    proxied = stack.database.url.replace(str(stack.database.port), str(to_database.port))
    stack.env = {**stack.env, "BUUTA_DATABASE": proxied}
    for name in SERVICES:
        stack.start(name)
    for name, service in SECOND_ONES.items():
        stack.start(service, name)
    await asyncio.gather(*map(stack.ready, stack.children))
