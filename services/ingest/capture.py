"""Capturing EPCIS events: a document's events, what follows from them and the job.

What follows is worked out first, off the event loop and outside any transaction, and held to the limits; then it is
written, if nobody has written meanwhile. A usual document is one transaction with its job; a large one is several,
and the job is in the last. The scans go into the spool within them, which sends them on: a job that says that it
succeeded did, and who heard no answer sends the same again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem, DatabaseAway
from services.ingest import epcis_rows
from services.ingest.carriers.epcis.parser import ParsingOnce, code_of, parse
from services.ingest.domain.document import Document
from services.ingest.domain.effects import Change
from services.ingest.domain.epcis import of_the_standard
from services.ingest.domain.following import MOST_SCANS, Plan, plan
from services.ingest.domain.marking import Marking
from services.ingest.domain.packing import TooMuch
from services.ingest.domain.recipe import Receipt, UnknownCode, to_scan
from services.ingest.domain.single import Whole, of_change, of_one, read_whole
from services.ingest.intake import COPY_DIFFERS, Intake, Reading, Result
from services.ingest.jobs import Behaviour, Job, Wrong
from services.ingest.quarantine import held
from services.ingest.spool import Enqueue
from services.ingest.storage import Carrier

FORMAT: Final = "epcis"
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
    wholes = await asyncio.to_thread(_read, parts.intake, document, receipt, job)
    captured = wholes if job.success or behaviour is Behaviour.PROCEED else []
    async with parts.turns[carrier.code]:
        await _Capture(parts, carrier, receipt, document, job).run(captured, admit)
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


def _read(intake: Intake, document: Document, receipt: Receipt, job: Job) -> list[Whole]:
    """The events that are right; what is wrong is noted."""
    right: list[Whole] = []
    for place, raw in enumerate(document.events):
        try:
            whole = read_whole(place, raw, document.prefixes)
            _try(intake, whole, receipt)
        except BadItem as bad:
            job.wrong.append(Wrong(place, bad.code, str(bad)))
        else:
            right.append(whole)
    return right


def _try(intake: Intake, whole: Whole, receipt: Receipt) -> None:
    """Whether a scan can be made of an event; a code that nobody knows is no fault of the event's."""
    for uri in whole.uris[:1]:
        report = parse(of_one(whole.payload, uri))
        try:
            if report is not None:
                to_scan(intake.recipes[FORMAT], report, receipt)
        except UnknownCode:
            pass


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

    async def run(self, wholes: Sequence[Whole], admit: Admit) -> None:
        """Work out what follows, hold it to the limits, and write it."""
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
        async with self._intake.pool.acquire() as con, con.transaction():
            if made.payloads:
                await epcis_rows.hold_version(con, self._carrier.code, made.version)
                await epcis_rows.keep_events(con, self._carrier.code, rows)
                told = [each for each in steps if isinstance(each, Change)]
                await epcis_rows.keep_changes(con, self._carrier.code, told)
            if self._parts.enqueue is not None:
                await _put(con, self._parts.enqueue, pairs, reading)
            if is_last:
                await epcis_rows.keep_job(con, self._parts.whose(self._carrier.code), self._job)
        self._intake.note(reading)
        self._intake.count(self._receipt, reading)
        self._job.counts.update(answer.result.value for answer in reading.answers)

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

    def _warn(self, steps: Iterable[One | Change], reading: Reading) -> None:
        for step, answer in zip(steps, reading.answers, strict=True):
            if answer.code == COPY_DIFFERS and isinstance(step, One):
                self._job.warn(step.whole.place, [answer.field or ""])

    def _held_wrong(self) -> list[held.Held]:
        """The events that are wrong, to be set aside."""
        return [
            self._intake.sealed(
                self._receipt, of_the_standard(self._document.events[each.place]), each.code, ""
            )
            for each in self._job.wrong
        ]


async def _put(con: Any, enqueue: Enqueue, pairs: Sequence[Any], reading: Reading) -> None:
    if pairs:
        await enqueue(con, pairs)
    if reading.held:
        await held.hold(con, reading.held)
