"""The whole backbone on this machine."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from buuta.cli import surroundings
from buuta.errors import BadSettings
from buuta.telemetry import logs


def demo(
    duration: Annotated[
        float | None, typer.Option(min=1, help="Seconds to play; without it until Ctrl-C.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=500, help="New parcels a second.")] = 12,
    seed: Annotated[int, typer.Option(help="Another seed makes another day.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the reconciliation as JSON.")] = False,
    env_file: Annotated[
        Path, typer.Option(help="Where keys and addresses are written as export lines while it runs.")
    ] = Path("demo.env"),
) -> None:
    """Run the whole backbone here, with carriers that report and people who receive.

    Starts an embedded broker and database, all services, a mail server and an SMSC on loopback, and
    plays a day of Vietnam's post, with late, repeated, provisional, unknown and malformed reports. A service
    that ends is told with its last words and started again; without the broker or the database the demo stops.
    Ends with a reconciliation; the exit code is 0 only if nothing was lost or doubled.
    """
    try:
        from buuta.demo.run import Wish
        from buuta.demo.run import demo as run
    except ModuleNotFoundError as absent:
        raise BadSettings(
            f"The demo stands on more than the services do, of which {absent.name} is not installed: "
            "pip install 'buuta[demo]'"
        ) from None

    logs.configure("demo", surroundings.log_level("ERROR"))

    sys.exit(asyncio.run(run(Wish(duration, rate, seed, env_file), as_json=json)))


def add_to(app: typer.Typer) -> None:
    """Add the tool to the command."""
    app.command()(demo)
