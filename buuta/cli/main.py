"""`buuta`: every program and every tool of the backbone under one name."""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperGroup

from buuta import __version__
from buuta.causes import cause
from buuta.cli import surroundings
from buuta.errors import BuutaError, Reject
from buuta.telemetry import logs
from buuta.telemetry.tracebacks import shown

MODULES: Final = {
    "demo": "demo",
    "tracker": "services", "notifier": "services", "portal": "services", "ingest": "services",
    "config": "config", "doctor": "doctor", "migrate": "admin", "topics": "admin", "messages": "admin",
    "track": "look", "details": "vaulted", "forget": "vaulted", "findings": "findings", "rebuild": "rebuild",
    "carrier": "carriers", "facility": "facilities", "shipper": "shippers", "operator": "operators",
    "keys": "keys", "quarantine": "quarantine", "dead-letters": "dead_letters", "stuck": "stuck",
    "partitions": "moves", "rates": "rates", "log": "rates", "retention": "retention",
}  # fmt: skip
"""The module of this package that adds each command, in the order in which help shows them."""


BUG: Final = "This is a fault of Buuta itself; whoever mends it needs the lines below. They hold no data."
TELLING: Final = frozenset({"tracker", "notifier", "portal", "ingest", "config", "doctor"})
"""Commands that tell by themselves what is odd in their surroundings."""


class Commands(Mapping[str, Any]):
    """All commands by name, each loaded when it is asked for: all that they stand on takes seconds to import."""

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)

    def __getitem__(self, name: str) -> Any:
        return added_by(MODULES[name])[name]


def added_by(module: str) -> Mapping[str, Any]:
    """The commands that a module of this package adds, by name."""
    made = typer.Typer(rich_markup_mode="rich")
    import_module(f"buuta.cli.{module}").add_to(made)
    return typer.main.get_group(made).commands


class Group(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast(Any, Commands())


app = typer.Typer(
    cls=Group,
    help="Bưu tá, the postman: an event-driven parcel-tracking backbone.\n\n"
    "Try [bold]buuta demo[/] first. Settings come from BUUTA_ variables: [bold]buuta config[/].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Bưu tá, the postman."""
    if context.invoked_subcommand not in TELLING:
        surroundings.tell()


def main() -> None:
    """Run the command; whatever goes wrong is a sentence on standard error.

    Exit code 1: what was asked for is refused, or is not there; 2: a wrong option or setting, or something that
    does not answer; 70: a fault of Buuta's own, with the place in its code.
    """
    logs.configure("cli", surroundings.log_level("CRITICAL"))
    try:
        app()
    except Exception as why:
        sentence, code = ending(why)
        typer.echo(sentence, err=True)
        sys.exit(code)


def ending(why: Exception) -> tuple[str, int]:
    """What is said of an error that ends a command, and the exit code."""
    if isinstance(why, BuutaError):
        return str(why), 1 if isinstance(why, Reject) else 2
    if said := cause(why):
        return f"{_where(why)}: {said}.", 2
    from buuta.storage.faults import is_bad_data  # what it stands on takes long to import

    if is_bad_data(why):
        return "One of these values cannot be kept: it is too large a number, or no text.", 1
    return f"{BUG}\n{shown((type(why), why, why.__traceback__))}", 70


def _where(why: Exception) -> str:
    """What it is that fails: a file, PostgreSQL, or something on the network."""
    if type(why).__module__.startswith("asyncpg"):
        return "PostgreSQL does not do it"
    return "A file cannot be opened" if isinstance(why, OSError) and why.filename else "It does not answer"
