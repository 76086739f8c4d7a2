"""`make bench-ingest`: ingest on one core against a bare endpoint of the same framework on the same core.

The bare one parses JSON and produces it to Kafka, and does nothing else: no key, no table, no identity, no Avro.
Kafka, PostgreSQL and the load share the other core. Single webhooks over keep-alive, batches of 1,000, the answer's
time at half of the maximum, and memory before and after.
"""

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import psutil

from benchmarks.ground import Ground, fresh_database, prepared
from benchmarks.wire import Connection, as_fast_as_it_goes, at_rate, request
from buuta.embedded.processes import Child, accepts, free_port, wait_until
from buuta.settings import SharedSettings
from buuta.storage.vault import Vault
from buuta.streaming.topics import create_topics
from services.ingest.registry.locksmith import Locksmith
from services.ingest.storage import Carrier

RESULTS: Final = Path(__file__).parent / "results.json"
ROUNDS: Final = 3
WEBHOOKS: Final = 8_000
BATCHES: Final = 60
BATCH: Final = 1_000
TIME: Final = "2026-11-24T09:30:00+07:00"


def webhook(place: int) -> bytes:
    """A report as GHN sends it."""
    body = {
        "CODAmount": 0, "Fee": {"StationDO": 0, "Total": 71400}, "OrderCode": f"B{place:07}", "Reason": "",
        "ReasonCode": "", "ShopID": 81558, "Status": "delivering", "Time": TIME, "Type": "switch_status",
        "Warehouse": "Bưu Cục 229 Quan Nhân", "Weight": 10,
    }  # fmt: skip
    return json.dumps(body).encode()


def batch(place: int) -> bytes:
    """A thousand items."""
    numbers = range(place * BATCH, (place + 1) * BATCH)
    items = [
        {"number": f"EJ{number:09}VN", "code": "in_transit", "occurred_at": TIME, "facility": "BC00070",
         "province": "01"}
        for number in numbers
    ]  # fmt: skip
    return json.dumps(items).encode()


@dataclass(frozen=True)
class Paths:
    """Where one report and many are posted, and the headers of many."""

    one: str
    many: str
    headers: tuple[str, ...] = ()


class Service(NamedTuple):
    """A program, and the variable of the port at which it is asked."""

    module: str
    variable: str


INGEST: Final = Service("services.ingest", "BUUTA_PORT")
BARE: Final = Service("benchmarks.bare", "BUUTA_OPERATIONS_PORT")


@contextlib.asynccontextmanager
async def pinned(ground: Ground, service: Service, env: dict[str, str]) -> AsyncIterator[tuple[int, Child]]:
    """A service on the first core; yields its port."""
    port, inside = free_port(), free_port()
    command = ["taskset", "-c", "0", sys.executable, "-m", service.module]
    ports = {"BUUTA_OPERATIONS_PORT": str(inside), service.variable: str(port)}
    child = Child(command, ground.folder / f"{service.module}.log", env | ports)
    try:
        await _ready((inside, port), child)
        await asyncio.to_thread(wait_until, lambda: accepts(port), service.variable)
        yield port, child
    finally:
        child.stop()


async def _ready(ports: Sequence[int], child: Child) -> None:
    """Wait until one of the ports says so: ingest has one for operations, the bare endpoint a single one."""
    asked = b"GET /health/ready HTTP/1.1\r\nHost: ingest\r\n\r\n"
    while child.alive:
        for port in ports:
            with contextlib.suppress(OSError, RuntimeError, asyncio.IncompleteReadError):
                await (await Connection.to(port)).answered(asked)
                return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"it ended: {child.output.read_text()[-2000:]}")


async def measure(port: int, paths: Paths, child: Child) -> dict[str, float]:
    """Reports a second, one by one and in batches; the answers' p99 at half of it; memory."""
    ones = [request(paths.one, webhook(place)) for place in range(WEBHOOKS)]
    manys = [request(paths.many, batch(place), *paths.headers) for place in range(BATCHES)]
    single, many = [], []
    memory = [0.0, 0.0]
    for turn in range(ROUNDS):
        single.append((await as_fast_as_it_goes(port, ones, 32)).a_second)
        many.append((await as_fast_as_it_goes(port, manys, 4)).a_second * BATCH)
        memory[min(turn, 1)] = psutil.Process(child.process.pid).memory_info().rss / 1e6
    half = await at_rate(port, ones, median(single) / 2, 64)
    return {
        "webhooks_per_second": round(median(single)), "batch_scans_per_second": round(median(many)),
        "p50_ms_at_half_load": round(half.quantile(0.5) * 1000, 1),
        "p99_ms_at_half_load": round(half.quantile(0.99) * 1000, 1),
        "megabytes_after_one_round": round(memory[0]), "megabytes_after_all": round(memory[1]),
    }  # fmt: skip


async def run() -> dict[str, Any]:
    """Ingest, then the bare endpoint, on the same ground."""
    os.sched_setaffinity(0, {1})
    async with prepared() as ground:
        con = await fresh_database(ground)
        await create_topics(SharedSettings(kafka=ground.kafka))
        await ground.create_topic("bare")
        key = secrets.token_hex(32)
        smith = Locksmith(con, Vault(bytes.fromhex(key)), "the benchmark")
        _, token = await smith.add_carrier(Carrier("ghn", "GHN", "ghn"))
        bearer, _ = await smith.add_carrier(Carrier("vnp", "VNPost", "buuta"))
        await con.close()
        env = {**ground.variables("parcel-events", "milestones"), "BUUTA_MASTER_KEY": key}
        found: dict[str, Any] = {}
        paths = Paths(f"/v1/webhooks/{token}/ghn", "/v1/scans", (f"Authorization: Bearer {bearer}",))
        async with pinned(ground, INGEST, env) as (port, child):
            found["ingest"] = await measure(port, paths, child)
        async with pinned(ground, BARE, env) as (port, child):
            found["bare"] = await measure(port, Paths("/one", "/many"), child)
    return found


def main() -> None:
    """Measure, print, write `results.json`."""
    found = asyncio.run(run())
    ours, bare = found["ingest"], found["bare"]
    for name in ("webhooks_per_second", "batch_scans_per_second"):
        found[f"{name}_ratio"] = round(ours[name] / bare[name], 2)
    print(f"{'':<28}{'ingest':>10}{'bare':>10}{'ratio':>8}")
    for name, value in ours.items():
        print(f"{name:<28}{value:>10,}{bare[name]:>10,}{value / bare[name]:>8.2f}")
    kept = json.loads(RESULTS.read_text())
    RESULTS.write_text(json.dumps(kept | {"ingest": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
