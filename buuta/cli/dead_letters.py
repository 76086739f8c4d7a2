"""Dead letters: look at them, and send them again once they can be read."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from buuta.errors import BadItem, KafkaAway
from buuta.settings import SharedSettings, load
from buuta.streaming.dead_letters import Letter, letters, replay
from buuta.streaming.producer import Producer
from buuta.telemetry.health import Readiness

console = Console()
dead_letters = typer.Typer(
    help="Records that could not be read or stored: look at them, send them again.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(min=0, help="The number in the first column of the list.")]
MOST_BYTES = 800


@dead_letters.command("list")
def list_() -> None:
    """Show every dead letter: its number, where it came from, and why it is dead."""
    table = Table("number", "topic", "partition", "offset", "bytes", "reason")
    found = asyncio.run(_all())
    for each in found:
        size = len(each.value or b"")
        table.add_row(
            str(each.number), each.topic, str(each.partition), str(each.offset), str(size), each.reason
        )
    console.print(table if found else "No dead letters.")


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
    all_: Annotated[bool, typer.Option("--all", help="Every letter.")] = False,
) -> None:
    """Append letters to the log that they came from, after the schema or the code was put right.

    What still cannot be read becomes a dead letter again; what was read already counts once.
    """
    if (number is None) != all_:
        raise BadItem("letter_missing", "name one letter, or say --all")
    sent = asyncio.run(_replayed(None if all_ else number))
    console.print(f"{sent} sent again.")


async def _all() -> list[Letter]:
    return [each async for each in letters(load(SharedSettings))]


async def _one(number: int) -> Letter:
    for each in await _all():
        if each.number == number:
            return each
    raise BadItem("letter_unknown", f"there is no letter {number}; see: buuta dead-letters list")


async def _replayed(number: int | None) -> int:
    chosen = await _all() if number is None else [await _one(number)]
    settings = load(SharedSettings)
    producer = Producer(settings, Readiness())
    await producer.start()
    try:
        async with asyncio.timeout(settings.kafka_timeout):
            await producer.connected()
        for each in chosen:
            await replay(producer, each)
    except TimeoutError:
        raise KafkaAway("no broker answers") from None
    finally:
        await producer.stop()
    return len(chosen)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(dead_letters, name="dead-letters")
