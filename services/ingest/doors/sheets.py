"""Files as rows: CSV, as spreadsheets write it, and XLSX; every cell becomes text."""

import csv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook

from buuta.errors import BadItem, shown_name

DELIMITERS: Final = ",;\t"
"""What spreadsheets put between cells, by country."""
WORKBOOKS: Final = (".xlsx", ".xlsm")
TABLES: Final = (".csv", ".tsv", *WORKBOOKS)
MOST_UNPACKED_BYTES: Final = 2_000_000_000
Row = tuple[int, dict[str, str], Sequence[str]]
"""Line number, cells by column, and cells beyond the columns."""


@dataclass(frozen=True)
class Sheet:
    """A file's columns, and its lines after the first."""

    columns: Sequence[str]
    rows: Iterator[Row]


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """Open a file by its ending; XLSX: the first sheet.

    Raises:
        BadItem: no file of that kind, or one that unpacks to too much.
    """
    if path.suffix.lower() in WORKBOOKS:
        yield _workbook(path)
        return
    with path.open(encoding="utf-8-sig", newline="", errors="surrogateescape") as source:
        first = source.readline()
        source.seek(0)
        lines = csv.reader(source, delimiter=max(DELIMITERS, key=first.count))
        columns = [name.strip() for name in next(lines, [])]
        yield Sheet(columns, _rows(columns, ((lines.line_num, cells) for cells in lines)))


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


def _workbook(path: Path) -> Sheet:
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise BadItem("file_too_large", f"the file unpacks to {unpacked} bytes; split it")
        lines = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (zipfile.BadZipFile, CalamineError, IndexError) as wrong:
        raise BadItem("file_unreadable", f"this is no XLSX file: {wrong}") from None
    columns = [_text(cell).strip() for cell in lines[0]] if lines else []
    numbered = ((number, list(map(_text, cells))) for number, cells in enumerate(lines[1:], start=2))
    return Sheet(columns, _rows(columns, numbered))


def _rows(columns: Sequence[str], lines: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    """Lines by column; empty ones, which spreadsheets leave at the end, are left out."""
    for number, cells in lines:
        if any(cell.strip() for cell in cells):
            padded = cells + [""] * (len(columns) - len(cells))
            yield number, dict(zip(columns, padded, strict=False)), padded[len(columns) :]


def _text(cell: Any) -> str:
    """A cell as people read it: a number without the `.0` that XLSX gives every number, a date as ISO."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(cell)
