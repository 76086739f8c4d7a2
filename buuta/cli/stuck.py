"""What background loops have set aside: elements that fail alone, while their neighbours go on."""

from typing import Annotated, Any, Final

import typer
from rich.console import Console

from buuta.cli.admin import with_database
from buuta.cli.listing import Json, Listing, show
from buuta.errors import BadItem
from buuta.storage import set_aside

console = Console()
stuck = typer.Typer(help="What background loops have set aside, and a hand on it.", no_args_is_help=True)
MOST: Final = 200
Loop = Annotated[str, typer.Argument(help="The loop, as in `buuta stuck list`.")]


@stuck.command("list")
def list_(
    loop: Annotated[str | None, typer.Argument(help="Of this loop alone.")] = None,
    most: Annotated[int, typer.Option(min=1, help="So many at most.")] = MOST,
    as_json: Json = False,
) -> None:
    """Show what fails alone, the oldest first: why, how often it was tried, and when it is tried again.

    "By hand" has been tried often enough: put the cause right, then `buuta stuck retry`.
    """
    rows = with_database(lambda pool: set_aside.listed(pool, loop, most))
    cells = [
        (
            row["loop"],
            row["element"],
            row["tries"],
            row["since"],
            row["next_at"] or "by hand",
            row["reason"],
        )
        for row in rows
    ]
    show(Listing(("loop", "element", "tries", "since", "tried again", "why"), cells), as_json)


@stuck.command()
def retry(
    loop: Loop,
    element: Annotated[str | None, typer.Argument(help="The element; without it, all of the loop.")] = None,
) -> None:
    """Let an element, or all of a loop, be tried again from now on."""
    count = with_database(lambda pool: set_aside.retry(pool, loop, element))
    if not count:
        raise _unknown(loop, element)
    console.print(f"{count} of {loop} will be tried again within seconds.")


@stuck.command()
def drop(loop: Loop, element: Annotated[str, typer.Argument(help="The element.")]) -> None:
    """Declare an element lost for good; what waited behind it under the same key goes on.

    What lies in a table of its own (details, messages, deadlines, mappings) is only noted: the note is dropped.
    """

    async def work(pool: Any) -> bool:
        return await set_aside.drop(pool, loop, element)

    if not with_database(work):
        raise _unknown(loop, element)
    console.print(f"{element} of {loop} is dropped.")


def _unknown(loop: str, element: str | None) -> BadItem:
    return BadItem(
        "element_unknown",
        f"{loop} has {'no element ' + element if element else 'nothing'} set aside; see: buuta stuck list",
    )


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(stuck, name="stuck")
