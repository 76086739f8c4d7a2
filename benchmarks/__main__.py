"""`make bench`: Buuta's tracker, raw COPY of the same rows, and Faust the usual way, in one run."""

import argparse
import asyncio
import json
import os
import platform
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.corpus import Shape, records, scans
from benchmarks.ground import Ground, prepared
from benchmarks.systems import Run, buuta, faust_usual, raw_copy
from buuta.model.scan import Scan

RESULTS = Path(__file__).parent / "results.json"
USUAL_SCANS = 24_000


async def measure(ground: Ground, parcels: int, rounds: int) -> dict[str, float]:
    """The median of a few rounds of each system, taken in turn, since machines are noisy."""
    plain = scans(Shape(parcels))
    disturbed = scans(Shape(parcels, late=0.1, duplicates=0.05))
    await ground.fill("usual", records(plain[:USUAL_SCANS]))
    await ground.fill("plain", records(plain))
    await ground.fill("disturbed", records(disturbed))
    both = (plain, disturbed)
    speeds: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(rounds):
        async for name, speed in _round(ground, both, turn):
            print(f"{name:<30}{speed:>10,.0f} scans/s", flush=True)
            speeds[name].append(speed)
    return {name: median(each) for name, each in speeds.items()}


async def _round(
    ground: Ground, both: tuple[Sequence[Scan], Sequence[Scan]], turn: int
) -> AsyncIterator[tuple[str, float]]:
    plain, disturbed = both
    runs = {
        "buuta": Run(f"two-{turn}", "plain", len(plain), processes=2),
        "buuta-1-process": Run(f"one-{turn}", "plain", len(plain)),
        "buuta-10-late-5-duplicates": Run(f"disturbed-{turn}", "disturbed", len(disturbed), processes=2),
    }
    for name, run in runs.items():
        yield name, await buuta(ground, run)
    yield "raw-copy", await raw_copy(ground, plain, 1)
    yield "raw-copy-4-connections", await raw_copy(ground, plain, 4)
    yield "faust-usual", await faust_usual(ground, f"usual-{turn}-milestones", USUAL_SCANS)


def table(speeds: Mapping[str, float]) -> str:
    """The figures as people read them."""
    lines = [f"{'system':<30}{'scans/s':>10}{'x faust-usual':>15}{'x raw-copy':>12}"]
    for name, speed in sorted(speeds.items(), key=lambda each: -each[1]):
        usual, copy = speed / speeds["faust-usual"], speed / speeds["raw-copy"]
        lines.append(f"{name:<30}{speed:>10,.0f}{usual:>15.1f}{copy:>12.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write `results.json`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--parcels", type=int, default=50_000, help="8 scans each")
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()

    async def run() -> dict[str, float]:
        async with prepared() as ground:
            return await measure(ground, asked.parcels, asked.rounds)

    speeds = asyncio.run(run())
    print(table(speeds))
    machine = {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine(),
               "python": platform.python_version()}  # fmt: skip
    systems = {name: {"scans_per_second": round(speed)} for name, speed in speeds.items()}
    RESULTS.write_text(json.dumps({"systems": systems, "machine": machine}, indent=2) + "\n")


if __name__ == "__main__":
    main()
