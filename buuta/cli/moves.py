"""Moving the log to another number of partitions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from rich.console import Console

from buuta.audit.move import Move, Target
from buuta.cli.connect import connected, producing
from buuta.cli.partitions import partitions
from buuta.contracts import registry
from buuta.settings import SharedSettings, load

console = Console()
Events = Annotated[str, typer.Argument(help="The new log of parcel events.")]
Milestones = Annotated[str, typer.Argument(help="The new log of milestones.")]
Number = Annotated[int, typer.Option("--partitions", min=1, help="How many partitions both have.")]


@partitions.command()
def copy(events: Events, milestones: Milestones, number: Number) -> None:
    """Copy the log to a new one with more partitions, while everything runs; repeat it as you like."""
    copied = asyncio.run(_copied(Target(events, milestones, number)))
    console.print(f"{copied} records copied to {events}.")


@partitions.command()
def move(events: Events, milestones: Milestones, number: Number) -> None:
    """Close the old log for writers, copy its rest, and hand all parcels over to the new one.

    What carriers report from here on waits in the spool until ingest writes to the new log. The trackers must
    run until they have applied the old log; if not, this says so and can be repeated. Then start all services
    with BUUTA_EVENTS_TOPIC and BUUTA_MILESTONES_TOPIC of the new logs; the notifier once it has read the old
    milestones to their end.
    """
    asyncio.run(_moved(Target(events, milestones, number)))
    console.print(
        f"Moved. Start the services with BUUTA_EVENTS_TOPIC={events} BUUTA_MILESTONES_TOPIC={milestones}"
    )


@contextlib.asynccontextmanager
async def _opened(target: Target) -> AsyncIterator[Move]:
    settings = load(SharedSettings)
    async with (
        connected(settings) as pool,
        registry.opened(settings.schema_registry_url) as codec,
        producing(settings) as producer,
    ):
        yield Move(settings, pool, producer, target, codec)


async def _copied(target: Target) -> int:
    async with _opened(target) as opened:
        return await opened.copy()


async def _moved(target: Target) -> None:
    async with _opened(target) as opened:
        await opened.move()


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(partitions, name="partitions")
