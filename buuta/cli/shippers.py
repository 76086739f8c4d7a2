"""Shippers, who register parcels, and their keys."""

import getpass
from typing import Annotated

import asyncpg
import typer
from rich.console import Console

from buuta.cli import standing
from buuta.cli.access import key_commands
from buuta.cli.admin import with_database
from buuta.cli.listing import Json, Listing, show
from buuta.errors import BadItem
from buuta.model.identifiers import SHIPPER
from buuta.storage.access import Holder
from services.portal import storage

console = Console()
shipper = typer.Typer(help="Shippers and their keys.", no_args_is_help=True)


@shipper.command("add")
def add(
    code: Annotated[str, typer.Argument(help="Short code.")],
    name: Annotated[str, typer.Option(help="Name for people.")],
) -> None:
    """Add a shipper; its API key is shown once and kept as a hash."""
    if not SHIPPER.fullmatch(code):
        raise BadItem(
            "shipper_invalid",
            "a shipper's code has 1 to 40 small letters, digits or _ -, and begins with a letter: it goes into "
            "the log, so it is no e-mail and no telephone number",
        )
    try:
        key = with_database(lambda pool: storage.add_shipper(pool, code, name, getpass.getuser()))
    except asyncpg.UniqueViolationError:
        raise BadItem("shipper_known", f"shipper {code} exists") from None
    console.print(f"API key  {key}\nIt is not shown again.", markup=False)


@shipper.command("list")
def list_(as_json: Json = False) -> None:
    """List the shippers."""
    rows = [
        (row["code"], row["name"], row["keys"], row["last_used_at"])
        for row in with_database(storage.shippers)
    ]
    show(Listing(("code", "name", "valid keys", "last used"), rows), as_json)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    standing.add_to(shipper)
    shipper.add_typer(key_commands(Holder.SHIPPER), name="key")
    app.add_typer(shipper, name="shipper")
