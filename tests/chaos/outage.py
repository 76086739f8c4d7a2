"""Kafka away for long while carriers report, and ingest killed meanwhile: what was answered 200 is not lost.

`python -m tests.chaos.outage --seconds 3600 --rate 500` is the long one; the short one is a test.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from buuta.demo.stack import Broker, Stack, running
from buuta.embedded.apache import ApacheKafka
from buuta.embedded.broker import EmbeddedBroker
from buuta.embedded.processes import free_port
from tests.chaos.proxy import Proxy
from tests.waiting import until

SIDE_BY_SIDE: Final = 200
START: Final = 1_790_000_000
SCANS: Final = "select count(*), count(distinct event_id) from scans"


@dataclass
class Reports:
    """What a vendor sent and heard; it repeats what was not answered."""

    accepted: set[str] = field(default_factory=set)
    repeated: int = 0


async def report(stack: Stack, client: httpx.AsyncClient, place: int, reports: Reports) -> None:
    """One webhook of GHN, repeated until it is answered 200."""
    _, token = stack.keys["ghn"]
    body = {
        "Type": "switch_status", "OrderCode": f"OUT{place:07}", "Status": "picked",
        "Time": datetime.fromtimestamp(START + place, UTC).isoformat(),
    }  # fmt: skip
    while True:
        try:
            answer = await client.post(f"{stack.url('ingest')}/v1/webhooks/{token}/ghn", json=body)
            if answer.status_code == 200:
                reports.accepted.add(answer.json()["event_id"])
                return
        except httpx.TransportError:
            pass
        reports.repeated += 1
        await asyncio.sleep(0.2)


async def report_all(stack: Stack, client: httpx.AsyncClient, count: int, rate: float) -> Reports:
    """So many reports at a rate."""
    reports, gate = Reports(), asyncio.Semaphore(SIDE_BY_SIDE)
    started = asyncio.get_running_loop().time()

    async def one(place: int) -> None:
        async with gate:
            await report(stack, client, place, reports)

    async with asyncio.TaskGroup() as group:
        for place in range(count):
            group.create_task(one(place))
            due = started + place / rate
            await asyncio.sleep(max(due - asyncio.get_running_loop().time(), 0))
    return reports


async def kill_ingest(stack: Stack) -> None:
    """SIGKILL, and started again at once."""
    stack.children["ingest"].kill()
    stack.start("ingest")


def embedded(folder: Path, port: int, advertised: int) -> Broker:
    """The broker that starts in no time."""
    return EmbeddedBroker(folder, port=port, advertised=advertised)


def apache(folder: Path, port: int, advertised: int) -> Broker:
    """Apache Kafka, which holds an hour."""
    return ApacheKafka(folder, behind=(port, advertised))


async def outage(
    seconds: float, rate: float, broker: Callable[[Path, int, int], Broker] = embedded
) -> dict[str, Any]:
    """Kafka is away for so long; returns what was sent and what arrived."""
    broker_port = free_port()
    to_broker = Proxy(broker_port)
    await to_broker.start()

    def kafka(folder: Path) -> Broker:
        return broker(folder, broker_port, to_broker.port)

    async with (
        running(("ingest", "tracker"), durable=False, kafka=kafka, preferred={}) as stack,
        asyncpg.create_pool(stack.database.url, min_size=0, max_size=2) as pool,
        httpx.AsyncClient(timeout=30) as client,
    ):
        before = await report_all(stack, client, 50, rate)
        to_broker.hold()
        to_broker.cut()
        reporting = asyncio.create_task(report_all(stack, client, int(seconds * rate) + 50, rate))
        for _ in range(2):
            await asyncio.sleep(seconds / 3)
            await kill_ingest(stack)
        during = await reporting
        spooled = await pool.fetchval("select count(*) from spool")
        to_broker.release()

        async def drained() -> bool:
            return not await pool.fetchval("select exists (select from spool)")

        await until(drained, "the spool is empty", 60 + seconds)

        async def applied() -> bool:
            count: int = (await pool.fetchrow(SCANS))[0]
            return count >= len(during.accepted)

        await until(applied, "all scans are in the history", 60 + seconds)
        scans, distinct = await pool.fetchrow(SCANS)
    await to_broker.stop()
    return {
        "before": len(before.accepted), "answered": len(during.accepted), "repeated": during.repeated,
        "spooled": spooled, "in_history": scans, "distinct": distinct,
    }  # fmt: skip


def main() -> None:
    """Play a long one and print what it found."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=3600)
    arguments.add_argument("--rate", type=float, default=500)
    asked = arguments.parse_args()
    found = asyncio.run(outage(asked.seconds, asked.rate, apache))
    print(json.dumps(found))
    lost = found["answered"] - found["distinct"]
    doubled = found["in_history"] - found["distinct"]
    print(f"{lost} lost, {doubled} doubled")
    raise SystemExit(1 if lost or doubled else 0)


if __name__ == "__main__":
    main()
