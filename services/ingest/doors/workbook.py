"""Workbooks (XLSX), read in a process of their own that may die: of memory, of time, of what nobody expected.

A workbook of 1.5 kB can claim 17 billion cells. `python -m services.ingest.doors.workbook` reads one from its
input, and writes the lines of the first sheet as CSV: each, also an empty one, as one line.
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
from collections.abc import Iterator
from datetime import date, datetime
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
NO_WORKBOOK: Final = "this is no XLSX file"
TOO_MUCH: Final = (
    f"this XLSX file cannot be read within {MEMORY_BYTES // 1_000_000} MB of memory and {SECONDS} s: split it, "
    "delete what lies outside its table, or send CSV"
)


@contextlib.contextmanager
def as_lines(path: Path) -> Iterator[TextIO]:
    """The first sheet as CSV.

    Raises:
        BadItem: it is no workbook, or one that takes too much.
        OSError: the disk is full, or no process can be made.
    """
    with read_plain(path) as source, tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as made:
        _convert(source.fileno(), made.fileno())
        made.seek(0)
        yield made


def _convert(source: int, made: int) -> None:
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


def _limit() -> None:
    """What this process may take at most; beyond, it dies."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_UNPACKED_BYTES, MOST_UNPACKED_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read(packed: bytes) -> Iterator[list[str]]:
    """The lines of the first sheet; every cell becomes text.

    Raises:
        BadItem: no workbook, or one that unpacks to too much.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    if len(packed) > MOST_BYTES:
        raise BadItem("file_too_large", f"the file has more than {MOST_BYTES} bytes; split it")
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise BadItem("file_too_large", f"the file unpacks to {unpacked} bytes; split it")
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(packed)).get_sheet_by_index(0)
        for cells in sheet.iter_rows():
            yield [" ".join(_text(cell).splitlines()) for cell in cells]
    except (zipfile.BadZipFile, CalamineError, IndexError, ValueError, NotImplementedError) as wrong:
        # What the library says of a cell quotes it.
        raise BadItem("file_unreadable", f"{NO_WORKBOOK} ({type(wrong).__name__}): save it anew") from None


def _text(cell: Any) -> str:
    """A cell as people read it: a number without the `.0` that XLSX gives every number, a date as ISO."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(cell)


def main() -> None:
    """Convert a workbook from the input to lines on the output."""
    _limit()
    try:
        lines = csv.writer(sys.stdout)
        for cells in read(sys.stdin.buffer.read(MOST_BYTES + 1)):
            lines.writerow(cells)
        sys.stdout.flush()
    except BadItem as bad:
        sys.stderr.write(str(bad))
        sys.exit(REFUSED)
    except OSError:
        sys.exit(OUR_FAULT)


if __name__ == "__main__":
    main()
