"""`buuta doctor`: what is missing, and what mends it."""

import asyncio

import typer

from buuta.audit.doctor import Found, State, examine
from buuta.cli.config import KINDS, all_doubts
from buuta.cli.listing import Json, Listing, printable, show
from buuta.errors import BadSettings
from buuta.settings import load
from services.ingest.carriers import all_recipes
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings


def doctor(as_json: Json = False) -> None:
    """Look at everything that Buuta stands on, and say what is missing and what mends it; nothing is changed.

    Settings, PostgreSQL, migrations, clocks, master key, Kafka, topics, registry, mail relay, SMSC, public URL,
    carriers and their codes, keys. Exit code 1 where something is missing; what is only worth a look leaves it 0.
    """
    found = _settings()
    if not any(each.state is State.MISSING for each in found):
        recipes = all_recipes(load(IngestSettings).ingest_recipes)
        found += asyncio.run(examine(load(NotifierSettings), recipes))
    if as_json:
        rows = [(each.state.value, each.part, each.says, each.fix) for each in found]
        show(Listing(("state", "part", "says", "fix"), rows), as_json)
    else:
        _print(found)
    if any(each.state is State.MISSING for each in found):
        raise typer.Exit(1)


def _settings() -> list[Found]:
    """What is wrong in the settings themselves, or may be."""
    try:
        for kind in KINDS:
            load(kind)
    except BadSettings as wrong:
        return [Found(State.MISSING, "settings", line, "buuta config") for line in str(wrong).splitlines()]
    doubts = [Found(State.LOOK, "settings", each) for each in all_doubts()]
    return doubts or [Found(State.OK, "settings", "nothing looks like a mistake")]


def _print(found: list[Found]) -> None:
    wide = max(len(each.part) for each in found)
    for each in found:
        typer.echo(f"{each.state:<8} {each.part:<{wide}}  {printable(each.says)}")
        if each.fix:
            typer.echo(f"{'':<8} {'':<{wide}}  -> {each.fix}")
    counts = {state: sum(each.state is state for each in found) for state in State}
    typer.echo(
        f"{counts[State.MISSING]} missing, {counts[State.LOOK]} worth a look, {counts[State.OK]} ok."
    )


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)
