"""Reading `codes.csv` and `reasons.csv`: every line that is wrong is named, with what to do about it."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from services.ingest.carriers.faults import sentences
from services.ingest.carriers.tables import CodeLine, ReasonLine

Kind = TypeVar("Kind", CodeLine, ReasonLine)
OTHER_ENCODINGS: Final = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
NEEDED: Final[Mapping[type[BaseModel], Sequence[str]]] = {
    CodeLine: ("code", "status"),
    ReasonLine: ("code", "reason"),
}


class Lines(NamedTuple, Generic[Kind]):
    """The lines that could be read, and what is wrong with the others."""

    rows: Sequence[Kind]
    faults: Sequence[str]


def read_lines(path: Path, kind: type[Kind], *, case_matters: bool = False) -> Lines[Kind]:
    """The lines of a table."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError:
        return Lines((), [f"{path} is missing: a line for each code, with the columns {_columns(kind)}"])
    except UnicodeDecodeError as wrong:
        return Lines((), [f"{path}: {_encoding(path, wrong)}: save it as CSV in UTF-8"])
    found = csv.DictReader(io.StringIO(text, newline=""))
    faults = list(_header(found.fieldnames or (), kind))
    if faults:
        return Lines((), [f"{path}: {fault}" for fault in faults])
    rows: list[Kind] = []
    for row in found:
        if any(isinstance(cell, str) and cell.strip() for cell in row.values()):
            _read(row, f"line {found.line_num}", kind, rows, faults)
    faults += _twice(rows, case_matters=case_matters)
    if not rows and not faults:
        faults = ["it has no line but its first: without codes every report waits in quarantine"]
    return Lines(rows, [f"{path}: {fault}" for fault in faults])


def _encoding(path: Path, wrong: UnicodeDecodeError) -> str:
    head = path.read_bytes()[:2]
    other = next((f", but {name}" for mark, name in OTHER_ENCODINGS if head == mark), "")
    return f"it is not UTF-8 at byte {wrong.start}{other}"


def _columns(kind: type[BaseModel]) -> str:
    return ", ".join(kind.model_fields)


def _header(columns: Sequence[str], kind: type[BaseModel]) -> Iterator[str]:
    """What is wrong with the first line."""
    wanted = f"the first line is {','.join(kind.model_fields)}"
    missing = [name for name in NEEDED[kind] if name not in columns]
    if len(columns) == 1 and missing and any(each in columns[0] for each in ";\t"):
        yield f"its cells are parted by something else than commas; {wanted}"
        return
    if missing:
        yield f"there is no column {' and no column '.join(missing)}; {wanted}"
    for name in columns:
        if name not in kind.model_fields:
            yield f"there is no column {name!r} in such a table; {wanted}"
    if len({*columns}) != len(columns):
        yield f"a column stands twice; {wanted}"


def _read(
    row: Mapping[str | None, object], place: str, kind: type[Kind], rows: list[Kind], faults: list[str]
) -> None:
    if None in row:
        faults.append(f"{place} has more cells than the first line")
        return
    cells = {
        str(name): str(cell).strip() or None if cell is not None else None for name, cell in row.items()
    }
    try:
        rows.append(kind.model_validate({name: cell for name, cell in cells.items() if cell is not None}))
    except ValidationError as wrong:
        faults += [f"{cells.get('code') or ''} {each} ({place})" for each in sentences(wrong)]


def _twice(rows: Sequence[CodeLine | ReasonLine], *, case_matters: bool) -> Iterator[str]:
    seen: dict[str, str] = {}
    for row in rows:
        key = row.code if case_matters else row.code.casefold()
        before = seen.get(key)
        seen[key] = row.code
        if before == row.code:
            yield f"{row.code} stands twice: keep the line that is true"
        elif before is not None:
            yield (
                f"{before} and {row.code} differ only in case: keep one, or say case_matters = true in "
                "recipe.toml"
            )
