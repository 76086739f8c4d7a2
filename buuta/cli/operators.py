"""Operators, who work at the quarantine over HTTP."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from buuta.cli.admin import with_database
from buuta.errors import BadItem
from services.ingest.registry import operators

console = Console()
operator = typer.Typer(help="Operators: who may map codes over HTTP.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name for the log, such as duty-desk.")]


@operator.command("add")
def add(name: Name) -> None:
    """Add an operator, or give one a new key; it is shown once and kept as a hash."""
    if not (name.isprintable() and 1 <= len(name) <= 60):
        raise BadItem("operator_invalid", "a name has 1 to 60 printable characters")
    key = with_database(lambda pool: operators.add(pool, name))
    console.print(f"operator key   {key}\nIt is not shown again.", markup=False)


@operator.command("list")
def list_() -> None:
    """List the operators."""
    table = Table("name", "added", "ended")
    for row in with_database(operators.every):
        ended = "" if row["ended_at"] is None else f"{row['ended_at']:%Y-%m-%d %H:%M}"
        table.add_row(row["name"], f"{row['added_at']:%Y-%m-%d %H:%M}", ended)
    console.print(table)


@operator.command("end")
def end(name: Name) -> None:
    """End an operator's key at once."""
    if not with_database(lambda pool: operators.end(pool, name)):
        raise BadItem("operator_unknown", f"no operator {name!r} has a key: buuta operator list")
    console.print(f"The key of {name} has ended.", markup=False)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(operator, name="operator")
