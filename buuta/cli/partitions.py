"""Partitions: how far each consumer is, and a hand on each of them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console

from buuta.cli.admin import with_database
from buuta.cli.listing import Json, Listing, show
from buuta.errors import BadItem, KafkaAway
from buuta.settings import SharedSettings, load
from buuta.streaming.lag import Behind, Place, behind
from buuta.telemetry.clock import now_ms

console = Console()
partitions = typer.Typer(
    help="How far each consumer is; pause and resume a partition.", no_args_is_help=True
)
Consumer = Annotated[str, typer.Argument(help="tracker or notifier.")]
Partition = Annotated[int, typer.Argument(min=0, help="The number of the partition.")]

LIST = """
select consumer, topic, partition, position, moved_at, dead_run, paused
from progress order by consumer, topic, partition
"""
PAUSE = "update progress set paused = $3 where consumer = $1 and partition = $2"
RESUME = """
update progress set paused = null, dead_run = 0, dead_allowed = $3
where consumer = $1 and partition = $2
"""


@partitions.command("list")
def list_(as_json: Json = False) -> None:
    """Show every partition: its position, since when, what lies behind it, and why it is paused if it is.

    "Behind" counts the records of the log that are not applied yet, "waits" is the age of the oldest of them;
    both are asked of Kafka, and "?" while it does not answer. "Bad run" counts the undecodable records just
    before the position.
    """
    rows = with_database(lambda pool: pool.fetch(LIST))
    found = _behind({(row["topic"], row["partition"]): row["position"] for row in rows})
    columns = ("consumer", "partition", "position", "behind", "waits", "moved at", "bad run", "paused")
    cells = []
    for row in rows:
        behind = found.get((row["topic"], row["partition"]))
        cells.append((
            row["consumer"], row["partition"], row["position"], behind.records if behind else "?",
            _age(behind), row["moved_at"], row["dead_run"], row["paused"],
        ))  # fmt: skip
    show(Listing(columns, cells, "No consumer has read anything yet."), as_json)


def _behind(positions: Mapping[Place, int]) -> dict[Place, Behind]:
    try:
        return asyncio.run(behind(load(SharedSettings), positions))
    except KafkaAway as away:
        typer.echo(f"What lies behind is unknown: {away}", err=True)
        return {}


def _age(behind: Behind | None) -> timedelta | str | None:
    if behind is None or (behind.records and behind.oldest_at is None):
        return "?"
    if behind.oldest_at is None:
        return None
    return timedelta(seconds=max(now_ms() - behind.oldest_at, 0) // 1000)


@partitions.command()
def pause(
    consumer: Consumer,
    partition: Partition,
    why: Annotated[
        str, typer.Option(help="What the others shall read in `list` and in readiness.")
    ] = "by hand",
) -> None:
    """Stop a partition after the chunk that is under way; the others go on."""
    _change(consumer, partition, PAUSE, why)
    console.print(f"{consumer} stops at partition {partition}.")


@partitions.command()
def resume(
    consumer: Consumer,
    partition: Partition,
    bury: Annotated[
        int, typer.Option(min=0, help="So many undecodable records may become dead letters all the same.")
    ] = 0,
) -> None:
    """Let a paused partition go on from where it stopped.

    After a bad deploy: deploy the right schema first, and nothing has become a dead letter. If the
    records really are rubbish, say with --bury how many of them may be buried before it stops again.
    """
    _change(consumer, partition, RESUME, bury)
    console.print(f"{consumer} goes on with partition {partition} within 5 seconds.")


def _change(consumer: str, partition: int, statement: str, value: Any) -> None:
    done = with_database(lambda pool: pool.execute(statement, consumer, partition, value))
    if done == "UPDATE 0":
        raise BadItem(
            "partition_unknown", f"{consumer} has no partition {partition}; see: buuta partitions list"
        )
