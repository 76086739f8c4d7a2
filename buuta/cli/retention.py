"""Retention: how long what is kept, and a round now."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import typer
from rich.console import Console

from buuta.cli.connect import connected
from buuta.cli.listing import Json, Listing, show
from buuta.settings import load
from buuta.storage.retention import RULES
from services.tracker.retention import Retention, unarchived
from services.tracker.settings import TrackerSettings

console = Console()
retention = typer.Typer(
    help="How long what is kept; the tracker sees to it once a day.", no_args_is_help=True
)


@retention.command("list")
def list_(as_json: Json = False) -> None:
    """Show of every table who writes it, and how long its rows are kept."""
    rows = [(rule.table, rule.owner, rule.days, rule.why) for rule in RULES]
    show(Listing(("table", "owner", "days", "kept"), rows), as_json)


@retention.command()
def run() -> None:
    """Delete now what is too old, and say how many rows of which table."""
    gone, waiting = asyncio.run(_run())
    listing = Listing(("table", "rows deleted or erased"), sorted(gone.items()), "Nothing is too old.")
    show(listing, as_json=False)
    if waiting:
        console.print(f"The parcels of {waiting} partitions stay until buuta log archive has them.")


async def _run() -> tuple[Counter[str], int]:
    settings, now = load(TrackerSettings), datetime.now(UTC)
    async with connected(settings) as pool:
        gone = await Retention(pool, settings).run_through(now)
        return gone, await unarchived(pool, settings.events_topic, settings.keep_parcels_days, now)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(retention, name="retention")
