"""Dead letters: look at them, and send them again once they can be read."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from buuta.cli.admin import with_database
from buuta.cli.connect import producing
from buuta.cli.listing import Json, Listing
from buuta.cli.listing import show as show_rows
from buuta.contracts import registry
from buuta.contracts.fit import unfit
from buuta.errors import BadItem, Unsendable
from buuta.settings import SharedSettings, load
from buuta.streaming.dead_letters import Letter, letters, replay, settle, settled

console = Console()
dead_letters = typer.Typer(
    help="Records that could not be read or stored: look at them, send them again.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(min=0, help="The number in the first column of the list.")]
MOST_BYTES = 800


@dead_letters.command("list")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Those that were dropped or replayed, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show the dead letters that are open: number, where they came from, and why they are dead."""
    done = with_database(settled)
    columns = ("number", "topic", "partition", "offset", "bytes", "settled", "reason")
    rows = [
        (
            each.number,
            each.topic,
            each.partition,
            each.offset,
            len(each.value or b""),
            done.get(each.number),
            each.reason,
        )
        for each in asyncio.run(_all())
        if all_ or each.number not in done
    ]
    show_rows(Listing(columns, rows, "No dead letters."), as_json)


@dead_letters.command()
def drop(
    number: Number, why: Annotated[str, typer.Option(help="For who asks later; nothing personal.")]
) -> None:
    """Say that a letter needs no more looking at; the topic keeps it, and `list --all` shows it."""
    letter = asyncio.run(_one(number))
    with_database(lambda pool: settle(pool, letter, "dropped", why))
    console.print(f"Letter {number} is dropped.")


@dead_letters.command()
def show(number: Number) -> None:
    """Show one letter: key, value and reason as they were received, in hexadecimal beside the text."""
    letter = asyncio.run(_one(number))
    console.print(f"{letter.topic}/{letter.partition} at {letter.offset}: {letter.reason}", markup=False)
    console.print(f"key    {letter.key!r}", markup=False)
    value = letter.value or b""
    for place in range(0, min(len(value), MOST_BYTES), 16):
        line = value[place : place + 16]
        text = "".join(chr(each) if 32 <= each < 127 else "." for each in line)
        console.print(f"{place:6}  {line.hex(' '):<48} {text}", markup=False, highlight=False)


@dead_letters.command("replay")
def replay_(
    number: Annotated[int | None, typer.Argument(min=0, help="The letter; without it see --all.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every letter that is open.")] = False,
) -> None:
    """Append letters to the log that they came from, after the schema or the code was put right.

    What still cannot be read becomes a dead letter again; what was read already counts once. A scan that no door
    would take stays a dead letter.
    """
    if (number is None) != all_:
        raise BadItem("letter_missing", "name one letter, or say --all")
    chosen = [asyncio.run(_one(number))] if number is not None else _open()
    why = asyncio.run(_replay(chosen))
    sent = [each for place, each in enumerate(chosen) if place not in why]
    with_database(lambda pool: _settle(pool, sent))
    for place, reason in why.items():
        console.print(f"Letter {chosen[place].number} stays: {reason}.", markup=False)
    console.print(f"{len(sent)} sent again.")


def _open() -> list[Letter]:
    done = with_database(settled)
    return [each for each in asyncio.run(_all()) if each.number not in done]


async def _settle(pool: Any, chosen: Sequence[Letter]) -> None:
    for each in chosen:
        await settle(pool, each, "replayed", "sent again by hand")


async def _all() -> list[Letter]:
    return [each async for each in letters(load(SharedSettings))]


async def _one(number: int) -> Letter:
    for each in await _all():
        if each.number == number:
            return each
    raise BadItem("letter_unknown", f"there is no letter {number}; see: buuta dead-letters list")


async def _replay(chosen: Sequence[Letter]) -> dict[int, str]:
    """Send what may be sent; returns the places of the others, and why."""
    settings, values = load(SharedSettings), [each.value for each in chosen]
    async with registry.opened(settings.schema_registry_url) as codec, producing(settings) as producer:
        await codec.learn(values)
        why = unfit(codec, values)
        for place, each in enumerate(chosen):
            if place not in why:
                try:
                    await replay(producer, each)
                except (BadItem, Unsendable) as wrong:
                    why[place] = str(wrong)
    return why


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(dead_letters, name="dead-letters")
