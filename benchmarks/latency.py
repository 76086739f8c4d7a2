"""`make bench-latency`: how long a scan takes from the batch door to the sink, and how long failures last.

All on one machine: Apache Kafka, PostgreSQL, ingest, two trackers, the notifier, the carriers and the SMSC.

1. the end-to-end maximum: batches as fast as they are answered, until the last scan is committed;
2. at half of it: scan accepted, committed, message handed to the sink;
3. SIGKILL of a tracker under that load, started again at once: time until it is caught up;
4. a tracker leaves and another joins under that load: the longest pause of a partition.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from benchmarks import door, watch
from buuta.demo.stack import SERVICES, Stack, running, settings_of
from buuta.embedded.apache import ApacheKafka

RESULTS: Final = Path(__file__).parent / "results.json"
REGISTERED: Final = 50
"""Of so many parcels one has somebody who waits for it."""
HEADROOM: Final = 0.5
"""Caught up is who has less than this many seconds of load unread."""
STAGES: Final = {
    "batch answered": ("ingest", "buuta_ingest_accept_seconds", {"door": "api"}),
    "logged to committed": ("tracker", "buuta_chunk_delay_seconds", {"consumer": "tracker"}),
    "told to queued": ("notifier", "buuta_chunk_delay_seconds", {"consumer": "notifier"}),
    "due to claimed": ("notifier", "buuta_notifier_wait_seconds", {"channel": "sms"}),
    "claimed to handed over": ("notifier", "buuta_notifier_submit_seconds", {"channel": "sms"}),
}
WHOLE: Final = """
select percentile_cont(array[0.5, 0.95, 0.99]) within group (
  order by extract(epoch from m.decided_at) - s.received_at / 1000.0), count(*)
from messages m join scans s
  on s.parcel_key = m.parcel_key and s.event_id = decode(m.milestone->>'event_id', 'hex')
where m.state = 'sent' and s.received_at between $1 and $2
"""


@dataclass
class Bench:
    """What the measures stand on; `rate` is the load in scans a second."""

    stack: Stack
    con: Any
    carrier: door.Carrier
    load: door.Load
    samples: watch.Watch
    rate: float = 0.0

    async def all_committed(self) -> None:
        """Wait until nothing is unread."""
        await asyncio.sleep(0.2)
        while self.samples.behind() > 0:
            await asyncio.sleep(0.05)


async def maximum(bench: Bench, batches: int) -> float:
    """Scans a second over the door, all of them committed."""
    await bench.carrier.as_fast_as_it_goes(bench.load, batches // 4)
    await bench.all_committed()
    started, before = time.perf_counter(), bench.load.scans
    await bench.carrier.as_fast_as_it_goes(bench.load, batches)
    await bench.all_committed()
    return (bench.load.scans - before) / (time.perf_counter() - started)


async def under_load(bench: Bench, happening: Callable[[], Awaitable[None]]) -> None:
    """Let something happen while carriers report at the rate."""
    stop = asyncio.Event()
    reporting = asyncio.create_task(bench.carrier.at_rate(bench.load, bench.rate, stop))
    await asyncio.sleep(5)
    await happening()
    stop.set()
    await reporting
    await bench.all_committed()


async def stages(bench: Bench, seconds: float) -> dict[str, list[float]]:
    """Quantiles of each stage and of the whole way, in seconds."""
    found: dict[str, list[float]] = {}

    async def measured() -> None:
        before = {name: await watch.buckets(bench.stack, *of[:2], **of[2]) for name, of in STAGES.items()}
        since = time.time()
        await asyncio.sleep(seconds)
        for name, (service, metric, labels) in STAGES.items():
            after = await watch.buckets(bench.stack, service, metric, **labels)
            found[name] = watch.quantiles(watch.between(before[name], after))
        await asyncio.sleep(2)
        span = (round(since * 1000), round((since + seconds) * 1000))
        whole, count = await bench.con.fetchrow(WHOLE, *span)
        found[f"received to handed over ({count} messages)"] = whole

    await under_load(bench, measured)
    return found


async def killed(bench: Bench) -> float:
    """Seconds from SIGKILL of a tracker until what piled up is applied."""
    lasted = 0.0

    async def happening() -> None:
        nonlocal lasted
        killed_at = time.perf_counter()
        bench.stack.children["tracker"].kill()
        bench.stack.start("tracker")
        await asyncio.sleep(25)
        lasted = bench.samples.behind_for(killed_at, HEADROOM * bench.rate)

    await under_load(bench, happening)
    return lasted


async def rebalanced(bench: Bench) -> tuple[float, float]:
    """The longest pause of a partition while a tracker leaves, and while one joins, in seconds."""
    pauses: list[float] = []

    async def happening() -> None:
        left_at = time.perf_counter()
        await asyncio.to_thread(bench.stack.children["tracker-2"].stop)
        await asyncio.sleep(8)
        joined_at = time.perf_counter()
        bench.stack.start("tracker", "tracker-2")
        await asyncio.sleep(12)
        pauses.append(bench.samples.longest_pause(left_at, joined_at))
        pauses.append(bench.samples.longest_pause(joined_at, time.perf_counter()))

    await under_load(bench, happening)
    return pauses[0], pauses[1]


async def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """All four, on a fresh stack."""
    load = door.Load(iter(door.bodies(asked.parcels)))
    async with (
        running((), kafka=ApacheKafka, preferred={}) as stack,
        asyncpg.create_pool(stack.database.url, min_size=2, max_size=2) as pool,
        httpx.AsyncClient(timeout=30) as client,
        watch.Watch(stack, pool, settings_of(stack).events_topic) as samples,
    ):
        for name in (*SERVICES, "tracker-2"):
            stack.start(name.removesuffix("-2"), name)
        await asyncio.gather(*map(stack.ready, stack.children))
        await door.register(stack, client, door.numbers(asked.parcels, REGISTERED))
        bench = Bench(stack, pool, door.Carrier(stack, client), load, samples)
        most = await maximum(bench, asked.batches)
        print(f"{'maximum over the batch door':<44}{most:>8,.0f} scans/s", flush=True)
        bench.rate = most / 2
        found = await stages(bench, asked.seconds)
        for name, [middle, most_of, nearly_all] in found.items():
            print(f"{name:<44}{middle:>8.3f}{most_of:>8.3f}{nearly_all:>8.3f} s", flush=True)
        caught_up = await killed(bench)
        print(f"{'caught up after SIGKILL':<44}{caught_up:>8.1f} s", flush=True)
        left, joined = await rebalanced(bench)
        print(
            f"{'pause, one leaves':<44}{left:>8.1f} s\n{'pause, one joins':<44}{joined:>8.1f} s", flush=True
        )
    return {
        "scans_per_second": round(most),
        "p50_p95_p99_seconds": {name: [round(each, 3) for each in of] for name, of in found.items()},
        "caught_up_after_kill_seconds": round(caught_up, 1),
        "rebalance_pause_seconds": {"one_leaves": round(left, 1), "one_joins": round(joined, 1)},
    }


def main() -> None:
    """Measure, print, write `results.json`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--parcels", type=int, default=80_000, help="8 scans each")
    arguments.add_argument("--batches", type=int, default=400, help="of 100 scans, for the maximum")
    arguments.add_argument("--seconds", type=float, default=30, help="under half of the maximum")
    found = asyncio.run(measure(arguments.parse_args()))
    kept = json.loads(RESULTS.read_text())
    RESULTS.write_text(json.dumps(kept | {"latency": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
