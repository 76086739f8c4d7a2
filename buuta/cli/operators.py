"""Operators, who work at the quarantine over HTTP."""

import getpass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from buuta.cli.access import key_commands
from buuta.cli.admin import with_database
from buuta.errors import BadItem
from buuta.storage.access import Holder
from services.ingest.registry import operators

console = Console()
operator = typer.Typer(help="Operators: who may map codes over HTTP.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name for the log, such as duty-desk.")]


@operator.command("add")
def add(name: Name) -> None:
    """Add an operator, or give one a new key; it is shown once and kept as a hash."""
    if not (name.isprintable() and 1 <= len(name) <= 60):
        raise BadItem("operator_invalid", "a name has 1 to 60 printable characters")
    key = with_database(lambda pool: operators.add(pool, name, getpass.getuser()))
    console.print(f"operator key   {key}\nIt is not shown again.", markup=False)


@operator.command("list")
def list_() -> None:
    """List the operators."""
    table = Table("name", "added", "valid keys", "last used")
    for row in with_database(operators.every):
        used = "" if row["last_used_at"] is None else f"{row['last_used_at']:%Y-%m-%d %H:%M}"
        table.add_row(row["name"], f"{row['added_at']:%Y-%m-%d %H:%M}", str(row["keys"]), used)
    console.print(table)


@operator.command("end")
def end(name: Name) -> None:
    """End all of an operator's keys at once."""
    if not with_database(lambda pool: operators.end(pool, name, getpass.getuser())):
        raise BadItem("operator_unknown", f"no operator {name!r} has a key: buuta operator list")
    console.print(f"The keys of {name} have ended.", markup=False)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    operator.add_typer(key_commands(Holder.OPERATOR), name="key")
    app.add_typer(operator, name="operator")
