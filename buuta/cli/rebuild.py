"""State and figures made anew from the log, after a change of rules or settings."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from buuta.audit.archive import Archive
from buuta.audit.rebuild import Changes, Rebuild
from buuta.cli.connect import connected
from buuta.cli.listing import Listing, show
from buuta.cli.rates import Folder, folder_of
from buuta.contracts import registry
from buuta.settings import SharedSettings, load

console = Console()
SHOWN = 20


def rebuild(
    swap: Annotated[
        bool, typer.Option("--swap", help="Put what was made in the place of what stands.")
    ] = False,
    archive: Folder = None,
) -> None:
    """Fold the whole log again by the rules and settings of now, and show what would change.

    Everything runs on meanwhile. With --swap the new tables then take the place of the old, which stay in
    the schema `replaced` until the next rebuild. No message goes out; what was told stays told.
    """
    with folder_of(archive) as folder:
        found = asyncio.run(_rebuilt(folder, swap=swap))
    report(found)
    if swap:
        console.print("Swapped: the old tables lie in the schema `replaced`.")


async def _rebuilt(folder: Path, *, swap: bool) -> Changes:
    settings = load(SharedSettings)
    async with registry.opened(settings.schema_registry_url) as codec, connected(settings) as pool:
        made = Rebuild(settings, pool, Archive(folder, settings.events_topic), codec)
        await made.make()
        found = await made.compare()
        if swap:
            await made.swap()
        return found


def report(found: Changes) -> None:
    """Tell people what a rebuild would change."""
    where = ", ".join(f"{partition}:{at}" for partition, at in sorted(found.positions.items()))
    if found.unapplied:
        typer.echo(f"The trackers have not applied {found.unapplied} records yet; these are not compared.")
    if not found.parcels and not found.figures:
        typer.echo(f"Nothing would change; log positions {where}.")
        return
    fields = ", ".join(f"{name} {count}" for name, count in found.fields.items())
    title = f"{found.parcels} parcels would change ({fields}); log positions {where}"
    rows = [
        (" ".join(map(str, cell)), count_of, before, after)
        for *cell, count_of, before, after in found.figures[:SHOWN]
    ]
    hidden = len(found.figures) - len(rows)
    note = f"{hidden} more figures" if hidden else ""
    show(Listing(("figure", "count", "now", "then"), rows, title, title=title, note=note), as_json=False)


def add_to(app: typer.Typer) -> None:
    """Add the tool to the command."""
    app.command()(rebuild)
