"""Silence is a fault, too: what is frozen or swallows everything is noticed, waited for, and loses nothing.

Each fault has three kinds: Kafka or PostgreSQL refuses; it is frozen (SIGSTOP); or a proxy before it swallows
what is sent, so that connections of that time are dead for ever.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from buuta.demo.stack import SERVICES, Stack, running
from buuta.embedded.broker import EmbeddedBroker
from buuta.embedded.processes import free_port
from tests.chaos.load import reporting, settled_books
from tests.chaos.proxy import Proxy
from tests.freezing import frozen
from tests.waiting import until

SEED: Final = 20261125
NOTICED_SECONDS: Final = 15
LASTS_SECONDS: Final = 25
QUIET_SECONDS: Final = 9.5
"""A line bears the moment in which it was made, which is shortly before it is let through."""


@dataclass(frozen=True)
class Ground:
    """A running stack with proxies before Kafka and PostgreSQL."""

    stack: Stack
    to_broker: Proxy
    to_database: Proxy

    async def noticed(self, service: str, part: str, *, ready: bool) -> bool:
        """Whether a service says that it waits for a part, and whether it is ready all the same."""
        async with httpx.AsyncClient(timeout=10) as client:
            answer = (await client.get(f"{self.stack.operations(service)}/health/ready")).json()
        return part in answer["waits_for"] and answer["ready"] == ready


@contextlib.asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A stack under load; in the end everything must balance."""
    broker_port = free_port()
    to_broker = Proxy(broker_port)
    await to_broker.start()

    def kafka(folder: Path) -> EmbeddedBroker:
        return EmbeddedBroker(folder, port=broker_port, advertised=to_broker.port)

    async with running((), durable=False, kafka=kafka, preferred={}) as stack:
        to_database = Proxy(stack.database.port)
        await to_database.start()
        port, proxied = str(stack.database.port), str(to_database.port)
        stack.env = {**stack.env, "BUUTA_DATABASE": stack.database.url.replace(port, proxied)}
        for service in SERVICES:
            stack.start(service)
        await asyncio.gather(*map(stack.ready, SERVICES))
        async with reporting(stack, SEED, 5) as (ledger, _):
            yield Ground(stack, to_broker, to_database)
        result, said = await settled_books(stack, ledger)
        assert result.differences == [], f"{result.figures}\n{said}"
        assert result.figures["accepted"] > 20
        for proxy in (to_broker, to_database):
            await proxy.stop()


@contextlib.contextmanager
def befallen(proxy: Proxy, fault: str) -> Iterator[None]:
    """The fault befalls what lies behind the proxy, and ends."""
    with contextlib.ExitStack() as ends:
        if fault == "frozen":
            ends.enter_context(frozen(proxy.target))
        else:
            {"refuses": proxy.refuse, "swallows": proxy.swallow}[fault]()
            ends.callback(proxy.release)
        yield


def warnings(log: str) -> Iterator[tuple[tuple[str, ...], datetime]]:
    """What a service complained of, and when."""
    for line in log.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            said: dict[str, Any] = json.loads(line)
            if said.get("level") in ("warning", "error", "critical"):
                words = ("".join(filter(str.isalpha, str(said.get(name, "")))) for name in REASON)
                yield tuple(words), datetime.fromisoformat(said["timestamp"])


REASON: Final = ("logger", "event", "part", "error")


def repeated_too_soon(log: str) -> list[str]:
    """Reasons that were given twice within ten seconds."""
    said: dict[tuple[str, ...], list[datetime]] = defaultdict(list)
    for reason, moment in warnings(log):
        said[reason].append(moment)
    return [
        f"{reason}: {later - earlier}"
        for reason, moments in said.items()
        for earlier, later in pairwise(moments)
        if (later - earlier).total_seconds() < QUIET_SECONDS
    ]


async def notice(on: Ground, service: str, part: str, fault: str) -> None:
    """Wait until a service has noticed; ingest can do its job as long as one of both is there."""
    noticed = partial(on.noticed, service, part, ready=service == "ingest")
    await until(noticed, f"{service} notices that {part} {fault}", NOTICED_SECONDS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", ["kafka", "database"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("frozen", marks=pytest.mark.slow),
        pytest.param("refuses", marks=pytest.mark.long),
        pytest.param("swallows", marks=pytest.mark.long),
    ],
)
async def test_what_is_away_or_silent_is_noticed_and_loses_nothing(part: str, fault: str) -> None:
    async with ground() as on:
        await asyncio.sleep(3)  # some work is under way; what for, nobody can say beforehand
        with befallen(on.to_broker if part == "kafka" else on.to_database, fault):
            lasts = asyncio.create_task(asyncio.sleep(LASTS_SECONDS))
            await asyncio.gather(*(notice(on, service, part, fault) for service in SERVICES))
            await lasts
        await asyncio.gather(*map(on.stack.ready, SERVICES))
        for service in SERVICES:
            log = (on.stack.folder / f"{service}.log").read_text(encoding="utf-8")
            assert repeated_too_soon(log) == [], service
