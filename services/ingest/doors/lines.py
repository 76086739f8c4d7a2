"""Lines of CSV, each alone: an open quote, or a cell without end, breaks the line where it begins and no other."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple, TextIO

MOST_CHARACTERS: Final = 131_072
"""Of a line; also the most that Python's reader takes for a cell."""
MOST_LINES: Final = 100
"""Lines of the file that one line of cells may be spread over by line breaks in quotes."""
MOST_TRIES: Final = 1_000
"""Open quotes of a file whose end is looked for in vain; from then on each breaks its own line at once."""
MOST_CELLS: Final = 1_000
SHOWN: Final = 1_000
"""Characters of a broken line that its report shows."""


class Record(NamedTuple):
    """A line of cells, by the number of the line where it begins; `wrong` says why it cannot be read."""

    line: int
    cells: list[str]
    wrong: str | None = None


class _Lines:
    """Lines of a file, of which some can be put back; none is held that has no end.

    `tries` is how often lines behind an open quote may still be read in vain: each such search reads them anew.
    """

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._back: deque[str] = deque()
        self.tries = MOST_TRIES

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
    if len(first) > MOST_CHARACTERS:
        lines.skip_rest(first)
        return _broken(number, first, f"the line has more than {MOST_CHARACTERS} characters"), 1
    taken = _up_to_the_closing_quote(lines, first, delimiter)
    if taken is None:
        return _broken(number, first, "a quote is opened and not closed, or its cell is too long"), 1
    cells = next(csv.reader(["".join(taken)], delimiter=delimiter), [])
    return _checked(number, cells), len(taken)


def _up_to_the_closing_quote(lines: _Lines, first: str, delimiter: str) -> list[str] | None:
    """A line and those that its open quote spreads over; None where it is not closed within bounds."""
    taken, length = [first], len(first)
    is_open = open_after(first, delimiter, inside=False)
    while is_open and lines.tries and len(taken) < MOST_LINES:
        more = lines.next()
        if not more:
            break
        taken.append(more)
        length += len(more)
        if length > MOST_CHARACTERS:
            break
        is_open = open_after(more, delimiter, inside=True)
    if not is_open and length <= MOST_CHARACTERS:
        return taken
    lines.put_back(taken[1:])
    lines.tries = max(lines.tries - 1, 0)
    return None


def open_after(line: str, delimiter: str, *, inside: bool) -> bool:
    """Whether a quote is open at the end of a line that begins `inside` one, or not; each character is read once.

    As Python's reader has it: a quote opens at the begin of a cell alone, and two within quotes are one.
    """
    at, opening = 0, delimiter + '"'
    if not inside and line.startswith('"'):
        at, inside = 1, True
    while True:
        if inside:
            at = line.find('"', at)
            if at < 0:
                return True
            inside = line.startswith('"', at + 1)
            at += 1 + inside
        else:
            found = line.find(opening, at)
            if found < 0:
                return False
            at, inside = found + len(opening), True


def _checked(number: int, cells: list[str]) -> Record:
    if len(cells) <= MOST_CELLS:
        return Record(number, cells)
    return _broken(number, cells[0], f"the line has more than {MOST_CELLS} cells")


def _broken(number: int, text: str, why: str) -> Record:
    return Record(number, [text[:SHOWN].rstrip("\r\n")], why)
