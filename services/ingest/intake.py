"""Intake: what happens to reports, whichever door they came by.

Read, map, set aside what is unknown, publish, and only then answer: `accepted` means that Kafka has
acknowledged (acks=all) or the spool has committed, `quarantined` that PostgreSQL has committed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem
from buuta.model.scan import Scan
from buuta.storage.unlocking import unlock
from buuta.storage.vault import Vault
from buuta.streaming.producer import Pair
from services.ingest.domain import copy
from services.ingest.domain.details import Details
from services.ingest.domain.doubts import WARNED, ahead_ms, doubt
from services.ingest.domain.fitting import fitted
from services.ingest.domain.notes import Note
from services.ingest.domain.personal import kept
from services.ingest.domain.recipe import Receipt, Recipe, Report, UnknownCode, recipe_of, to_scan
from services.ingest.domain.texts import text_of
from services.ingest.encoding import records_of
from services.ingest.quarantine.held import Held, Source, sealed
from services.ingest.storage import Carrier
from services.ingest.target import Target

Parse = Callable[[Any], Report | None]
PIECE: Final = 10
BREAK_SECONDS: Final = 0.01
"""So many payloads are read without a look at the clock, and for so long without a break: they may be large."""
MOST_KEPT: Final = 500_000
"""Bytes of a refused payload that are kept: encrypted and packed it must fit a record of the shelter's topic."""
TIME: Final = "occurred_at"
COPY_DIFFERS: Final = "copy_differs"
"""The code of an answer about a scan whose id came before with other words."""


class Result(StrEnum):
    """What became of an item."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


class Answer(NamedTuple):
    """What the sender hears about one item; whether its scan steers the parcel's state."""

    result: Result
    event_id: str | None = None
    code: str | None = None
    field: str | None = None
    message: str | None = None
    notes: Sequence[Note] = ()
    steers: bool = True

    def as_json(self) -> dict[str, Any]:
        """Only what there is to say; that it steers goes without saying."""
        said: dict[str, Any] = {
            name: value
            for name, value in zip(self._fields, self, strict=True)
            if value and name != "steers"
        }
        said |= {"notes": [note._asdict() for note in self.notes]} if self.notes else {}
        return said if self.steers else said | {"steers": False}


@dataclass
class Reading:
    """What payloads say: an answer each, in their order, the scans by their ids, and what is set aside.

    `details` are by the ids of their scans. `copies` are scans whose ids came before in these payloads, and that
    say something else.
    """

    answers: list[Answer] = field(default_factory=list)
    scans: dict[str, Scan] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    details: dict[str, Details] = field(default_factory=dict)
    copies: list[Scan] = field(default_factory=list)


class Intake:
    """Takes reports of one carrier by one door."""

    def __init__(self, target: Target, pool: Any, vault: Vault) -> None:
        self._target = target
        self.meter = target.meter
        self.pool = pool
        self._vault = vault

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """The formats that are read, by name."""
        return self._target.book.recipes

    async def take(
        self,
        carrier: Carrier,
        receipt: Receipt,
        payloads: Sequence[Any],
        parse: Parse,
    ) -> list[Answer]:
        """Take payloads in; an answer each, in their order.

        `parse` reads a payload; the code table is the carrier's.

        Raises:
            KafkaAway: not all were acknowledged; the sender must send them all again, and none will
                count twice.
        """
        await unlock(self.pool, self._vault)
        reading, ends = Reading(), time.monotonic() + BREAK_SECONDS
        for first in range(0, len(payloads), PIECE):
            if time.monotonic() > ends:
                # Between the pieces other requests go on.
                await asyncio.sleep(0)
                ends = time.monotonic() + BREAK_SECONDS
            self.read(carrier, receipt, payloads[first : first + PIECE], parse, reading)
        if reading.held:
            await self._target.keep(reading.held)
        if reading.details:
            await self._target.keep_details(reading.scans, reading.details)
        if reading.scans:
            await self.compare(carrier, reading)
            await self._target.put(self.records(reading))
            self.note(reading)
        self.count(receipt, reading)
        return reading.answers

    async def compare(self, carrier: Carrier, reading: Reading) -> None:
        """Say in the answers which scans were reported before and say something else now."""
        late = copy.may_come_late(recipe_of(self.recipes, carrier.format).identity)
        differing = await self._target.copies.differing(reading.scans, stored=late)
        for place, answer in enumerate(reading.answers if differing else ()):
            names = differing.get(answer.event_id or "")
            if names and answer.code != COPY_DIFFERS:
                reading.answers[place] = _differs(answer, names)

    def note(self, reading: Reading) -> None:
        """Remember what was taken in, for the copies that may come."""
        self._target.copies.note(reading.scans.values())

    def read(
        self,
        carrier: Carrier,
        receipt: Receipt,
        payloads: Sequence[Any],
        parse: Parse,
        reading: Reading | None = None,
    ) -> Reading:
        """Read and map payloads, to what was read before them, and keep nothing yet."""
        recipe, found = recipe_of(self.recipes, carrier.format), reading or Reading()
        for payload in payloads:
            found.answers.append(self._one(recipe, receipt, payload, parse, found))
        return found

    def records(self, reading: Reading) -> list[Pair]:
        """The scans as they lie in the log, with the place of their facility."""
        scans = [*reading.scans.values(), *reading.copies]
        return records_of(self._target.codec, self._target.placed(scans))

    def count(self, receipt: Receipt, reading: Reading) -> None:
        """Count what became of the payloads, once that is for good."""
        self.meter.items(receipt, Counter(answer.result.value for answer in reading.answers))
        noted = Counter(note.code for answer in reading.answers for note in answer.notes)
        noted.update(answer.code for answer in reading.answers if answer.code in WARNED)
        if noted:
            self.meter.noted(receipt, noted)
        self.meter.ahead(receipt, [ms for scan in reading.scans.values() if (ms := ahead_ms(scan)) > 0])

    def _one(
        self, recipe: Recipe, receipt: Receipt, payload: Any, parse: Parse, reading: Reading
    ) -> Answer:
        try:
            report = parse(payload)
            report = report and fitted(report)
            scan = report and to_scan(recipe, report, receipt)
        except UnknownCode as unknown:
            stays = kept(recipe, payload)
            reading.held.append(self.sealed(receipt, stays, unknown.code, unknown.raw_code))
            return Answer(Result.QUARANTINED, None, unknown.code, unknown.field, str(unknown))
        except BadItem as bad:
            return Answer(Result.REJECTED, None, bad.code, bad.field, str(bad))
        if report is None or scan is None:
            return Answer(Result.IGNORED, message="known to be no movement")
        if scan.event_id in reading.scans:
            return _again(reading, scan, _warned(scan, report))
        reading.scans[scan.event_id] = scan
        if report.details is not None:
            reading.details[scan.event_id] = report.details
        return _warned(scan, report)

    def mark(self, text: str, purpose: str = "idempotency") -> str:
        """What is kept of a key or name that may be anything: found again by it, and not told.

        Raises:
            DatabaseAway: the vault was not unlocked yet.
        """
        return self._vault.find_by(purpose, text).hex()

    async def keep_facts(self, recipe: Recipe, receipt: Receipt, payload: Any) -> None:
        """Keep what a payload says of money; what it says wrongly is set aside.

        Raises:
            OSError, asyncpg.PostgresError: PostgreSQL is away; the vendor must send it again.
        """
        if recipe.facts is None:
            return
        try:
            found = recipe.facts(payload, receipt)
        except BadItem as bad:
            await self._target.keep([self.sealed(receipt, kept(recipe, payload), bad.code, "")])
            return
        if found:
            await self._target.put_facts(found)

    async def keep(self, receipt: Receipt, code: str, *bodies: bytes) -> None:
        """Set bodies aside that cannot be read at all."""
        await self._target.keep([self.sealed(receipt, body, code, "") for body in bodies])
        self.meter.items(receipt, {Result.REJECTED.value: len(bodies)})

    async def keep_rejected(
        self, carrier: Carrier, receipt: Receipt, payloads: Sequence[Any], answers: Sequence[Answer],
        *, are_items: bool = False,
    ) -> None:  # fmt: skip
        """Set the rejected ones aside: a sender that is a machine may never read our answers.

        Where they came as items of our own (`are_items`) they are kept as such, whatever the carrier's format is.
        """
        recipe = recipe_of(self.recipes, carrier.format)
        rejected = [
            (payload, answer.code or "")
            for payload, answer in zip(payloads, answers, strict=True)
            if answer.result is Result.REJECTED
        ]

        def sealed() -> list[Held]:
            return [
                self.sealed(receipt, kept(recipe, payload, are_items=are_items), code, "")
                for payload, code in rejected
            ]

        if rejected:
            # Whatever was sent is gone through and encrypted: beside the event loop, for it may be much.
            await self._target.keep(await asyncio.to_thread(sealed))

    def sealed(self, receipt: Receipt, payload: Any, reason: str, raw_code: str) -> Held:
        """A report for the quarantine; what it says may be personal, so it is encrypted."""
        plain = payload if isinstance(payload, bytes) else text_of(payload, MOST_KEPT)
        if plain is None or len(plain) > MOST_KEPT:
            plain = b'{"too_large_to_keep": "more than %d bytes"}' % MOST_KEPT
        source = Source(receipt.carrier, receipt.door, reason, receipt.received_at)
        return sealed(self._vault, source, plain, raw_code)


def _warned(scan: Scan, report: Report) -> Answer:
    """Accepted, with what cannot be believed of its time."""
    answer, found = Answer(Result.ACCEPTED, scan.event_id, notes=report.notes), doubt(scan)
    if found is None:
        return answer
    return answer._replace(code=found.code, field=TIME, message=found.message, steers=found.steers)


def _again(reading: Reading, scan: Scan, answer: Answer) -> Answer:
    """What is said of a scan whose id came before in the same payloads.

    One that says something else goes into the log as well: which of the two counts is the tracker's rule, and the
    same as if they had come apart.
    """
    names = copy.differences(copy.said(reading.scans[scan.event_id]), copy.said(scan))
    answer = answer._replace(result=Result.DUPLICATE)
    if not names:
        return answer
    reading.copies.append(scan)
    return _differs(answer, names)


def _differs(answer: Answer, names: Sequence[str]) -> Answer:
    message = "; ".join(filter(None, (copy.told(names), answer.message)))
    return answer._replace(code=COPY_DIFFERS, field=names[0], message=message)
