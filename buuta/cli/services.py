"""The services as subcommands, and files through ingest."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from buuta.cli import surroundings
from buuta.cli.admin import with_database
from buuta.cli.connect import connected, producing
from buuta.cli.tables import NOTED, REFUSED_LINES
from buuta.contracts import registry
from buuta.errors import Forbidden
from buuta.model.zones import told_time
from buuta.settings import load
from buuta.storage.background import run_forever, running
from buuta.storage.unlocking import open_vault
from buuta.telemetry import logs
from buuta.telemetry.service import main
from services.ingest.app import wire as wire_ingest
from services.ingest.carriers import all_recipes
from services.ingest.domain.doubts import in_sum
from services.ingest.doors.drop import DropFolder, take_any
from services.ingest.doors.events import ENDINGS, read_events
from services.ingest.doors.file import Summary, withdraw_file
from services.ingest.doors.sheets import opened
from services.ingest.intake import Intake, Result
from services.ingest.quarantine.held import hold
from services.ingest.settings import IngestSettings
from services.ingest.spool import Spool
from services.ingest.storage import Carrier, be_silent_until_now, carrier_of
from services.ingest.target import RecipeBook
from services.ingest.wiring import FOLLOW_SECONDS, Ground, Pools, build_intake
from services.notifier.app import wire as wire_notifier
from services.notifier.settings import NotifierSettings
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.tracker.app import wire as wire_tracker
from services.tracker.settings import TrackerSettings

ingest = typer.Typer(help="Run ingest, the carriers' door; or take a file in.", invoke_without_command=True)
console = Console(stderr=True)


@ingest.callback(invoke_without_command=True)
def run_ingest(context: typer.Context) -> None:
    """Run the service unless a subcommand was named."""
    if context.invoked_subcommand is None:
        sys.exit(main("ingest", IngestSettings, wire_ingest))


@ingest.command("file")
def file(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, resolve_path=True, help="A CSV or XLSX file, or EPCIS in JSON."
        ),
    ],
    carrier: Annotated[str, typer.Option(help="The carrier whose scans these are.")],
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="The file was wrong: its lines did not occur.")
    ] = False,
    in_flight: Annotated[
        bool,
        typer.Option(
            "--in-flight", help="Parcels under way when the carrier begins: nobody is told what was."
        ),
    ] = False,
) -> None:
    """Take a file of scans in: columns number, code, occurred_at and others of an item, or the carrier's own.

    Refused lines are written to FILE.rejected.csv with the reason, in your own columns. After a kill the
    same command goes on where it stopped. Exit code 1 if lines were refused.
    """
    if in_flight:
        with_database(lambda pool: be_silent_until_now(pool, carrier))
    summary = asyncio.run(_take(path, carrier, withdraw_file if withdraw else take_any))
    for line in _told(summary):
        console.print(line, highlight=False, markup=False)
    for says in in_sum(summary.doubts):
        console.print(f"{says}.", highlight=False)
    if summary.report is not None:
        console.print(REFUSED_LINES)
        sys.exit(1)


WORDS: Final = {
    Result.ACCEPTED: ("accepted", ""),
    Result.DUPLICATE: ("copies", "came before; nothing counts twice"),
    Result.IGNORED: ("no movement", ""),
    Result.QUARANTINED: ("waiting", "for their code to be mapped: buuta quarantine list"),
    Result.REJECTED: ("rejected", ""),
}
MOST_NOTES: Final = 10


def _told(summary: Summary) -> Iterator[str]:
    """What became of a file: numbers with their words, and the first notes."""
    if summary.taken_in_at is not None:
        at = told_time(round(summary.taken_in_at.timestamp() * 1000))
        yield f"This content was already read, at {at}: nothing was taken in again. What became of it then:"
    for result, (word, hint) in WORDS.items():
        count = summary.counts.get(result, 0)
        yield f"{word:>12}  {count}" + (f"  {hint}" if hint and count else "")
    if summary.notes:
        yield f"{'notes':>12}  {len(summary.notes) + summary.more_notes}"
        yield from (f"{'':>12}  {note}" for note in summary.notes[:MOST_NOTES])
    if summary.noted is not None:
        yield NOTED


@ingest.command("watch")
def watch(
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="It holds a folder a carrier.")
    ],
) -> None:
    """Take in what carriers put into FOLDER/CODE/, until Ctrl-C; it lies in `done` or `refused` afterwards.

    Refused lines are in done/FILE.rejected.csv, why a whole file was refused in refused/FILE.error.txt.
    Logs name no file, but its inode: find FOLDER -inum NUMBER.
    """
    logs.configure("cli", surroundings.log_level("WARNING"))

    async def run() -> None:
        async with _intake() as intake:
            await DropFolder(folder, intake).run()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


@contextlib.asynccontextmanager
async def _intake() -> AsyncIterator[Intake]:
    """Intake without HTTP doors, straight into the log."""
    surroundings.tell()
    settings = load(IngestSettings)
    async with (
        connected(settings) as pool,
        registry.opened(settings.schema_registry_url) as codec,
        producing(settings) as producer,
    ):
        vault = await open_vault(pool, settings)
        book = RecipeBook(all_recipes(settings.ingest_recipes))
        put = partial(producer.send_keyed, settings.events_topic)
        wired = build_intake(Ground(Pools.one(pool), vault, codec, put, partial(hold, pool), book))
        spool = Spool(pool, put, settings.ingest_spool, codec=codec)
        for name in ("mappings", "facilities"):
            await wired.follow[name]()
        loops = [run_forever(name, step, FOLLOW_SECONDS) for name, step in wired.follow.items()]
        try:
            async with running(spool.run(), *loops):
                yield wired.intake
        finally:
            await wired.tally.write_down(pool)
            while await spool.drain():
                pass


async def _take(path: Path, code: str, taking: Callable[..., Awaitable[Summary]]) -> Summary:
    lines = _lines(path)
    async with _intake() as intake:
        carrier: Carrier | None = await carrier_of(intake.pool, code)
        if carrier is None:
            raise Forbidden(f"there is no carrier {code!r}: buuta carrier list shows them")
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
        )
        with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
            task = progress.add_task("lines", total=lines)
            return await taking(intake, carrier, path, lambda done: progress.advance(task, done))


def _lines(path: Path) -> int:
    """How many lines or events a file has."""
    if path.suffix.lower() in ENDINGS:
        return len(read_events(path).events)
    with opened(path) as sheet:
        return sum(1 for _ in sheet.rows)


def tracker() -> None:
    """Run the tracker: parcel events in; states, milestones and rates out."""
    sys.exit(main("tracker", TrackerSettings, wire_tracker))


def notifier() -> None:
    """Run the notifier: milestones in, SMS and e-mail out."""
    sys.exit(main("notifier", NotifierSettings, wire_notifier))


def portal() -> None:
    """Run the portal: the shippers' API, tracking pages, rates."""
    sys.exit(main("portal", PortalSettings, wire_portal))


def add_to(app: typer.Typer) -> None:
    """Add the services to the command."""
    app.add_typer(ingest, name="ingest")
    for command in (tracker, notifier, portal):
        app.command()(command)
