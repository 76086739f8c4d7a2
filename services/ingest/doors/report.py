"""The report of a file: refused lines with the reason, in the sender's own columns."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from services.ingest.doors.plain import beside, write_plain

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""
SUFFIX: Final = ".rejected.csv"
NOTES: Final = ".notes.txt"
MARK: Final = "\ufeff"
"""By which spreadsheets see that a file is UTF-8."""
OURS: Final = ("rejected_line", "rejected_code", "rejected_message")
"""Columns before the sender's own."""


class Report:
    """`FILE.rejected.csv`, made when the first line is refused.

    It goes on after `kept` bytes: what a run that was killed wrote beyond them belongs to lines that come again.
    """

    def __init__(self, source: Path, columns: Sequence[str], kept: int) -> None:
        self.target = beside(source, SUFFIX)
        self._columns = columns
        self._kept = kept
        self._file: TextIO | None = None
        self._writer: Any = None

    @property
    def path(self) -> Path | None:
        """Where it is; None while nothing was refused."""
        return self.target if self._kept or self._file is not None else None

    def __enter__(self) -> "Report":
        if self._kept:
            self._cut()
        return self

    def _cut(self) -> None:
        """Forget what belongs to lines that come again; of a report that somebody took away, all of it."""
        found = write_plain(self.target, 0)
        try:
            if os.fstat(found).st_size < self._kept:
                self._kept = 0
            os.truncate(found, self._kept)
        finally:
            os.close(found)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: int, why: tuple[str, str], cells: Sequence[str]) -> None:
        """A refused line: its number, code and message, and the line itself.

        The names of our columns are no sender's, so that the lines can be put right and taken in as they are.
        """
        if self._file is None:
            found = write_plain(self.target, os.O_APPEND if self._kept else os.O_TRUNC)
            self._file = os.fdopen(found, "a", encoding="utf-8", newline="", errors="surrogateescape")
            self._writer = csv.writer(self._file)
            if not self._kept:
                self._file.write(MARK)
                self._writer.writerow([*OURS, *map(harmless, self._columns)])
        self._writer.writerow([line, *why, *map(harmless, cells)])

    def committed(self) -> int:
        """Bring everything to the disk; returns how many bytes the report has."""
        if self._file is None:
            return self._kept
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()


def harmless(cell: str) -> str:
    """A cell of the sender's as a spreadsheet shows it, and never reckons it."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def write_notes(source: Path, notes: Sequence[str], more: int) -> Path | None:
    """Write `FILE.notes.txt`: what was taken in and should be known, a line each; None where there is nothing.

    Raises:
        OSError: the disk is full, or a link lies there.
    """
    if not notes:
        return None
    target = beside(source, NOTES)
    with os.fdopen(write_plain(target), "w", encoding="utf-8", errors="replace") as file:
        file.writelines(f"{note}\n" for note in [*notes, *([f"and {more} more"] if more else [])])
    return target
