"""Listings: one way to show rows, to people at any width and to machines by `--json`."""

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len, chop_cells

from buuta.model.zones import told_time

Json = Annotated[bool, typer.Option("--json", help="Print the rows as JSON, for machines.")]
GAP: Final = "  "
LEAST_LAST: Final = 24
"""The last column wraps while so many cells are left for it; below that each row is a block of lines."""
UNLIMITED: Final = 1_000_000


@dataclass(frozen=True)
class Listing:
    """Rows under their columns' names; cells are values, and what people and machines read is made of them."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = "None."
    title: str = ""
    note: str = ""


def show(listing: Listing, as_json: bool) -> None:
    """Print rows: as JSON, as a table where it fits the terminal, else each row as a block of lines."""
    if as_json:
        typer.echo(_json(listing))
        return
    if not listing.rows:
        typer.echo(listing.empty)
        return
    for line in (*filter(None, [listing.title]), *lines(listing, _width()), *filter(None, [listing.note])):
        typer.echo(line)


def lines(listing: Listing, width: int) -> Iterator[str]:
    """The lines of a listing, none wider than `width` cells but for a single word that is."""
    cells = [listing.columns, *([said(value) for value in row] for row in listing.rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    before = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    left = width - before
    if widths[-1] > left and left < LEAST_LAST:
        yield from _blocks(cells, width)
        return
    for place, row in enumerate(cells):
        yield from _line(row, widths[:-1], min(widths[-1], left))
        if place == 0:
            yield "-" * min(before + widths[-1], width)


def _line(row: Sequence[str], widths: Sequence[int], last: int) -> Iterator[str]:
    """A row: all but the last cell padded, the last one wrapped."""
    head = GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=False))
    first, *more = _wrapped(row[-1], last)
    lead = head + GAP if widths else ""
    yield (lead + first).rstrip()
    for line in more:
        yield " " * cell_len(lead) + line


def _blocks(cells: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Each row as lines of name and value, a blank line between two rows; what is empty is left out."""
    names, *rows = cells
    lead = max(map(cell_len, names)) + len(GAP)
    for place, row in enumerate(rows):
        if place:
            yield ""
        for name, value in zip(names, row, strict=True):
            if value:
                first, *more = _wrapped(value, max(width - lead, LEAST_LAST))
                yield _padded(name, lead) + first
                yield from (" " * lead + line for line in more)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most so many cells, broken between words where that can be."""
    words = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    return [piece for line in words for piece in (chop_cells(line, width) or [""])]


def said(value: Any) -> str:
    """A value as people read it, on one line; what would steer the terminal is written out."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return told_time(int(value.timestamp() * 1000))
    if isinstance(value, timedelta):
        return _span(int(value.total_seconds()))
    if isinstance(value, list | tuple):
        return ", ".join(map(said, value))
    return printable(str(value))


def _span(seconds: int) -> str:
    """So many seconds in the largest unit that they fill."""
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {name}"
    return f"{seconds} s"


def printable(text: str) -> str:
    """A text without what steers a terminal, which carriers' codes and names may hold."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _width() -> int:
    """How many cells a line may have: those of the terminal, or any number where none looks on."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return UNLIMITED


def _json(listing: Listing) -> str:
    names = [re.sub(r"[^a-z0-9]+", "_", each.lower()).strip("_") for each in listing.columns]
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in listing.rows]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value as JSON has it: moments in ISO 8601, spans in seconds."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else str(value)
