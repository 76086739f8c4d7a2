"""Registers as files: lines that are right, and a report of those that are not."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import typer
from rich.console import Console

from buuta.errors import BadItem
from services.ingest.doors.cells import known_as
from services.ingest.doors.report import Report
from services.ingest.doors.sheets import check_header, opened

Line = TypeVar("Line")
REFUSED_LINES: Final = (
    "The refused lines and their reasons are beside the file, under its name and .rejected.csv."
)
NOTED: Final = (
    "What should be known of lines that were taken is beside the file, under its name and .notes.txt."
)
"""The name of the file is not said: where this runs by itself, what it prints is a log."""


def read_table(
    path: Path, required: Sequence[str], known: Sequence[str], read: Callable[[Mapping[str, Any]], Line]
) -> tuple[list[Line], Path | None]:
    """What `read` makes of the lines, and where the report of those is that it refuses, if there are some.

    Raises:
        BadItem: the first line does not name the columns.
    """
    good: list[Line] = []
    with opened(path, known) as sheet, Report(path, sheet.columns, 0) as report:
        check_header(sheet.columns, required, known)
        names = known_as(sheet.columns, known)
        for number, cells, surplus in sheet.rows:
            try:
                good.append(read({names.get(name, name): cell for name, cell in cells.items()}))
            except BadItem as bad:
                report.write(number, (bad.code, str(bad)), [*cells.values(), *surplus])
        return good, report.path


def end_with(console: Console, refused: Path | None) -> None:
    """Say where the report of refused lines is; exit code 1 if there is one."""
    if refused is not None:
        console.print(REFUSED_LINES)
        raise typer.Exit(1)
