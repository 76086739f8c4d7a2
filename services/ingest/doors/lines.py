"""Lines of CSV, each alone: an open quote, or a cell without end, breaks the line where it begins and no other."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple, TextIO

MOST_CHARACTERS: Final = 131_072
"""Of a line; also the most that Python's reader takes for a cell."""
MOST_LINES: Final = 100
"""Lines of the file that one line of cells may be spread over by line breaks in quotes."""
MOST_CELLS: Final = 1_000
SHOWN: Final = 1_000
"""Characters of a broken line that its report shows."""


class Record(NamedTuple):
    """A line of cells, by the number of the line where it begins; `wrong` says why it cannot be read."""

    line: int
    cells: list[str]
    wrong: str | None = None


class _Lines:
    """Lines of a file, of which some can be put back; none is held that has no end."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._back: deque[str] = deque()

    def next(self) -> str:
        """The next line; empty at the end of the file."""
        return self._back.popleft() if self._back else self._source.readline(MOST_CHARACTERS + 1)

    def put_back(self, lines: list[str]) -> None:
        """Read these once more."""
        self._back.extendleft(reversed(lines))

    def skip_rest(self, begun: str) -> None:
        """Read up to the end of a line that is too long."""
        while begun and not begun.endswith(("\n", "\r")):
            begun = self._source.readline(MOST_CHARACTERS)


def records(source: TextIO, delimiter: str) -> Iterator[Record]:
    """All lines of cells; a line that is broken is told as such, and reading goes on with the line after it."""
    lines, number = _Lines(source), 0
    while text := lines.next():
        number += 1
        record, spread = _record(lines, text, number, delimiter)
        yield record
        number += spread - 1


def _record(lines: _Lines, first: str, number: int, delimiter: str) -> tuple[Record, int]:
    """A record and how many lines of the file it takes up."""
    taken, length = [first], len(first)
    while length <= MOST_CHARACTERS:
        cells = _cells(taken, delimiter)
        if cells is not None:
            return _checked(number, cells), len(taken)
        more = lines.next() if len(taken) < MOST_LINES else ""
        if not more:
            break
        taken.append(more)
        length += len(more)
    if len(first) > MOST_CHARACTERS:
        lines.skip_rest(first)
        return _broken(number, first, f"the line has more than {MOST_CHARACTERS} characters"), 1
    lines.put_back(taken[1:])
    return _broken(number, first, "a quote is opened and not closed, or its cell is too long"), 1


def _cells(taken: list[str], delimiter: str) -> list[str] | None:
    """The cells of these lines; None where a quote is still open."""
    text = "".join(taken)
    if '"' in text and _is_open(text, delimiter):
        return None
    return next(csv.reader([text], delimiter=delimiter), [])


def _is_open(text: str, delimiter: str) -> bool:
    try:
        next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as wrong:
        return "unexpected end of data" in str(wrong)
    return False


def _checked(number: int, cells: list[str]) -> Record:
    if len(cells) <= MOST_CELLS:
        return Record(number, cells)
    return _broken(number, cells[0], f"the line has more than {MOST_CELLS} cells")


def _broken(number: int, text: str, why: str) -> Record:
    return Record(number, [text[:SHOWN].rstrip("\r\n")], why)
