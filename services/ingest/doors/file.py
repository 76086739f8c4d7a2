"""Files: CSV rows with the columns of an item, in batches; what is refused goes to a report file."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from buuta.errors import BadItem
from buuta.telemetry.clock import now_ms
from services.ingest.domain.item import ScanItem, read_item
from services.ingest.domain.recipe import Receipt, Report
from services.ingest.intake import Intake, Result
from services.ingest.storage import Carrier

DOOR: Final = "file"
BATCH: Final = 2000
COLUMNS: Final = tuple(ScanItem.model_fields)
REQUIRED: Final = ("number", "code", "occurred_at")
BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass
class Summary:
    """How many lines came to what end."""

    counts: dict[Result, int] = field(default_factory=lambda: dict.fromkeys(Result, 0))
    report: Path | None = None


Row = tuple[int, dict[str, str]]


async def take_file(
    intake: Intake, carrier: Carrier, path: Path, advance: Callable[[int], None]
) -> Summary:
    """Take a CSV file in; `advance` hears how many lines were done.

    Refused lines go to `FILE.rejected.csv` with line number, code and message before the sender's
    own columns.

    Raises:
        BadItem: the file's header lacks a required column or has one that we do not know.
        KafkaAway: not acknowledged; start the file again, nothing counts twice.
    """
    summary = Summary()
    with path.open(encoding="utf-8-sig", newline="", errors="surrogateescape") as source:
        reader = csv.DictReader(source)
        columns = list(reader.fieldnames or ())
        _check_header(columns)
        rows: Iterator[Row] = ((reader.line_num, row) for row in reader)
        with _Rejects(path, columns) as rejects:
            while batch := list(islice(rows, BATCH)):
                await _take_batch(intake, carrier, batch, summary, rejects)
                advance(len(batch))
            summary.report = rejects.path
    return summary


async def _take_batch(
    intake: Intake, carrier: Carrier, batch: Sequence[Row], summary: Summary, rejects: "_Rejects"
) -> None:
    receipt = Receipt(carrier.code, DOOR, now_ms())
    answers = await intake.take(carrier, receipt, [row for _, row in batch], _read)
    for (line, row), answer in zip(batch, answers, strict=True):
        summary.counts[answer.result] += 1
        if answer.result in (Result.REJECTED, Result.QUARANTINED):
            rejects.write(line, answer.code or "", answer.message or "", row)


def _check_header(columns: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in COLUMNS]
    if missing or unknown:
        raise BadItem(
            "header_invalid",
            f"the first line must name columns; missing: {', '.join(missing) or 'none'}; "
            f"not known: {', '.join(unknown) or 'none'}; possible: {', '.join(COLUMNS)}",
        )


def _read(row: dict[str, Any]) -> Report:
    return read_item(_item(row))


def _item(row: dict[str, Any]) -> dict[str, Any]:
    """A line as an item: empty cells are left out, truth and numbers are read."""
    item: dict[str, Any] = {}
    for name, value in row.items():
        if name is None or value is None:
            raise BadItem("line_invalid", "the line has more or fewer cells than the header")
        text = value.strip()
        if text:
            item[name] = BOOLEANS.get(text.lower(), text) if name in FLAGS else text
    return item


FLAGS: Final = {"provisional", "proof_present"}


class _Rejects:
    """The report file, made when the first line is refused."""

    def __init__(self, source: Path, columns: Sequence[str]) -> None:
        self._target = source.with_name(f"{source.name}.rejected.csv")
        self._columns = columns
        self._file: TextIO | None = None
        self._writer: Any = None

    @property
    def path(self) -> Path | None:
        return None if self._file is None else self._target

    def __enter__(self) -> "_Rejects":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: int, code: str, message: str, row: dict[Any, Any]) -> None:
        if self._file is None:
            self._file = self._target.open("w", encoding="utf-8", newline="", errors="surrogateescape")
            self._writer = csv.writer(self._file)
            self._writer.writerow(["line", "code", "message", *self._columns])
        cells = [row.get(name) or "" for name in self._columns]
        surplus = row.get(None, ())  # where `csv` puts cells beyond the header
        self._writer.writerow([line, code, message, *cells, *surplus])
