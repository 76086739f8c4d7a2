"""Checking the events of a document before anything is worked out: which are right, and which are in conflict."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from buuta.errors import BadItem
from services.ingest import epcis_rows
from services.ingest.carriers.epcis.parser import code_of, parse
from services.ingest.domain import repeats
from services.ingest.domain.document import Document
from services.ingest.domain.doubts import doubt_at
from services.ingest.domain.fitting import fitted
from services.ingest.domain.recipe import Receipt, UnknownCode, to_scan
from services.ingest.domain.single import Whole, of_one, read_whole, time_of
from services.ingest.domain.skipping import skipped
from services.ingest.intake import Intake
from services.ingest.jobs import CONFLICT, FORMAT, Job, Wrong


def read_right(intake: Intake, document: Document, receipt: Receipt, job: Job) -> list[Whole]:
    """The events that are right; what is wrong is noted, and what moves no parcel."""
    right: list[Whole] = []
    codes = intake.recipes[FORMAT].codes
    for place, raw in enumerate(document.events):
        try:
            whole = read_whole(place, raw, document.prefixes)
            _try(intake, whole, receipt)
        except BadItem as bad:
            job.wrong.append(Wrong(place, bad.code, str(bad), bad.field or ""))
            continue
        right.append(whole)
        row = codes.get(code_of(whole.event))
        why = skipped(whole, is_movement=row is None or row.status is not None)
        if why is not None:
            job.skipped[place] = why
    return right


def _try(intake: Intake, whole: Whole, receipt: Receipt) -> None:
    """Whether a scan can be made of an event; a code that nobody knows is no fault of the event's."""
    for uri in whole.uris[:1]:
        report = parse(of_one(whole.payload, uri))
        try:
            if report is not None:
                to_scan(intake.recipes[FORMAT], fitted(report), receipt)
        except UnknownCode:
            pass


def note_doubts(captured: Sequence[Whole], receipt: Receipt, job: Job) -> None:
    """Note which of the events have a time that cannot be believed; those that move no parcel steer nothing."""
    for whole in captured:
        if whole.place in job.skipped or whole.event.error is not None:
            continue
        found = doubt_at(whole.at, receipt.received_at, day_only=time_of(whole.event).day_only)
        if found is not None:
            job.note(Wrong(whole.place, found.code, found.message, "eventTime"))


@dataclass(frozen=True)
class Statement:
    """An event with the mark of its own id, None where it has none, and what it says."""

    whole: Whole
    mark: str | None
    says: Sequence[str]


@dataclass(frozen=True)
class Statements:
    """The events of a document, and what was said before under their ids, by mark."""

    each: Sequence[Statement]
    before: Mapping[str, Sequence[str]]

    @property
    def new(self) -> Mapping[str, Sequence[str]]:
        """What is said for the first time, by the mark of its id."""
        found: dict[str, Sequence[str]] = {}
        for one in self.each:
            if one.mark is not None and one.mark not in self.before:
                found.setdefault(one.mark, one.says)
        return found


async def statements(
    intake: Intake, carrier: str, wholes: Sequence[Whole], *, is_sandbox: bool
) -> Statements:
    """What events say under ids of their own, beside what was said before; of a sandbox nothing was."""
    mark = partial(intake.mark, purpose=f"epcis said {carrier}")
    each = await asyncio.to_thread(_stated, wholes, mark)
    marks = [one.mark for one in each if one.mark is not None]
    before = {} if is_sandbox or not marks else await epcis_rows.said(intake.pool, carrier, marks)
    return Statements(each, before)


def _stated(wholes: Sequence[Whole], mark: Callable[[str], str]) -> Sequence[Statement]:
    return [
        Statement(whole, None, ())
        if whole.event.event_id is None
        else _statement(whole, whole.event.event_id, mark)
        for whole in wholes
    ]


def _statement(whole: Whole, event_id: str, mark: Callable[[str], str]) -> Statement:
    key = bytes.fromhex(mark(f"fields of {event_id}"))
    return Statement(whole, mark(event_id), repeats.said(whole.event, key))


def without_conflicts(stated: Statements, job: Job) -> list[Whole]:
    """The events but for those that say something else than the first one of their id: these are wrong.

    An error declaration takes back what has its id, whatever it repeats of it; where that is not the same is said.
    """
    known = {**stated.new, **stated.before}
    right: list[Whole] = []
    for one in stated.each:
        names = () if one.mark is None else repeats.differing(known[one.mark], one.says)
        if names and one.whole.event.error is None:
            job.wrong.append(Wrong(one.whole.place, CONFLICT, repeats.told(names), "eventID"))
            job.skipped.pop(one.whole.place, None)
            continue
        if names:
            job.warn(one.whole.place, names)
        right.append(one.whole)
    job.wrong.sort(key=lambda each: each.place or 0)
    return right
