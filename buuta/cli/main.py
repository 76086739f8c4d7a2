"""`buuta`: every program and every tool of the backbone under one name."""

import asyncio
import sys
from typing import Annotated

import typer

from buuta import __version__
from buuta.cli import (
    admin,
    carriers,
    dead_letters,
    facilities,
    findings,
    keys,
    look,
    moves,
    operators,
    quarantine,
    rates,
    rebuild,
    retention,
    services,
    shippers,
    standing,
    stuck,
)
from buuta.errors import BuutaError
from buuta.telemetry import logs

app = typer.Typer(
    help="Bưu tá, the postman: an event-driven parcel-tracking backbone.\n\n"
    "Try [bold]buuta demo[/] first. Settings come from BUUTA_ variables: [bold]buuta config[/].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
services.add_to(app)
admin.add_to(app)
standing.add_to(app)
carriers.add_to(app)
look.add_to(app)
moves.add_to(app)
operators.add_to(app)
shippers.add_to(app)
facilities.add_to(app)
findings.add_to(app)
keys.add_to(app)
dead_letters.add_to(app)
quarantine.add_to(app)
rates.add_to(app)
rebuild.add_to(app)
retention.add_to(app)
stuck.add_to(app)


@app.command()
def demo(
    duration: Annotated[
        float | None, typer.Option(min=1, help="Seconds to play; without it until Ctrl-C.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=500, help="New parcels a second.")] = 12,
    seed: Annotated[int, typer.Option(help="Another seed makes another day.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the reconciliation as JSON.")] = False,
) -> None:
    """Run the whole backbone here, with carriers that report and people who receive.

    Starts an embedded broker and database, all services, a mail server and an SMSC on loopback, and
    plays a day of Vietnam's post, with late, repeated, provisional, unknown and malformed reports.
    Ends with a reconciliation; the exit code is 0 only if nothing was lost or doubled.
    """
    from buuta.demo.run import demo as run

    sys.exit(asyncio.run(run(duration, rate, seed, json)))


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Bưu tá, the postman."""


def main() -> None:
    """Run the command; errors of ours are a sentence on standard error and exit code 2."""
    logs.configure("cli", "WARNING")
    try:
        app()
    except BuutaError as why:
        typer.echo(str(why), err=True)
        sys.exit(2)
