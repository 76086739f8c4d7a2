"""Files as rows: CSV, as spreadsheets write it, and XLSX; every cell becomes text."""

import contextlib
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final, TextIO

from buuta.errors import BadItem
from buuta.model.shown import shown_name
from services.ingest.doors.cells import clean, folded, known_as
from services.ingest.doors.encodings import encoding_of
from services.ingest.doors.lines import MOST_CELLS, MOST_CHARACTERS, Record, records
from services.ingest.doors.plain import read_plain
from services.ingest.doors.workbook import as_lines

DELIMITERS: Final = ",;\t|"
"""What spreadsheets put between cells, by country."""
QUOTED: Final = re.compile(r'"[^"]*"?')
SEPARATOR: Final = re.compile(r'\ufeff?"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
"""The first line by which Excel is told what stands between cells."""
WORKBOOKS: Final = (".xlsx", ".xlsm")
TABLES: Final = (".csv", ".tsv", *WORKBOOKS)
NOT_READ: Final = (".xls", ".xlsb", ".xlt", ".ods", ".numbers")
"""Endings of tables that are not read here, and hear what to save them as."""
BROKEN: Final = "\x00broken"
"""The name, which no column can have, under which a line that cannot be read says why."""
MOST_TITLES: Final = 20
"""Lines before the names of columns: titles, and empty ones."""
NEAR: Final = 0.85
"""So alike two names are one misspelt."""
OURS: Final = "rejected_"
"""How the columns of our reports begin: a report that was put right is taken in as it is."""
Row = tuple[int, dict[str, str], Sequence[str]]
"""Line number, cells by column, and cells beyond the columns."""


@dataclass(frozen=True)
class Sheet:
    """A file's columns, its lines after them, and what its sender should know of how it was read."""

    columns: Sequence[str]
    rows: Iterator[Row]
    notes: Sequence[str] = ()


@contextlib.contextmanager
def opened(path: Path, names: Collection[str] = ()) -> Iterator[Sheet]:
    """Open a file by its ending; XLSX: the first sheet that is shown. It blocks while the file is looked through.

    The line of columns is the first that has two of `names`, or else the first of several cells.

    Raises:
        BadItem: no file of that kind, one that unpacks to too much, or no line that names columns.
    """
    ending = path.suffix.lower()
    if ending in NOT_READ:
        raise BadItem(
            "file_unreadable", f"files of the kind {ending} are not read: save it as XLSX, or as CSV UTF-8"
        )
    with contextlib.ExitStack() as closing:
        if ending in WORKBOOKS:
            source, notes = closing.enter_context(as_lines(path))
            lines = records(source, ",")
        else:
            raw = closing.enter_context(read_plain(path))
            encoding = encoding_of(raw)
            notes = [encoding.note] if encoding.note else []
            source = io.TextIOWrapper(raw, encoding=encoding.name, newline="", errors="surrogateescape")
            lines = _separated(source, names)
        columns, rest = _header(lines, names)
        yield Sheet([name for name in columns if name], _rows(columns, rest), notes)


def _separated(source: TextIO, names: Collection[str]) -> Iterator[Record]:
    """The lines of a text, by what stands between its cells; one that says what does is left out."""
    first = [source.readline(MOST_CHARACTERS) for _ in range(MOST_TITLES)]
    source.seek(0)
    said = SEPARATOR.fullmatch(first[0])
    if said is None:
        yield from records(source, _delimiter(first, {folded(name) for name in names}))
        return
    source.readline(MOST_CHARACTERS)
    for record in records(source, said[1]):
        yield record._replace(line=record.line + 1)


def _delimiter(lines: Sequence[str], names: Set[str]) -> str:
    """What stands between two of the names, or else in the first line that has some; titles have commas, too."""
    for line in lines:
        for each in DELIMITERS:
            cells = line.split(each, MOST_CELLS)[:MOST_CELLS]
            if len(names & {folded(clean(cell.strip(' "\r\n'))) for cell in cells}) > 1:
                return each
    for least in (2, 1):
        for line in lines:
            found = max(DELIMITERS, key=partial(_count, line))
            if _count(line, found) >= least:
                return found
    return DELIMITERS[0]


def _count(line: str, delimiter: str) -> int:
    """How often a delimiter stands between cells, and not within quotes."""
    return QUOTED.sub("", line).count(delimiter)


def _header(lines: Iterator[Record], names: Collection[str]) -> tuple[list[str], Iterator[Record]]:
    """The names of columns, and the lines after them: what stands before are titles.

    Raises:
        BadItem: it cannot be read, there is none, or two columns have one name.
    """
    first = list(islice(lines, MOST_TITLES))
    place = _place_of_header([[folded(clean(cell)) for cell in each.cells] for each in first], names)
    header = first[place] if first else Record(1, [])
    if header.wrong is not None:
        raise BadItem("header_invalid", f"the first line cannot be read: {header.wrong}")
    columns = [" ".join(clean(name).split()) for name in header.cells]
    twice = [name for name, count in Counter(map(folded, filter(None, columns))).items() if count > 1]
    if twice:
        raise BadItem("header_invalid", f"two columns have the name {shown_name(twice[0])}: leave one out")
    return columns, chain(first[place + 1 :], lines)


def _place_of_header(lines: Sequence[Sequence[str]], names: Collection[str]) -> int:
    """The first line that has two of the names; else the first of two cells, of one, or the first."""
    known = {folded(name) for name in names}
    ways: tuple[Callable[[Sequence[str]], bool], ...] = (
        lambda cells: len(known.intersection(cells)) > 1,
        lambda cells: sum(map(bool, cells)) > 1,
        any,
    )
    found = (place for way in ways for place, cells in enumerate(lines) if way(cells))
    return next(found, 0)


def check_header(columns: Sequence[str], required: Sequence[str], known: Sequence[str]) -> None:
    """A file must name the columns that are required, and no others than are known.

    Raises:
        BadItem: says which are missing, which not known, which are possible.
    """
    found = known_as(columns, known)
    unknown = [name for name in columns if name not in found and not name.startswith(OURS)]
    _check(columns, required, known, unknown, "")


def check_required(
    columns: Sequence[str], required: Sequence[str], known: Sequence[str], more: str = ""
) -> None:
    """A file must name the columns that are required, and none that is nearly another that is known.

    Raises:
        BadItem: says which are missing, which may be meant otherwise, which are possible.
    """
    found = known_as(columns, known)
    names = {folded(name) for name in known} - {folded(name) for name in found}
    near = [
        name for name in columns if name not in found and get_close_matches(folded(name), names, 1, NEAR)
    ]
    _check(columns, required, known, near, more)


def _check(
    columns: Sequence[str], required: Sequence[str], known: Sequence[str], wrong: Sequence[str], more: str
) -> None:
    found = known_as(columns, known)
    missing = [name for name in required if name not in found.values()]
    if missing or wrong:
        # A file without a first line of names would have its data said.
        shown = ", ".join(map(shown_name, wrong))
        raise BadItem(
            "header_invalid",
            f"the first line must name columns; missing: {', '.join(missing) or 'none'}; "
            f"not known: {shown or 'none'}; possible: {', '.join(known)}{more}",
        )


def _rows(columns: Sequence[str], lines: Iterator[Record]) -> Iterator[Row]:
    """Lines by column; empty ones, which spreadsheets leave at the end, are left out."""
    names = [name for name in columns if name]
    for number, cells, wrong in lines:
        if wrong is not None:
            yield number, {**dict.fromkeys(names, ""), BROKEN: wrong}, cells
            continue
        cleaned = [clean(cell) for cell in cells]
        if any(cleaned):
            padded = cleaned + [""] * (len(columns) - len(cleaned))
            named = {name: cell for name, cell in zip(columns, padded, strict=False) if name}
            nameless = [cell for name, cell in zip(columns, padded, strict=False) if not name]
            surplus = [*nameless, *padded[len(columns) :]]
            yield number, named, surplus if any(surplus) else []
