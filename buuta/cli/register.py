"""The register of carriers: import, export, and the row that a ministry asks for."""

import csv
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console

from buuta.cli.admin import with_database
from buuta.cli.listing import Json, Listing, said, show
from buuta.cli.tables import end_with, read_table
from buuta.settings import load
from services.ingest.carriers import all_recipes
from services.ingest.domain.entry import COLUMNS, REQUIRED, read_entry
from services.ingest.registry import manifests, register
from services.ingest.registry.tally import silences
from services.ingest.settings import IngestSettings

console = Console()
SHOWN = (
    "code", "status", "last_at", "reports_per_day", "share_unmapped", "late_minutes_p50", "late_minutes_p95",
    "share_ahead",
)  # fmt: skip

SPLIT = (
    "it has parcels with S10 numbers, and is_post decides under whose name those are kept. Say is_post as it is; "
    "for a carrier that becomes a post, enter a new code as one and let this one end with its parcels."
)


def import_(
    path: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, resolve_path=True, help="A CSV or XLSX file.")
    ],
) -> None:
    """Enter carriers into the register, or change their entries: columns code, name, and others.

    Keys are made by `buuta carrier key add`. Refused lines are written to FILE.rejected.csv with the reason; exit
    code 1 if there are some.
    """
    formats = all_recipes(load(IngestSettings).ingest_recipes)
    good, refused = read_table(path, REQUIRED, COLUMNS, lambda line: read_entry(line, formats))

    async def work(pool: Any) -> register.Entered:
        async with pool.acquire() as con, con.transaction():
            return await register.enter(con, good)

    entered = with_database(work)
    console.print(f"{entered.new} entered, {entered.changed} changed.")
    for code in entered.split:
        console.print(f"{code} was not changed: {SPLIT}", markup=False)
    end_with(console, refused)
    if entered.split:
        raise typer.Exit(1)


def export(
    path: Annotated[Path | None, typer.Argument(help="Where to; without it to the screen.")] = None,
) -> None:
    """Write the register as CSV, as `import` reads it."""
    rows = [
        each.model_dump(mode="json") | {"service_levels": " ".join(each.service_levels)}
        for each in with_database(register.entries)
    ]
    cells = [[row[name] for name in COLUMNS] for row in rows]
    _written(path, lambda target: _table(target, COLUMNS, cells))


def report(
    days: Annotated[int, typer.Option(min=1, max=366, help="Of so many days until now.")] = 7,
    path: Annotated[Path | None, typer.Option("--csv", help="All columns, as CSV into this file.")] = None,
    as_json: Json = False,
) -> None:
    """Show of each carrier when it reported last, how much a day, how late, and what share is unmapped."""
    since = datetime.now(UTC) - timedelta(days=days)
    rows = with_database(lambda pool: register.report(pool, since, days))
    if path is not None:
        _written(path, lambda target: _table(target, list(rows[0].keys()) if rows else [], rows))
        return
    cells = [[row[name] for name in SHOWN] for row in rows]
    show(Listing(SHOWN, cells, "No carrier is in the register."), as_json)


def gaps() -> None:
    """Show manifests of which pieces are missing, and carriers that are silent beyond their habit.

    Exit code 1 if there are some.
    """

    async def work(pool: Any) -> Any:
        await manifests.check(pool)
        return await manifests.gaps(pool), await silences(pool, datetime.now(UTC))

    missing, quiet = with_database(work)
    for row in missing:
        console.print(
            f"{row['carrier']}: manifest {row['manifest']} says {row['pieces']} pieces, {row['seen']} seen.",
            markup=False,
        )
    beyond = [each for each in quiet if each.is_beyond]
    for each in beyond:
        allowed = timedelta(seconds=round(each.habit.allowed_silence or 0))
        console.print(f"{each.carrier}: silent since {said(each.last_at)}; its habit allows {allowed}.")
    if missing or beyond:
        raise typer.Exit(1)
    console.print("No gaps.")


def _table(target: TextIO, names: Sequence[str], rows: Sequence[Any]) -> None:
    writer = csv.writer(target)
    writer.writerow(names)
    writer.writerows(
        [value.isoformat() if isinstance(value, datetime) else value for value in row] for row in rows
    )


def _written(path: Path | None, write: Callable[[TextIO], None]) -> None:
    if path is None:
        write(sys.stdout)
        return
    with path.open("w", encoding="utf-8", newline="") as target:
        write(target)


def add_to(carrier: typer.Typer) -> None:
    """Add the register's tools to `buuta carrier`."""
    for name, command in (("import", import_), ("export", export), ("report", report), ("gaps", gaps)):
        carrier.command(name)(command)
