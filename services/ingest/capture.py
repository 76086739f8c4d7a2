"""Capturing EPCIS events: a document's events, what follows from them and the job.

What follows is worked out first, off the event loop and outside any transaction, and held to the limits; then it is
written, if nobody has written meanwhile. A usual document is one transaction with its job; a large one is several,
and the job is in the last. The scans go into the spool within them, which sends them on: a job that says that it
succeeded did, and who heard no answer sends the same again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem, DatabaseAway
from services.ingest import epcis_rows
from services.ingest.carriers.epcis.parser import ParsingOnce, code_of
from services.ingest.checking import note_doubts, read_right, statements, without_conflicts
from services.ingest.domain.document import Document
from services.ingest.domain.effects import Change
from services.ingest.domain.epcis import of_the_standard
from services.ingest.domain.following import MOST_SCANS, Plan, plan
from services.ingest.domain.marking import Marking
from services.ingest.domain.packing import TooMuch
from services.ingest.domain.recipe import Receipt, shown_code
from services.ingest.domain.single import Whole, of_change, of_one
from services.ingest.intake import COPY_DIFFERS, Intake, Reading, Result
from services.ingest.jobs import FORMAT, Behaviour, Job, Tally, Waiting, Wrong
from services.ingest.quarantine import held
from services.ingest.spool import Enqueue
from services.ingest.storage import Carrier

SLICE: Final = 5_000
"""So many scans are written in one transaction."""
TRIES: Final = 10
Admit = Callable[[int], None]
"""Takes so many scans from a key's limits; raises Problem where they are beyond."""


class One(NamedTuple):
    """An event as it concerns one thing that holds nothing, whatever comes later."""

    whole: Whole
    uri: str


@dataclass(frozen=True)
class Parts:
    """What capturing stands on: the intake that maps, and where records go within a transaction.

    `room` raises KafkaAway where there is none for them. Without `enqueue` nothing remains but the job.
    """

    intake: Intake
    enqueue: Enqueue | None = None
    room: Callable[[], Awaitable[None]] | None = None
    turns: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    @property
    def is_sandbox(self) -> bool:
        """Whether nothing remains but the job."""
        return self.enqueue is None

    def whose(self, carrier: str) -> epcis_rows.Whose:
        """Whose the jobs of a carrier are in this world."""
        return carrier, self.is_sandbox


def earnest(intake: Intake, enqueue: Enqueue, room: Callable[[], Awaitable[None]] | None = None) -> Parts:
    """Capturing for good; `enqueue` puts records into the spool."""
    return Parts(intake, enqueue, room)


def sandbox(intake: Intake) -> Parts:
    """Capturing of which nothing remains but the job."""
    return Parts(intake)


async def capture(  # noqa: PLR0913 - a document, whose it is, and how it is taken
    parts: Parts,
    carrier: Carrier,
    receipt: Receipt,
    document: Document,
    behaviour: Behaviour,
    admit: Admit = lambda _: None,
) -> Job:
    """Capture the events of a document; `admit` hears of how many scans before any is written.

    Raises:
        TooMuch: they ask for more than is worked out or told at once.
        KafkaAway: the spool is full.
        OSError, asyncpg.PostgresError, DatabaseAway: PostgreSQL is away; the sender must send them again, none will
            count twice.
    """
    job = Job(behaviour, len(document.events))
    for note in document.notes:
        job.note(Wrong(None, "context_unread", note))
    right = await asyncio.to_thread(read_right, parts.intake, document, receipt, job)
    async with parts.turns[carrier.code]:
        stated = await statements(parts.intake, carrier.code, right, is_sandbox=parts.is_sandbox)
        right = await asyncio.to_thread(without_conflicts, stated, job)
        captured = right if job.success or behaviour is Behaviour.PROCEED else []
        note_doubts(captured, receipt, job)
        await _Capture(parts, carrier, receipt, document, job).run(captured, admit, stated.new)
    return job


async def set_aside(
    parts: Parts, carrier: Carrier, receipt: Receipt, document: Document, why: BadItem
) -> Job:
    """Capture nothing of a document: all of its events are wrong for the same reason, and are kept as such.

    Raises:
        KafkaAway, OSError, asyncpg.PostgresError, DatabaseAway: as `capture`.
    """
    wrong = [Wrong(place, why.code, str(why)) for place in range(len(document.events))]
    job = Job(Behaviour.PROCEED, len(document.events), wrong)
    await _Capture(parts, carrier, receipt, document, job).run([], lambda _: None)
    return job


class _Capture:
    """One document on its way into PostgreSQL."""

    def __init__(
        self, parts: Parts, carrier: Carrier, receipt: Receipt, document: Document, job: Job
    ) -> None:
        self._parts = parts
        self._intake = parts.intake
        self._carrier = carrier
        self._receipt = receipt
        self._document = document
        self._job = job
        self._parse = ParsingOnce()
        self._places: Mapping[str, Whole] = {}
        self._new: Mapping[str, Sequence[str]] = {}

    async def run(
        self, wholes: Sequence[Whole], admit: Admit, new: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Work out what follows, hold it to the limits, and write it; `new` is what new ids are known by."""
        self._places = {each.id: each for each in wholes}
        self._new = new if wholes and new else {}
        self._job.captured = len(wholes)
        holding = [] if self._parts.is_sandbox else await asyncio.to_thread(self._holding, wholes)
        ones = await asyncio.to_thread(self._ones, wholes)
        if len(ones) > MOST_SCANS:
            raise TooMuch(f"{MOST_SCANS:,} scans")
        made = await self._planned(holding)
        for place, names in made.copies:
            self._job.warn(place, names)
        if len(ones) + len(made.told) > MOST_SCANS:
            raise TooMuch(f"{MOST_SCANS:,} scans")
        admit(len(ones) + len(made.told))
        if self._parts.room is not None:
            await self._parts.room()
        await self._written(ones, made, holding)

    def _ones(self, wholes: Sequence[Whole]) -> list[One]:
        return [
            One(each, uri)
            for each in wholes
            for uri in (each.uris if self._parts.is_sandbox else each.alone)
        ]

    def _holding(self, wholes: Sequence[Whole]) -> list[Whole]:
        """The events that may concern more than what they name, as they are kept."""
        recipe, mark = (
            self._intake.recipes[FORMAT],
            partial(self._intake.mark, purpose=f"epcis {self._carrier.code}"),
        )
        marks = Marking(mark, lambda event: code_of(event) in recipe.codes, recipe.reasons.keys())
        return [marks.marked(each) for each in wholes if each.may_hold]

    async def _planned(self, holding: Sequence[Whole]) -> Plan:
        if not holding:
            return Plan(0)
        found = await epcis_rows.stored(self._intake.pool, self._carrier.code, holding)
        return await asyncio.to_thread(plan, found, holding)

    async def _written(self, ones: Sequence[One], made: Plan, holding: Sequence[Whole]) -> None:
        """Write slice after slice; what others wrote in between is taken into account."""
        tries = 0
        while True:
            steps: list[One | Change] = [*ones[:SLICE], *made.told[: max(SLICE - len(ones), 0)]]
            told = sum(isinstance(each, Change) for each in steps)
            is_last = len(steps) == len(ones) + len(made.told)
            try:
                await self._write(steps, made, is_last=is_last)
            except epcis_rows.Stale:
                tries += 1
                if tries == TRIES:
                    raise DatabaseAway("others capture for this carrier at the same time") from None
                made = await self._planned(holding)
                continue
            if is_last:
                return
            ones = ones[len(steps) - told :]
            made = Plan(made.version + 1, told=made.told[told:], payloads=made.payloads)

    async def _write(self, steps: Sequence[One | Change], made: Plan, *, is_last: bool) -> None:
        reading, pairs = await asyncio.to_thread(self._reading, steps, made)
        rows = await asyncio.to_thread(epcis_rows.rows_of, self._carrier.code, made)
        await self._intake.compare(self._carrier, reading)
        self._warn(steps, reading)
        if is_last:
            reading.held += await asyncio.to_thread(self._held_wrong)
        tally = await asyncio.to_thread(self._tally, steps, reading)
        async with self._intake.pool.acquire() as con, con.transaction():
            if made.payloads:
                await epcis_rows.hold_version(con, self._carrier.code, made.version)
                await epcis_rows.keep_events(con, self._carrier.code, rows)
                told = [each for each in steps if isinstance(each, Change)]
                await epcis_rows.keep_changes(con, self._carrier.code, told)
            if self._parts.enqueue is not None:
                await _put(con, self._parts.enqueue, pairs, reading)
            if is_last:
                await epcis_rows.keep_said(con, self._carrier.code, self._new)
                await epcis_rows.keep_job(con, self._parts.whose(self._carrier.code), self._job, tally)
        self._intake.note(reading)
        self._intake.count(self._receipt, reading)
        self._job.tally = tally

    def _reading(self, steps: Sequence[One | Change], made: Plan) -> tuple[Reading, list[Any]]:
        """What the steps say, and the records of it."""
        payloads = [
            of_change(made.payloads[each.event_id], each)
            if isinstance(each, Change)
            else of_one(each.whole.payload, each.uri)
            for each in steps
        ]
        reading = self._intake.read(self._carrier, self._receipt, payloads, self._parse)
        for payload, answer in zip(payloads, reading.answers, strict=True):
            if answer.result is Result.REJECTED:
                reading.held.append(self._intake.sealed(self._receipt, payload, answer.code or "", ""))
        return reading, self._intake.records(reading)

    def _tally(self, steps: Sequence[One | Change], reading: Reading) -> Tally:
        results = (answer.result for answer in reading.answers)
        return self._job.tally.plus(results, self._waiting(steps, reading))

    def _waiting(self, steps: Iterable[One | Change], reading: Reading) -> Iterator[Waiting]:
        """What waits for a code to be mapped; the reports that are held first are these, in their order."""
        held_for_codes = iter(reading.held)
        for step, answer in zip(steps, reading.answers, strict=True):
            if answer.result is Result.QUARANTINED:
                whole = self._whole(step)
                code = "" if whole is None else shown_code(code_of(whole.event))
                mark = f"#{next(held_for_codes).code_hash.hex()}"
                yield Waiting(None if whole is None else whole.place, code, mark)

    def _whole(self, step: One | Change) -> Whole | None:
        """The event of the document that a step is of; None where that came before."""
        return step.whole if isinstance(step, One) else self._places.get(step.event_id)

    def _warn(self, steps: Iterable[One | Change], reading: Reading) -> None:
        """What is said of events that are captured: copies that differ, and what was left out of them."""
        for step, answer in zip(steps, reading.answers, strict=True):
            whole = self._whole(step)
            if whole is None:
                continue
            if answer.code == COPY_DIFFERS and isinstance(step, One):
                self._job.warn(whole.place, [answer.field or ""])
            for note in answer.notes:
                self._job.note(Wrong(whole.place, note.code, note.message, note.field))

    def _held_wrong(self) -> list[held.Held]:
        """The events that are wrong, to be set aside."""
        return [
            self._intake.sealed(
                self._receipt, of_the_standard(self._document.events[each.place]), each.code, ""
            )
            for each in self._job.wrong
            if each.place is not None
        ]


async def _put(con: Any, enqueue: Enqueue, pairs: Sequence[Any], reading: Reading) -> None:
    if pairs:
        await enqueue(con, pairs)
    if reading.held:
        await held.hold(con, reading.held)
