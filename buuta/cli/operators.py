"""Operators, who work at the quarantine over HTTP."""

import getpass
from typing import Annotated, Any

import typer
from rich.console import Console

from buuta.cli.access import key_commands
from buuta.cli.admin import with_database, with_named
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named
from buuta.errors import BadItem
from buuta.storage.access import Holder
from services.ingest.registry import operators

console = Console()
operator = typer.Typer(help="Operators: who may map codes over HTTP.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name for the log, such as duty-desk.")]


@operator.command("add")
def add(name: Name) -> None:
    """Add an operator; the key is shown once and kept as a hash."""
    if not (name.isprintable() and 1 <= len(name) <= 60):
        raise BadItem("operator_invalid", "a name has 1 to 60 printable characters")

    async def work(pool: Any) -> str:
        if any(row["name"] == name and row["keys"] for row in await operators.every(pool)):
            raise BadItem(
                "operator_known",
                f"operator {name!r} exists and has a valid key. Another beside it: buuta operator key add {name}; "
                f"one in its place: buuta operator key rotate {name}",
            )
        return await operators.add(pool, name, getpass.getuser())

    key = with_database(work)
    console.print(f"operator key   {key}\nIt is not shown again.", markup=False)


@operator.command("list")
def list_(as_json: Json = False) -> None:
    """List the operators."""
    rows = [
        (row["name"], row["added_at"], row["keys"], row["last_used_at"])
        for row in with_database(operators.every)
    ]
    show(Listing(("name", "added", "valid keys", "last used"), rows), as_json)


@operator.command("end")
def end(name: Name) -> None:
    """End all of an operator's keys at once."""
    if not with_named(Named.OPERATOR, name, lambda pool: operators.end(pool, name, getpass.getuser())):
        raise BadItem(
            "operator_unknown", f"operator {name!r} has no valid key: buuta operator key list {name}"
        )
    console.print(f"The keys of {name} have ended.", markup=False)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    operator.add_typer(key_commands(Holder.OPERATOR), name="key")
    app.add_typer(operator, name="operator")
