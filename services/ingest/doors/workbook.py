"""Workbooks (XLSX), read in a process of their own that may die: of memory, of time, of what nobody expected.

A workbook of 1.5 kB can claim 17 billion cells. `python -m services.ingest.doors.workbook` reads one from its
input, and writes the lines of the first sheet that is shown as CSV: each, also an empty one, as one line. What its
sender should know of that it writes beside, a line each.
"""

import contextlib
import csv
import io
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from buuta.errors import BadItem
from services.ingest.doors.plain import read_plain

MOST_BYTES: Final = 100_000_000
MOST_UNPACKED_BYTES: Final = 1_000_000_000
MEMORY_BYTES: Final = 1_500_000_000
SECONDS: Final = 60
OUR_FAULT: Final = 4
REFUSED: Final = 3
NOTE: Final = "note: "
NO_WORKBOOK: Final = "this is no XLSX file"
OLD_FORM: Final = b"\xd0\xcf\x11\xe0"
PROTECTED: Final = "EncryptedPackage".encode("utf-16-le")
"""The name of the part that holds a workbook with a password, as a file of the old form writes names."""
SMALL_BYTES: Final = 1_000_000
EXACT: Final = 1e15
"""Up to here a number of a spreadsheet, which keeps 15 digits, is the one that was entered."""
MOST_MERGED: Final = 10_000
TOO_MUCH: Final = (
    f"this XLSX file cannot be read within {MEMORY_BYTES // 1_000_000} MB of memory and {SECONDS} s: split it, "
    "delete what lies outside its table, or send CSV"
)


@contextlib.contextmanager
def as_lines(path: Path) -> Iterator[tuple[TextIO, list[str]]]:
    """The first sheet that is shown as CSV, and what its sender should know of how it was read.

    Raises:
        BadItem: it is no workbook, or one that takes too much.
        OSError: the disk is full, or no process can be made.
    """
    with read_plain(path) as source, tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as made:
        notes = _convert(source.fileno(), made.fileno())
        made.seek(0)
        yield made, notes


def _convert(source: int, made: int) -> list[str]:
    # Nothing of ours, such as the key of the vault, is in the surroundings of what reads others' files.
    surroundings = {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", __spec__.name]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command, stdin=source, stdout=made, stderr=subprocess.PIPE, timeout=SECONDS + 5,
            env=surroundings, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BadItem("file_too_large", TOO_MUCH) from None
    if ended.returncode == REFUSED:
        raise BadItem("file_unreadable", ended.stderr.decode("utf-8", "replace").strip()[-300:])
    if ended.returncode == OUR_FAULT:
        raise OSError("a workbook could not be written down")
    if ended.returncode:
        raise BadItem("file_too_large", TOO_MUCH)
    told = ended.stderr.decode("utf-8", "replace").splitlines()
    return [line.removeprefix(NOTE) for line in told if line.startswith(NOTE)]


def _limit() -> None:
    """What this process may take at most; beyond, it dies."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_UNPACKED_BYTES, MOST_UNPACKED_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read(packed: bytes, notes: list[str] | None = None) -> Iterator[list[str]]:
    """The lines of the first sheet that is shown; every cell becomes text. `notes` hears what should be known.

    Raises:
        BadItem: no workbook, or one that unpacks to too much.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    _check(packed)
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise BadItem("file_too_large", f"the file unpacks to {unpacked} bytes; split it")
        book = CalamineWorkbook.from_filelike(io.BytesIO(packed))
        sheet = _sheet(book, len(packed), [] if notes is None else notes)
        merged = _Merged(sheet.merged_cell_ranges or ())
        for row, cells in enumerate(sheet.iter_rows()):
            yield [" ".join(_text(cell).splitlines()) for cell in merged.filled(row, cells)]
    except (zipfile.BadZipFile, CalamineError, IndexError, ValueError, NotImplementedError) as wrong:
        # What the library says of a cell quotes it.
        raise BadItem("file_unreadable", f"{NO_WORKBOOK} ({type(wrong).__name__}): save it anew") from None


def _check(packed: bytes) -> None:
    """Refuse what is named as a workbook and is something else, by what it is.

    Raises:
        BadItem: it is too large, of the old form, protected by a password, or no workbook at all.
    """
    if len(packed) > MOST_BYTES:
        raise BadItem("file_too_large", f"the file has more than {MOST_BYTES} bytes; split it")
    if packed.startswith(OLD_FORM):
        why = "is protected by a password" if PROTECTED in packed else "has the old form (.xls)"
        raise BadItem(
            "file_unreadable", f"this workbook {why}: save it as XLSX without a password, or as CSV UTF-8"
        )
    if not packed.startswith(b"PK"):
        raise BadItem("file_unreadable", f"{NO_WORKBOOK}, but text or something else: name a CSV file .csv")


def _sheet(book: Any, size: int, notes: list[str]) -> Any:
    """The first sheet that is shown and has lines; tells of others that are left. `size` is that of the file."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    sheets = enumerate(book.sheets_metadata)
    tables = [(place, each.visible == SheetVisibleEnum.Visible) for place, each in sheets
              if each.typ == SheetTypeEnum.WorkSheet]  # fmt: skip
    shown = [place for place, is_shown in tables if is_shown]
    for place in shown:
        chosen = book.get_sheet_by_index(place)
        if chosen.height:
            break
    else:
        return book.get_sheet_by_index(next(iter(shown or [place for place, _ in tables])))
    others = sum(_has_lines(book, other, size) for other in shown if other > place)
    if others:
        notes.append(f"one sheet was read, and {others} more were not that have lines: send a file of each")
    if any(not is_shown for _, is_shown in tables):
        notes.append("sheets that are hidden were not read")
    return chosen


def _has_lines(book: Any, place: int, size: int) -> bool:
    """Whether a sheet has lines, which is looked at where that costs little."""
    from python_calamine import CalamineError

    if size > SMALL_BYTES:
        return True
    try:
        return bool(book.get_sheet_by_index(place).height)
    except CalamineError:
        return True


class _Merged:
    """Cells that are merged downwards: each of their lines has what the first one has."""

    def __init__(self, ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> None:
        down = [(top, left, bottom) for (top, left), (bottom, _) in ranges[:MOST_MERGED] if bottom > top]
        self._coming = sorted(down, reverse=True)
        self._open: dict[int, tuple[int, Any]] = {}

    def filled(self, row: int, cells: list[Any]) -> list[Any]:
        """The cells of a line, with what stands in a merged cell above."""
        for column, (bottom, value) in list(self._open.items()):
            if row > bottom:
                del self._open[column]
            elif column < len(cells):
                cells[column] = value
        while self._coming and self._coming[-1][0] == row:
            _, left, bottom = self._coming.pop()
            if left < len(cells):
                self._open[left] = (bottom, cells[left])
        return cells


def _text(cell: Any) -> str:
    """A cell as people read it: a number without the `.0` that XLSX gives every number, a date as ISO.

    A number that may have lost digits keeps a form by which that is seen: 8.9312345e+17.
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < EXACT else repr(cell)
    if isinstance(cell, datetime):
        return _whole_milliseconds(cell).isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _whole_milliseconds(moment: datetime) -> datetime:
    """A moment without what a fraction of a day leaves behind: 09:29:59.999999 was entered as 09:30."""
    rounded = moment + timedelta(microseconds=500)
    return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000)


def main() -> None:
    """Convert a workbook from the input to lines on the output."""
    _limit()
    try:
        lines, notes = csv.writer(sys.stdout), list[str]()
        for cells in read(sys.stdin.buffer.read(MOST_BYTES + 1), notes):
            lines.writerow(cells)
        sys.stdout.flush()
        sys.stderr.writelines(f"{NOTE}{note}\n" for note in notes)
    except BadItem as bad:
        sys.stderr.write(str(bad))
        sys.exit(REFUSED)
    except OSError:
        sys.exit(OUR_FAULT)


if __name__ == "__main__":
    main()
