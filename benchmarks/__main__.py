"""`make bench`: Buuta's tracker, raw COPY of the same rows, and Faust the usual way, in one run.

With `--peers` also Quix Streams, and Kafka Streams at least once and exactly once.
"""

import argparse
import asyncio
import json
import os
import platform
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.corpus import Shape, records, scans
from benchmarks.ground import Ground, prepared
from benchmarks.others import faust_usual, kafka_streams, quix_streams
from benchmarks.systems import Run, buuta, raw_copy
from buuta.model.scan import Scan

RESULTS = Path(__file__).parent / "results.json"
USUAL_SCANS = 24_000
DISTURBED: Final = "buuta-10-late-5-twice-2-corrected"
System = Callable[[str], Awaitable[float]]
"""Given a name of its own for this run, measures a system: scans a second."""


def ours(ground: Ground, plain: Sequence[Scan], disturbed: Sequence[Scan]) -> dict[str, System]:
    """Buuta and the two ends of the scale, by name."""
    return {
        "buuta": lambda name: buuta(ground, Run(name, "plain", len(plain), processes=2)),
        "buuta-1-process": lambda name: buuta(ground, Run(name, "plain", len(plain))),
        DISTURBED: lambda name: buuta(ground, Run(name, "disturbed", len(disturbed), processes=2)),
        "raw-copy": lambda _: raw_copy(ground, plain, 1),
        "raw-copy-4-connections": lambda _: raw_copy(ground, plain, 4),
        "faust-usual": lambda name: faust_usual(ground, name, USUAL_SCANS),
    }


def peers(ground: Ground, count: int) -> dict[str, System]:
    """The others, by name."""
    return {
        "quix-streams": lambda name: quix_streams(ground, name, count),
        "kafka-streams": lambda name: kafka_streams(ground, name, "at_least_once", count),
        "kafka-streams-eos": lambda name: kafka_streams(ground, name, "exactly_once_v2", count),
    }


async def measure(ground: Ground, asked: argparse.Namespace) -> dict[str, float]:
    """The median of a few rounds of each system, taken in turn, since machines are noisy."""
    plain = scans(Shape(asked.parcels))
    disturbed = scans(Shape(asked.parcels, late=0.1, duplicates=0.05, corrections=0.02))
    await ground.fill("usual", records(plain[:USUAL_SCANS]))
    await ground.fill("plain", records(plain))
    await ground.fill("disturbed", records(disturbed))
    systems = ours(ground, plain, disturbed) | (peers(ground, len(plain)) if asked.peers else {})
    speeds: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(asked.rounds):
        for name, system in systems.items():
            speeds[name].append(await system(f"{name}-{turn}"))
            print(f"{name:<34}{speeds[name][-1]:>10,.0f} scans/s", flush=True)
    return {name: median(each) for name, each in speeds.items()}


def table(speeds: Mapping[str, float]) -> str:
    """The figures as people read them."""
    lines = [f"{'system':<34}{'scans/s':>10}{'x faust-usual':>15}{'x raw-copy':>12}"]
    for name, speed in sorted(speeds.items(), key=lambda each: -each[1]):
        usual, copy = speed / speeds["faust-usual"], speed / speeds["raw-copy"]
        lines.append(f"{name:<34}{speed:>10,.0f}{usual:>15.1f}{copy:>12.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write `results.json`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--parcels", type=int, default=50_000, help="8 scans each")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--peers", action="store_true", help="measure the peers, too")
    asked = arguments.parse_args()

    async def run() -> dict[str, float]:
        async with prepared() as ground:
            return await measure(ground, asked)

    speeds = asyncio.run(run())
    print(table(speeds))
    machine = {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine(),
               "python": platform.python_version()}  # fmt: skip
    systems = {name: {"scans_per_second": round(speed)} for name, speed in speeds.items()}
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(kept | {"systems": systems, "machine": machine}, indent=2) + "\n")


if __name__ == "__main__":
    main()
