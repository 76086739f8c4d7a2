"""Figures: do they follow from the log? And the log's archive."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from buuta.audit.archive import Archive, archive_log
from buuta.audit.recompute import Audit, audit
from buuta.cli.admin import with_database
from buuta.cli.connect import connected
from buuta.cli.listing import Listing, show
from buuta.contracts import registry
from buuta.settings import SharedSettings, load
from buuta.storage.retention import archived
from buuta.telemetry.clock import now_ms
from services.portal.publishing import CountedBy, Publication, last_closed, publish
from services.portal.settings import PortalSettings
from services.tracker.domain.rules import VERSION

console = Console()
rates = typer.Typer(help="The delivery-to-address rate.", no_args_is_help=True)
log = typer.Typer(help="The log of all parcels.", no_args_is_help=True)
SHOWN = 20
CLOCKS_MS = 3_600_000
"""By so much a broker's clock may differ from ours."""
Folder = Annotated[
    Path | None,
    typer.Option(help="Archive to read; it is brought up to date first. Without it a temporary one."),
]


@log.command("archive")
def log_archive(folder: Annotated[Path, typer.Argument(help="Where the Parquet files lie.")]) -> None:
    """Bring the archive of the log up to date: Parquet files, a folder a schema.

    Run it more often than the topic's retention: what was deleted before it was archived is missing, and
    the command then says so. Parcels that are long over are forgotten only as far as the archive reaches.
    """

    async def run() -> int:
        settings, began = load(SharedSettings), now_ms()
        archive = Archive(folder, settings.events_topic)
        async with registry.opened(settings.schema_registry_url) as codec, connected(settings) as pool:
            added = await archive_log(settings, archive, codec)
            await archived(pool, archive.topic, archive.positions(), began - CLOCKS_MS)
        return added

    added = asyncio.run(run())
    console.print(f"{added} records added; {folder} now reaches to the end of the log.")


@rates.command("recompute")
def rates_recompute(
    from_log: Annotated[
        bool, typer.Option("--from-log", help="Read the log and its archive, no tables.")
    ] = False,
    archive: Folder = None,
) -> None:
    """Compute the rate from the log alone and compare it with the tables, to the last parcel.

    The figures are computed by DuckDB in sets, not by the tracker's fold. Exit code 1 if they differ.
    """
    if not from_log:
        raise typer.BadParameter("say --from-log: it is the only source that does not depend on the tables")
    with folder_of(archive) as folder:
        found = asyncio.run(_audited(folder))
    report(found)
    if not found.agrees:
        sys.exit(1)


@rates.command("publish")
def rates_publish(
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last acceptance day; the newest closed one."),
    ] = None,
) -> None:
    """Publish the rate of all closed cohorts; a figure that has changed gets a new version.

    A cohort is closed BUUTA_COHORT_WINDOW_DAYS after its acceptance day. Nothing that was published is ever
    edited: the database refuses it.
    """
    settings = load(PortalSettings)
    closed = last_closed(datetime.now(UTC).date(), settings.cohort_window_days)
    last = until.date() if until is not None else closed

    async def work(pool: Any) -> Publication:
        async with pool.acquire() as con:
            return await publish(con, last, closed, CountedBy(VERSION, settings.choices))

    made = with_database(work)
    console.print(
        f"Publication {made.number}: {made.figures} figures up to {last} are new or have changed."
    )


@contextlib.contextmanager
def folder_of(archive: Path | None) -> Iterator[Path]:
    """The archive that is named, or a temporary one."""
    if archive is not None:
        yield archive
        return
    with tempfile.TemporaryDirectory(prefix="buuta-archive-") as name:
        yield Path(name)


async def _audited(folder: Path) -> Audit:
    settings = load(SharedSettings)
    kept = Archive(folder, settings.events_topic)
    async with registry.opened(settings.schema_registry_url) as codec, connected(settings) as pool:
        return await audit(settings, pool, kept, codec)


def report(found: Audit) -> None:
    """Tell people what an audit found."""
    where = ", ".join(f"{partition}:{at}" for partition, at in sorted(found.positions.items()))
    said = f"{found.counted} parcels from {found.scans} scans, log positions {where}"
    if found.agrees:
        typer.echo(f"The figures follow from the log, to the last parcel: {said}.")
        return
    rows = [
        *(
            (" ".join(map(str, cell)), in_log, in_tables)
            for *cell, in_log, in_tables in found.cells[:SHOWN]
        ),
        *((key, in_log or "-", in_tables or "-") for key, in_log, in_tables in found.parcels[:SHOWN]),
    ]
    hidden = len(found.cells) + len(found.parcels) - len(rows)
    title, note = f"The figures differ: {said}", f"{hidden} more" if hidden else ""
    show(Listing(("what", "log", "tables"), rows, title=title, note=note), as_json=False)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(rates, name="rates")
    app.add_typer(log, name="log")
