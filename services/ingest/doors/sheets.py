"""Files as rows: CSV, as spreadsheets write it, and XLSX; every cell becomes text."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buuta.errors import BadItem
from buuta.model.shown import shown_name
from services.ingest.doors.lines import MOST_CHARACTERS, Record, records
from services.ingest.doors.plain import read_plain
from services.ingest.doors.workbook import as_lines

DELIMITERS: Final = ",;\t"
"""What spreadsheets put between cells, by country."""
WORKBOOKS: Final = (".xlsx", ".xlsm")
TABLES: Final = (".csv", ".tsv", *WORKBOOKS)
BROKEN: Final = "\x00broken"
"""The name, which no column can have, under which a line that cannot be read says why."""
Row = tuple[int, dict[str, str], Sequence[str]]
"""Line number, cells by column, and cells beyond the columns."""


@dataclass(frozen=True)
class Sheet:
    """A file's columns, and its lines after the first."""

    columns: Sequence[str]
    rows: Iterator[Row]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """Open a file by its ending; XLSX: the first sheet. It blocks while a workbook is read.

    Raises:
        BadItem: no file of that kind, one that unpacks to too much, or a first line that cannot be read.
    """
    with contextlib.ExitStack() as closing:
        if path.suffix.lower() in WORKBOOKS:
            lines = records(closing.enter_context(as_lines(path)), ",")
        else:
            raw = closing.enter_context(read_plain(path))
            source = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="", errors="surrogateescape")
            first = source.readline(MOST_CHARACTERS)
            source.seek(0)
            lines = records(source, max(DELIMITERS, key=first.count))
        header = next(lines, Record(1, []))
        if header.wrong is not None:
            raise BadItem("header_invalid", f"the first line cannot be read: {header.wrong}")
        columns = [name.strip() for name in header.cells]
        yield Sheet(columns, _rows(columns, lines))


def check_header(
    columns: Sequence[str], required: Sequence[str], known: Sequence[str], more: str = ""
) -> None:
    """A file must name the columns that are required, and no others than are known.

    Raises:
        BadItem: says which are missing, which not known, which are possible.
    """
    missing = [name for name in required if name not in columns]
    # A file without a first line of names would have its data said.
    unknown = [shown_name(name) for name in columns if name not in known]
    if missing or unknown:
        raise BadItem(
            "header_invalid",
            f"the first line must name columns; missing: {', '.join(missing) or 'none'}; "
            f"not known: {', '.join(unknown) or 'none'}; possible: {', '.join(known)}{more}",
        )


def _rows(columns: Sequence[str], lines: Iterator[Record]) -> Iterator[Row]:
    """Lines by column; empty ones, which spreadsheets leave at the end, are left out."""
    for number, cells, wrong in lines:
        if wrong is not None:
            yield number, {**dict.fromkeys(columns, ""), BROKEN: wrong}, cells
        elif any(cell.strip() for cell in cells):
            padded = cells + [""] * (len(columns) - len(cells))
            yield number, dict(zip(columns, padded, strict=False)), padded[len(columns) :]
