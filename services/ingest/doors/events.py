"""Files of EPCIS events: captured in batches, resumable after a kill; what is wrong goes to a report.

Nobody is there who could send less at once: a batch that asks for too much is halved, and an event that does so
alone is what is wrong, and no other.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buuta.errors import BadItem
from buuta.telemetry.clock import now_ms
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest import storage
from services.ingest.capture import capture, earnest, set_aside
from services.ingest.domain.document import Document, read_document
from services.ingest.domain.doubts import WARNED
from services.ingest.domain.packing import TooMuch
from services.ingest.doors.file import DOOR, Summary, content_hash
from services.ingest.doors.plain import read_plain
from services.ingest.doors.report import Report, write_notes
from services.ingest.intake import Intake, Result
from services.ingest.jobs import Behaviour, Job
from services.ingest.spool import enqueue
from services.ingest.storage import BegunFile, Carrier, FileProgress

ENDINGS: Final = (".json", ".jsonld")
BATCH: Final = 500
MOST_BYTES: Final = 100_000_000
"""A document is read as a whole, which takes some ten times as much memory."""


def read_events(path: Path) -> Document:
    """The document of a file.

    Raises:
        BadItem: no document of EPCIS 2.0 in JSON, or one that is too large.
    """
    with read_plain(path) as source:
        text = source.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise BadItem("file_too_large", f"the file has more than {MOST_BYTES} bytes; split it")
    try:
        return read_document(parse_json(text, most=None))
    except Problem as wrong:
        raise BadItem(wrong.code, wrong.detail) from None


async def take_events(
    intake: Intake, carrier: Carrier, path: Path, advance: Callable[[int], None]
) -> Summary:
    """Capture the events of a file; what is wrong does not keep the others out. `advance` hears how many were done.

    Raises:
        BadItem: as `read_events`.
    """
    document = await asyncio.to_thread(read_events, path)
    content = await asyncio.to_thread(content_hash, path, "events")
    begun = await storage.begin_file(intake.pool, carrier.code, content)
    summary = Summary(notes=list(document.notes))
    summary.counts.update(begun.counts)
    if begun.finished_at is not None:
        summary.taken_in_at = begun.finished_at
        return summary
    with Report(path, ["event"], begun.report_bytes) as report:
        run = _Run(intake, carrier, begun, summary, report)
        first, most = begun.lines_done, BATCH
        while first < len(document.events):
            part = document._replace(events=document.events[first : first + most])
            done = await _take_part(run, first, part._replace(notes=()))
            most = min(done * 2, BATCH) if done else len(part.events) // 2
            first += done
            if done:
                advance(done)
        summary.report = report.path
    summary.noted = await asyncio.to_thread(write_notes, path, summary.notes, summary.more_notes)
    await storage.finish_file(intake.pool, carrier.code, begun.content_hash)
    return summary


@dataclass(frozen=True)
class _Run:
    """One file on its way in."""

    intake: Intake
    carrier: Carrier
    begun: BegunFile
    summary: Summary
    report: Report


async def _take_part(run: _Run, first: int, part: Document) -> int:
    """Take some events in; returns how many are done with: all, or none where they are too many at once."""
    try:
        job = await _captured(run, part)
    except TooMuch:
        return 0
    for result, count in job.counts.items():
        run.summary.counts[result] += count if result != Result.IGNORED else 0
    run.summary.doubts.update(each.code for each in job.warnings if each.code in WARNED)
    run.summary.counts[Result.REJECTED] += len(job.wrong)
    run.summary.counts[Result.IGNORED] += len(job.skipped)
    _report(job, first, part, run.report)
    run.summary.note(_notes(job, first))
    done = FileProgress(first + len(part.events), run.report.committed(), run.summary.counts)
    await storage.advance_file(run.intake.pool, run.carrier.code, run.begun.content_hash, done)
    return len(part.events)


async def _captured(run: _Run, part: Document) -> Job:
    """What became of some events; one that alone is too much is set aside.

    Raises:
        TooMuch: they are, and there is more than one.
    """
    receipt = run.carrier.receipt(DOOR, now_ms())
    parts = earnest(run.intake, enqueue)
    try:
        return await capture(parts, run.carrier, receipt, part, Behaviour.PROCEED)
    except TooMuch as why:
        if len(part.events) > 1:
            raise
        alone = BadItem(
            "event_too_large", f"this event alone asks for more than {why.limit}: make several of it"
        )
        return await set_aside(parts, run.carrier, receipt, part, alone)


def _notes(job: Job, first: int) -> Iterator[str]:
    """What is said of events that were taken, by their numbers in the file, the first being 1."""
    for place, why in job.skipped.items():
        yield f"event {first + place + 1}: {why.code}: {why.why}"
    for each in job.warnings:
        yield f"event {first + (each.place or 0) + 1}: {each.code}: {each.message}"


def _report(job: Job, first: int, document: Document, report: Report) -> None:
    """What is wrong, by the number of the event in the file, the first being 1."""
    for each in job.wrong:
        if each.place is None:
            continue
        event = json.dumps(document.events[each.place], ensure_ascii=False)
        report.write(first + each.place + 1, (each.code, each.message), [event])
