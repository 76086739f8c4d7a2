"""State and figures made anew from the log, after a change of rules or settings."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from buuta.audit.archive import Archive
from buuta.audit.rebuild import Changes, Rebuild
from buuta.cli.connect import connected
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
    console.print(report(found))
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


def report(found: Changes) -> Table | str:
    """What a rebuild would change, for people."""
    where = ", ".join(f"{partition}:{at}" for partition, at in sorted(found.positions.items()))
    if not found.parcels and not found.figures:
        return f"Nothing would change; log positions {where}."
    fields = ", ".join(f"{name} {count}" for name, count in found.fields.items())
    title = f"{found.parcels} parcels would change ({fields}); log positions {where}"
    table = Table("figure", "count", "now", "then", title=title)
    for *cell, count_of, before, after in found.figures[:SHOWN]:
        table.add_row(" ".join(map(str, cell)), count_of, str(before), str(after))
    if len(found.figures) > SHOWN:
        table.caption = f"{len(found.figures) - SHOWN} more figures"
    return table


def add_to(app: typer.Typer) -> None:
    """Add the tool to the command."""
    app.command()(rebuild)
