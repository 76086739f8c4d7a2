"""Capturing EPCIS events: a document's events, what follows from them and the job are one transaction.

The scans go into the spool within it, which sends them on. So a job that says that it succeeded did, and one that
was rolled back left nothing.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from buuta.errors import BadItem
from services.ingest import epcis_rows
from services.ingest.carriers.epcis.parser import parse
from services.ingest.domain.effects import Happened, changes
from services.ingest.domain.epcis import Document, Event, of_the_standard, read_event
from services.ingest.domain.gs1 import thing_of
from services.ingest.domain.packing import ALL, Packing, Packings
from services.ingest.domain.recipe import Receipt
from services.ingest.domain.single import id_of, of_change, of_one, payload_of, things_of, time_of
from services.ingest.intake import Intake, Reading
from services.ingest.quarantine import held
from services.ingest.spool import Enqueue
from services.ingest.storage import Carrier

FORMAT: Final = "epcis"
MOST_SCANS: Final = 50_000


class Behaviour(StrEnum):
    """What one wrong event means for the others (EPCIS 2.0, `GS1-Capture-Error-Behaviour`)."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


@dataclass(frozen=True)
class Wrong:
    """What is wrong with the event at a place of the list, the first being 0."""

    place: int
    code: str
    message: str


@dataclass
class Job:
    """What became of a document: how many events it has, what is wrong, and what the rest says."""

    behaviour: Behaviour
    events: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def success(self) -> bool:
        """Whether all of it was captured."""
        return not self.wrong


Payloads = list[dict[str, Any]]


@dataclass(frozen=True)
class Parts:
    """What capturing stands on: the intake that maps, whom events concern, where what follows goes.

    `follow` and `put` do their work in the transaction that they are given.
    """

    intake: Intake
    follow: Callable[[Any, str, Sequence[Event]], Awaitable[Payloads]]
    put: Callable[[Any, Reading], Awaitable[None]]


def earnest(intake: Intake, enqueue: Enqueue) -> Parts:
    """Capturing for good; `enqueue` puts records into the spool."""

    async def put(con: Any, reading: Reading) -> None:
        if reading.scans:
            await enqueue(con, intake.records(reading))
        if reading.held:
            await held.hold(con, reading.held)

    return Parts(intake, _follow, put)


def sandbox(intake: Intake) -> Parts:
    """Capturing of which nothing remains but the job."""

    async def follow(_: Any, __: str, events: Sequence[Event]) -> Payloads:
        return [of_one(event, uri) for event in events for uri in things_of(event)]

    async def put(_: Any, __: Reading) -> None:
        pass

    return Parts(intake, follow, put)


async def capture(
    parts: Parts, carrier: Carrier, receipt: Receipt, document: Document, behaviour: Behaviour
) -> Job:
    """Capture the events of a document.

    Raises:
        BadItem: they concern too many parcels at once.
        KafkaAway: the spool is full.
        OSError, asyncpg.PostgresError: PostgreSQL is away; the sender must send them again, none will count twice.
    """
    job = Job(behaviour, len(document.events))
    events = list(_read(document, job))
    async with parts.intake.pool.acquire() as con, con.transaction():
        if job.success or behaviour is Behaviour.PROCEED:
            payloads = await parts.follow(con, carrier.code, events)
            job.reading = parts.intake.read(carrier, receipt, payloads, parse)
        job.reading.held += [
            parts.intake.sealed(receipt, of_the_standard(document.events[each.place]), each.code, "")
            for each in job.wrong
        ]
        await parts.put(con, job.reading)
        await epcis_rows.keep_job(con, carrier.code, job)
    parts.intake.count(receipt, job.reading)
    return job


def _read(document: Document, job: Job) -> Iterable[Event]:
    """The events that are right; what is wrong is noted."""
    for place, raw in enumerate(document.events):
        try:
            event = read_event(raw, document.prefixes)
            for uri in (*things_of(event), *filter(None, [event.parent])):
                thing_of(uri)
            time_of(event)
        except BadItem as bad:
            job.wrong.append(Wrong(place, bad.code, str(bad)))
        else:
            yield event


async def _follow(con: Any, carrier: str, events: Sequence[Event]) -> Payloads:
    """What the events say of single parcels, after they were kept as far as they may concern others."""
    single = [of_one(event, uri) for event in events for uri in _alone(event)]
    holding = [event for event in events if _may_hold(event)]
    if not holding:
        return single
    await epcis_rows.lock(con, carrier)
    touched = await epcis_rows.keep_events(con, carrier, [_row(event) for event in holding])
    found = await epcis_rows.concerned(con, carrier, touched, [id_of(event) for event in holding])
    told = list(changes(found.events, Packings(found.packings), found.known))
    if len(single) + len(told) > MOST_SCANS:
        raise BadItem(
            "too_much_at_once", f"these events concern more than {MOST_SCANS} parcels; split them"
        )
    await epcis_rows.keep_changes(con, carrier, told)
    return single + [of_change(found.payloads[each.event_id], each) for each in told]


def _may_hold(event: Event) -> bool:
    things = [
        *things_of(event),
        *([event.parent] if event.type == "AggregationEvent" and event.parent else []),
    ]
    return any(thing_of(uri).may_hold for uri in things)


def _alone(event: Event) -> Sequence[str]:
    """What it happened to that holds nothing, whatever comes later."""
    if event.type == "AggregationEvent" and _may_hold(event):
        return ()
    return [uri for uri in things_of(event) if not thing_of(uri).may_hold]


def _row(event: Event) -> epcis_rows.Row:
    """An event as it is kept: what it happened to that may hold parcels, and what it says of packing."""
    at = time_of(event).ms
    happened = Happened(id_of(event), [*_things(event)], at, retracted=event.error is not None)
    return epcis_rows.Row(happened, payload_of(event), [*_packings(event, at)])


def _things(event: Event) -> Iterable[str]:
    """Names of what it happened to; of a bag that is opened, with no word of what was in it, the bag itself."""
    things = [thing_of(uri) for uri in things_of(event)]
    if event.type == "AggregationEvent":
        parent = [thing_of(event.parent).name] if event.parent else []
        return [thing.name for thing in things] or parent
    return [thing.name for thing in things if thing.may_hold]


def _packings(event: Event, at: int) -> Iterable[Packing]:
    """What an aggregation says: who observes things together has not seen them put together, but so they are."""
    if event.type != "AggregationEvent" or event.parent is None:
        return
    parent = thing_of(event.parent).name
    into = event.action != "DELETE"
    for child in [thing_of(uri).name for uri in event.children or ()] or ([] if into else [ALL]):
        yield Packing(parent, child, at, into)
