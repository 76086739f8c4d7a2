"""Files: lines in batches, resumable after a kill; what is refused goes to a report beside the file."""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.shown import shown_name
from buuta.telemetry.clock import now_ms
from services.ingest import storage
from services.ingest.domain.doubts import WARNED
from services.ingest.domain.item import ScanItem, read_item
from services.ingest.domain.recipe import Recipe, recipe_of, taken_back
from services.ingest.domain.recipe import Report as Reported
from services.ingest.doors.cells import Line, folded, known_as, whole_digits, written_time
from services.ingest.doors.plain import read_plain
from services.ingest.doors.report import Report, write_notes
from services.ingest.doors.sheets import BROKEN, OURS, Row, check_required, opened
from services.ingest.intake import Answer, Intake, Parse, Result
from services.ingest.storage import Carrier, FileProgress

DOOR: Final = "file"
BATCH: Final = 2000
BATCH_CHARACTERS: Final = 4_000_000
COLUMNS: Final = tuple(ScanItem.model_fields)
REQUIRED: Final = ("number", "code", "occurred_at")
IDENTIFYING: Final = ("number", "code", "natural_id")
"""Columns in which a number that has lost digits is another one."""
BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "1", "có"), True),
    **dict.fromkeys(("false", "no", "0", "không"), False),
}
MOST_NOTES: Final = 1_000
FLAGS: Final = {"provisional", "proof_present"}
REFUSED: Final = (Result.REJECTED, Result.QUARANTINED)


@dataclass
class Summary:
    """How many lines came to what end, in this run and the ones before it that were cut short.

    `notes` are what the sender should know of what was taken in, `more_notes` how many are not among them, and
    `noted` is where they are written.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, Result), 0))
    notes: list[str] = field(default_factory=list)
    more_notes: int = 0
    noted: Path | None = None
    doubts: Counter[str] = field(default_factory=Counter)
    """Of this run: how many scans have a time that cannot be believed, by the codes of `domain/doubts.py`."""
    report: Path | None = None
    taken_in_at: datetime | None = None
    """When the same content was taken in before, to its end."""

    def note(self, notes: Iterable[str]) -> None:
        """Keep the first notes, and count the others."""
        for each in notes:
            if len(self.notes) < MOST_NOTES:
                self.notes.append(each)
            else:
                self.more_notes += 1


async def withdraw_file(
    intake: Intake, carrier: Carrier, path: Path, advance: Callable[[int], None]
) -> Summary:
    """Take back what the same file reported: each line did not occur. Otherwise as `take_file`."""
    recipe = recipe_of(intake.recipes, carrier.format)

    def backwards(parse: Parse) -> Parse:
        def read(line: Any) -> Reported | None:
            report = parse(line)
            return None if report is None else taken_back(recipe, report, carrier.receipt(DOOR, 0))

        return read

    return await take_file(intake, carrier, path, advance, backwards)


def _forwards(parse: Parse) -> Parse:
    return parse


async def take_file(
    intake: Intake,
    carrier: Carrier,
    path: Path,
    advance: Callable[[int], None],
    way: Callable[[Parse], Parse] = _forwards,
) -> Summary:
    """Take a CSV or XLSX file in; `advance` hears how many lines were done.

    Columns are Buuta's own or those of the carrier's recipe. Refused lines go to `FILE.rejected.csv` with
    line number, code and message before the sender's own columns. A run that was killed is gone on with:
    the file is known by its content.

    Raises:
        BadItem: no CSV or XLSX, or a header that lacks a column.
        KafkaAway: not acknowledged; start the file again, nothing counts twice.
    """
    content = await asyncio.to_thread(content_hash, path, way.__name__)
    begun = await storage.begin_file(intake.pool, carrier.code, content)
    summary = Summary()
    summary.counts.update(begun.counts)
    with contextlib.ExitStack() as closing:
        recipe = recipe_of(intake.recipes, carrier.format)
        sheet = await asyncio.to_thread(closing.enter_context, opened(path, names_of(recipe)))
        parse = way(parse_of(recipe, sheet.columns))
        summary.note((*sheet.notes, *_ignored(recipe, sheet.columns)))
        if begun.finished_at is not None:
            summary.taken_in_at = begun.finished_at
            return summary
        rows = dropwhile(lambda row: row[0] <= begun.lines_done, sheet.rows)
        with Report(path, sheet.columns, begun.report_bytes) as report:
            while batch := await asyncio.to_thread(_next_batch, rows):
                await _take_batch(intake, carrier, batch, parse, summary, report)
                written = await asyncio.to_thread(report.committed)
                done = FileProgress(batch[-1][0], written, summary.counts)
                await storage.advance_file(intake.pool, carrier.code, content, done)
                advance(len(batch))
            summary.report = report.path
    summary.noted = await asyncio.to_thread(write_notes, path, summary.notes, summary.more_notes)
    await storage.finish_file(intake.pool, carrier.code, content)
    return summary


def _next_batch(rows: Iterator[Row]) -> list[Row]:
    """The next lines: at most `BATCH`, and no more than are soon read, however long they are."""
    batch: list[Row] = []
    characters = 0
    for row in islice(rows, BATCH):
        batch.append(row)
        characters += sum(map(len, row[1].values())) + sum(map(len, row[2]))
        if characters > BATCH_CHARACTERS:
            break
    return batch


def content_hash(path: Path, way: str) -> bytes:
    """What knows a file again, and which way it was taken."""
    with read_plain(path) as source:
        return hashlib.sha256(hashlib.file_digest(source, "sha256").digest() + way.encode()).digest()


async def _take_batch(  # noqa: PLR0913 - one batch and where it goes
    intake: Intake, carrier: Carrier, batch: Sequence[Row], parse: Parse, summary: Summary, report: Report
) -> None:
    receipt = carrier.receipt(DOOR, now_ms())
    answers = await intake.take(carrier, receipt, [_whole(row) for row in batch], parse)
    for (line, cells, surplus), answer in zip(batch, answers, strict=True):
        summary.counts[answer.result] += 1
        summary.note(_noted(line, answer))
        if answer.code in WARNED:
            summary.doubts[answer.code or ""] += 1
        if answer.result in REFUSED:
            own = [cell for name, cell in cells.items() if name != BROKEN]
            report.write(line, (answer.code or "", answer.message or ""), [*own, *surplus])


def _noted(line: int, answer: Answer) -> Iterator[str]:
    """What is said of a line that was taken in."""
    if answer.result not in REFUSED and answer.code:
        yield f"line {line}: {answer.code}: {answer.message}"
    for note in answer.notes:
        yield f"line {line}: {note.field}: {note.message}"


SURPLUS: Final = "\x00surplus"
"""A name that no column can have."""


def _whole(row: Row) -> dict[str, Any]:
    _, cells, surplus = row
    return {**cells, SURPLUS: surplus} if surplus else cells


def parse_of(recipe: Recipe, columns: Sequence[str]) -> Parse:
    """How the lines are read: by Buuta's own columns, or by those of the recipe, however their names are written.

    Raises:
        BadItem: neither are all there, or a name is nearly that of another column; the message says which.
    """
    if _is_own_form(recipe, columns):
        number, code, time = ([*names] for names in recipe.columns[:3])
        return lambda line: recipe.parse(_checked(Line(_whole_line(line)), [*number, *code], time))
    own = f"; or those of {recipe.title}: {_names(recipe)}" if recipe.columns else ""
    check_required(columns, REQUIRED, COLUMNS, own)
    return partial(_read, known_as(columns, COLUMNS))


def names_of(recipe: Recipe) -> Sequence[str]:
    """The names of columns that a file of a carrier may have, as far as they are known here."""
    return [*COLUMNS, *(name for names in recipe.columns for name in names)]


def _is_own_form(recipe: Recipe, columns: Sequence[str]) -> bool:
    """Whether a file has the columns of the carrier's own form."""
    there = {folded(name) for name in columns}
    return bool(recipe.columns) and all(
        any(folded(name) in there for name in names) for names in recipe.columns
    )


def _ignored(recipe: Recipe, columns: Sequence[str]) -> Iterator[str]:
    """What is said of columns that are not read; of a carrier's own form its recipe alone knows."""
    known = known_as(columns, COLUMNS)
    unknown = [
        f"{place} {shown_name(name)}"
        for place, name in enumerate(columns, 1)
        if name not in known and not name.startswith(OURS)
    ]
    if unknown and not _is_own_form(recipe, columns):
        yield f"columns that are not known were not read: {', '.join(unknown)}"


def _names(recipe: Recipe) -> str:
    return ", ".join(" or ".join(names) for names in recipe.columns)


def _whole_line(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, if it can be read by its columns."""
    if BROKEN in line:
        raise BadItem("line_unreadable", line[BROKEN])
    if SURPLUS in line:
        raise BadItem("line_invalid", "the line has more cells than the header")
    return line


def _checked(line: Mapping[str, Any], names: Sequence[str], times: Sequence[str]) -> Mapping[str, Any]:
    """The same, if no cell has lost what it said; `names` are those of numbers and codes, `times` of the time."""
    for name in names:
        whole_digits(name, line.get(name) or "")
    for name in times:
        written_time(name, line.get(name) or "")
    return line


def _read(names: Mapping[str, str], line: Mapping[str, Any]) -> Reported:
    """A line as an item: empty cells are left out, truth is read, and columns that are not ours are not.

    `names` are the fields by the columns that hold them.
    """
    item: dict[str, Any] = {}
    for name, value in _whole_line(line).items():
        text, field_name = str(value or "").strip(), names.get(name)
        if text and field_name:
            item[field_name] = BOOLEANS.get(text.lower(), text) if field_name in FLAGS else text
    return read_item(_checked(item, IDENTIFYING, REQUIRED[2:]))
