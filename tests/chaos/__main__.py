"""`make chaos ROUNDS=n`: rounds of faults, added up in a report that goes on where it stopped."""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.chaos.rounds import Outcome, play_rounds

REPORT: Final = Path("docs/chaos.json")
PAGE: Final = Path("docs/chaos.md")
ROUNDS_A_STACK: Final = 40
FIRST_SEED: Final = 20261124
EMPTY: Final[dict[str, Any]] = {
    "runs": 0, "faults": {}, "kills": 0, "scans": 0, "messages": 0, "parcels": 0, "seconds": 0, "differences": [],
    "mended": [],
}  # fmt: skip
KILLS: Final = ("service killed", "broker killed", "database restarted")


def added(report: dict[str, Any], outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The report with one more run."""
    faults = Counter(report["faults"]) + outcome.faults
    figures = outcome.books.figures
    return {
        "runs": report["runs"] + 1,
        "faults": dict(sorted(faults.items())),
        "kills": sum(faults[name] for name in KILLS),
        "scans": report["scans"] + figures["accepted"],
        "messages": report["messages"] + sum(figures["received"].values()),
        "parcels": report["parcels"] + figures["parcels"],
        "seconds": round(report["seconds"] + seconds),
        "mended": report["mended"],
        "differences": [
            *report["differences"],
            *(f"seed {outcome.seed}: {each}" for each in outcome.books.differences),
        ],
    }


def page(report: dict[str, Any]) -> str:
    """The report for people."""
    rows = "\n".join(f"| {name} | {count} |" for name, count in report["faults"].items())
    differences = "\n".join(f"- {each}" for each in report["differences"]) or "None: 0 lost, 0 doubled."
    mended = "\n".join(f"- {each}" for each in report["mended"]) or "Nothing."
    return f"""# Kills and other faults

Written by `make chaos ROUNDS=n` (`tests/chaos/`), which goes on where it stopped. Each run is a fresh stack
under load: Apache Kafka with three brokers, PostgreSQL, two trackers, two notifiers, ingest and portal as
processes of their own, and TCP proxies between them. Faults come at random instants (services most often in
mid-transaction), from a seed that is printed. From the 38th run on there is trouble beside them: reports come
again under their ids and say something else, records come that nobody can read or store, two numbers are
flooded, and parcels are forgotten. At the end of each run history, states, milestones, messages and the rate
recomputed from the log alone are compared with what the carriers were answered, what was put into the log, and
what the phones and mailboxes received; since 30 November also in which order, and that nothing overtaken came.

{report["kills"]} kills in {report["runs"]} runs ({report["seconds"] / 3600:.1f} hours): {report["scans"]} scans of
{report["parcels"]} parcels, {report["messages"]} messages.

| fault | times |
| --- | ---: |
{rows}

## Differences

{differences}

## Found by a run and mended since

{mended}
"""


def main() -> None:
    """Run, print, and write the report after every run."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--seed", type=int, help="one run of this seed, which the report leaves out")
    asked = arguments.parse_args()
    report = json.loads(REPORT.read_text()) if REPORT.exists() else EMPTY
    left = asked.rounds
    while left > 0:
        seed, started = asked.seed or FIRST_SEED + report["runs"], time.monotonic()
        outcome = asyncio.run(play_rounds(min(left, ROUNDS_A_STACK), seed))
        left -= ROUNDS_A_STACK
        print(
            json.dumps({"seed": seed, **outcome.books.figures, "faults": dict(outcome.faults)}), flush=True
        )
        if asked.seed is None:
            report = added(report, outcome, time.monotonic() - started)
            REPORT.write_text(json.dumps(report, indent=2) + "\n")
            PAGE.write_text(page(report))
        if not outcome.books.balanced:
            print("\n".join([*outcome.books.differences, outcome.last_lines]))
            sys.exit(1)
    print(f"balanced: {report['kills']} kills in all, 0 lost, 0 doubled")


if __name__ == "__main__":
    main()
