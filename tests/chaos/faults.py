"""The faults: what befalls the stack, each by name, so that a report can count them."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from buuta.demo.stack import Stack
from buuta.embedded.apache import ApacheCluster
from buuta.storage.faults import is_away
from tests.chaos.load import in_transaction
from tests.chaos.proxy import Proxy
from tests.waiting import until

KILLED: Final = ("tracker", "tracker-2", "notifier", "notifier-2", "ingest", "portal")
TRANSACTING: Final = {
    "tracker": "tracker",
    "tracker-2": "tracker",
    "notifier": "notifier",
    "notifier-2": "notifier",
}
PATIENCE_SECONDS: Final = 5


@dataclass
class Ground:
    """What faults befall; `done` counts them."""

    stack: Stack
    cluster: ApacheCluster
    to_database: Proxy
    to_brokers: list[Proxy]
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)


Fault = Callable[[Ground], Awaitable[None]]


async def kill_service(ground: Ground) -> None:
    """SIGKILL, most often in the middle of a transaction; started again at once."""
    victim = ground.chance.choice(KILLED)
    await _mid_transaction(ground, victim)
    ground.stack.children[victim].kill()
    ground.stack.start(victim.removesuffix("-2"), victim)


async def freeze_service(ground: Ground) -> None:
    """SIGSTOP for a moment, or for longer than its session."""
    victim = ground.chance.choice(tuple(TRANSACTING))
    await _mid_transaction(ground, victim)
    process = ground.stack.children[victim].process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(ground.chance.choice((0.5, 3, 14)))
    process.send_signal(signal.SIGCONT)


async def kill_broker(ground: Ground) -> None:
    """SIGKILL of one of three brokers, back after a while."""
    node = ground.chance.choice(ground.cluster.nodes)
    node.kill()
    await asyncio.sleep(ground.chance.uniform(0, 3))
    await asyncio.to_thread(node.start)


async def restart_database(ground: Ground) -> None:
    """PostgreSQL crashes, or shuts down fast, and comes back."""
    mode = ground.chance.choice(("immediate", "fast"))
    await asyncio.to_thread(ground.stack.database.stop, mode)
    await asyncio.sleep(ground.chance.uniform(0, 2))
    await asyncio.to_thread(ground.stack.database.start)


async def cut_database(ground: Ground) -> None:
    """All connections to PostgreSQL break."""
    ground.to_database.cut()


async def hold_database(ground: Ground) -> None:
    """Nothing passes between the services and PostgreSQL for a while."""
    await _hold(ground, [ground.to_database])


async def cut_brokers(ground: Ground) -> None:
    """All connections to Kafka break."""
    for proxy in ground.to_brokers:
        proxy.cut()


async def hold_brokers(ground: Ground) -> None:
    """Nothing passes between the services and one broker, or all, for a while."""
    await _hold(ground, ground.chance.choice((ground.to_brokers, ground.to_brokers[:1])))


FAULTS: Final[dict[str, tuple[int, Fault]]] = {
    "service killed": (70, kill_service),
    "service frozen": (6, freeze_service),
    "broker killed": (6, kill_broker),
    "database restarted": (6, restart_database),
    "database cut off": (4, cut_database),
    "database held": (2, hold_database),
    "brokers cut off": (4, cut_brokers),
    "brokers held": (2, hold_brokers),
}
"""Each fault with its weight."""


async def _hold(ground: Ground, proxies: list[Proxy]) -> None:
    for proxy in proxies:
        proxy.hold()
    await asyncio.sleep(ground.chance.uniform(1, 8))
    for proxy in proxies:
        proxy.release()


async def _mid_transaction(ground: Ground, victim: str) -> None:
    """Wait until a service of the victim's kind is in a transaction, if it comes to one in time."""
    name = TRANSACTING.get(victim)
    if name is None:
        return

    async def is_in() -> bool:
        try:
            con = await asyncpg.connect(ground.stack.database.url, timeout=2)
        except Exception as why:
            if not is_away(why):
                raise
            return False
        try:
            return await in_transaction(con, name)
        finally:
            con.terminate()

    try:
        await until(is_in, f"{victim} is in a transaction", PATIENCE_SECONDS)
    except AssertionError:
        ground.done["killed at rest"] += 1
    await asyncio.sleep(ground.chance.random() * 0.02)
