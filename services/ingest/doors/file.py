"""Files: lines in batches, resumable after a kill; what is refused goes to a report beside the file."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any, Final

from buuta.errors import BadItem
from buuta.telemetry.clock import now_ms
from services.ingest import storage
from services.ingest.domain.item import ScanItem, read_item
from services.ingest.domain.recipe import Recipe, taken_back
from services.ingest.domain.recipe import Report as Reported
from services.ingest.doors.plain import read_plain
from services.ingest.doors.report import Report
from services.ingest.doors.sheets import BROKEN, Row, check_header, opened
from services.ingest.intake import Intake, Parse, Result
from services.ingest.storage import Carrier, FileProgress

DOOR: Final = "file"
BATCH: Final = 2000
BATCH_CHARACTERS: Final = 4_000_000
COLUMNS: Final = tuple(ScanItem.model_fields)
REQUIRED: Final = ("number", "code", "occurred_at")
BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
FLAGS: Final = {"provisional", "proof_present"}
REFUSED: Final = (Result.REJECTED, Result.QUARANTINED)


@dataclass
class Summary:
    """How many lines came to what end, in this run and the ones before it that were cut short."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, Result), 0))
    report: Path | None = None
    taken_in_at: datetime | None = None
    """When the same content was taken in before, to its end."""


async def withdraw_file(
    intake: Intake, carrier: Carrier, path: Path, advance: Callable[[int], None]
) -> Summary:
    """Take back what the same file reported: each line did not occur. Otherwise as `take_file`."""
    recipe = intake.recipes[carrier.format]

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
        sheet = await asyncio.to_thread(closing.enter_context, opened(path))
        parse = way(parse_of(intake.recipes[carrier.format], sheet.columns))
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
        if answer.result in REFUSED:
            own = [cell for name, cell in cells.items() if name != BROKEN]
            report.write(line, (answer.code or "", answer.message or ""), [*own, *surplus])


SURPLUS: Final = "\x00surplus"
"""A name that no column can have."""


def _whole(row: Row) -> dict[str, Any]:
    _, cells, surplus = row
    return {**cells, SURPLUS: surplus} if surplus else cells


def parse_of(recipe: Recipe, columns: Sequence[str]) -> Parse:
    """How the lines are read: by Buuta's own columns, or else by those of the recipe.

    Raises:
        BadItem: neither are all there; the message says which are missing.
    """
    if all(any(name in columns for name in names) for names in recipe.columns) and recipe.columns:
        return lambda line: recipe.parse(_checked(line))
    own = f"; or those of {recipe.title}: {_names(recipe)}" if recipe.columns else ""
    check_header(columns, REQUIRED, COLUMNS, own)
    return _read


def _names(recipe: Recipe) -> str:
    return ", ".join(" or ".join(names) for names in recipe.columns)


def _checked(line: Mapping[str, Any]) -> Mapping[str, Any]:
    if BROKEN in line:
        raise BadItem("line_unreadable", line[BROKEN])
    if SURPLUS in line:
        raise BadItem("line_invalid", "the line has more cells than the header")
    return line


def _read(line: Mapping[str, Any]) -> Reported:
    """A line as an item: empty cells are left out, truth is read."""
    item: dict[str, Any] = {}
    for name, value in _checked(line).items():
        text = value.strip()
        if text:
            item[name] = BOOLEANS.get(text.lower(), text) if name in FLAGS else text
    return read_item(item)
