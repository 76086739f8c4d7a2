"""`buuta carrier lint`: what is wrong with a carrier's folder, all of it, before ingest reads it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from buuta.errors import BadItem
from services.ingest.carriers.loading import FILES, Read, folders_in, read_folder
from services.ingest.carriers.pairs import read_pairs

console = Console()


def carrier_lint(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="A carrier's folder: recipe.toml, codes.csv, golden.json; or one of such.",
        ),
    ],
) -> None:
    """Say everything that is wrong with a carrier's tables and golden pairs, as ingest would at its start.

    Exit code 0: ingest would take them; 2: something is wrong.
    """
    found = [folder] if any((folder / name).exists() for name in FILES) else folders_in(folder)
    if not found:
        raise BadItem("recipe_missing", f"there is no recipe.toml in {folder} or in a folder of it")
    wrong = [each for each in found if not _is_fine(each)]
    if wrong:
        raise typer.Exit(2)


def _is_fine(folder: Path) -> bool:
    read = read_folder(folder)
    for fault in read.faults:
        _say(fault)
    if not read.faults:
        _say(_summary(folder, read))
    return not read.faults


def _summary(folder: Path, read: Read) -> str:
    pairs = read_pairs(folder / "golden.json")
    codes = 0 if read.recipe is None else len(read.recipe.codes)
    shown = (
        f"{len(pairs)} golden pairs"
        if pairs
        else "no golden pair, so that nobody knows what its paths find"
    )
    return f"{folder.name}: {codes} codes, {shown}"


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def add_to(carrier: typer.Typer) -> None:
    """Add the tool to `buuta carrier`."""
    carrier.command("lint")(carrier_lint)
