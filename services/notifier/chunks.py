"""A chunk of milestones, applied in one transaction: what is to be told is queued, what was amended tells what is
known now, what was taken back is withdrawn. A record that comes twice queues nothing twice."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import groupby
from typing import Any, Final

from buuta.contracts.columns import Decoded
from buuta.errors import BadItem
from buuta.model.milestone import Action, ParcelMilestone
from buuta.model.steering import FUTURE_MS
from buuta.storage import contacts
from buuta.storage.contacts import Contact, Unreadable
from buuta.storage.skew import Clock, database_time
from buuta.storage.vault import Vault
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.telemetry import metrics
from services.notifier import lanes, storage
from services.notifier.caps import Called, Caps
from services.notifier.domain.plan import is_news, meaning, told_of
from services.notifier.domain.states import State
from services.notifier.settings import NotifierSettings

ACTS: Final = {Action.RETRACTED.value: Action.RETRACTED, Action.AMENDED.value: Action.AMENDED}
Contacts = Mapping[uuid.UUID, Contact | Unreadable]
EXPECTED: Final = frozenset({"ParcelMilestone"})


@dataclass(frozen=True)
class Made:
    """A milestone, and when its record was made (UTC milliseconds)."""

    milestone: ParcelMilestone
    at: int

    @property
    def happened_at(self) -> int:
        """When what it tells happened, as the tracker's order has it: a clock that is ahead is not believed.

        A day without a clock lasts until its end, which may well be ahead.
        """
        milestone = self.milestone
        is_ahead = milestone.occurred_at > self.at + FUTURE_MS and not milestone.day_only
        return self.at if is_ahead else milestone.occurred_at


@dataclass(frozen=True)
class Planned:
    """What a chunk of milestones calls for, in the order of the log, ready to be written.

    `told_at` is when the last of them was made (UTC milliseconds), as far as that can be.
    """

    made: Sequence[Made]
    plan: "ChunkPlan"
    known: Contacts
    told_at: int

    async def write(self, con: Any) -> Sequence[Pair]:
        """Queue and withdraw in the transaction of `con`; tells nothing on by Kafka."""
        called = Called()
        # First, and in one order: who sends holds a lane before it writes a message of it.
        await lanes.hold(con, sorted({meaning(each.milestone).parcel_key for each in self.made}))
        for action, records in groupby(self.made, lambda each: ACTS.get(each.milestone.action)):
            if action == Action.RETRACTED:
                await _withdraw(con, records)
            elif action == Action.AMENDED:
                await storage.amend(con, [_amended(each) for each in records])
            else:
                await self._queue(con, records, called)
        # Once and last: counts that others wait for are locked in one order, and not for long.
        await self.plan.caps.hold_to(con, called, self.told_at)
        await lanes.call(con, [each.message_id for each in called.messages])
        return ()

    async def _queue(self, con: Any, records: Iterable[Made], called: Called) -> None:
        """Queue what records call for; who registered later joins in what waits for the same recipient."""
        called_for = [
            (each.milestone.action, row)
            for each in records
            for row in self.plan.called_for(each, self.known)
        ]
        called.first(await storage.queue(con, [row for _, row in called_for]))
        again = [row for action, row in called_for if action == Action.RETOLD]
        called.again(await storage.join_in(con, again))


class ChunkPlan:
    """The work on one chunk; `prepare` is what a chunk worker calls."""

    def __init__(self, vault: Vault, settings: NotifierSettings, clock: Clock = database_time) -> None:
        self._vault = vault
        self._within_hours = settings.tell_within_hours
        self._clock = clock
        self.caps = Caps(settings)

    async def prepare(self, source: Any, chunk: Chunk, decoded: Decoded) -> Planned:
        """Load by `source`, a pool or a connection, what the chunk's milestones call for."""
        since, now = await storage.tells_from(source), await self._clock(source)
        # Nothing was made later than now: who says so has a wrong clock, and what it tells is as new as any.
        times = [min(record.timestamp, now) for record in chunk.records]
        made = [
            each
            for group in decoded.groups
            for place, row in zip(group.places, group.rows(ParcelMilestone._fields), strict=True)
            if self._is_of_use(each := Made(ParcelMilestone(*row), times[place]), since)
        ]
        return Planned(made, self, await self._contacts(source, made), max(times, default=0))

    def _is_of_use(self, made: Made, since: Mapping[str, int]) -> bool:
        """What is amended or taken back is so however late; nobody is told what is old.

        Nor what happened before a carrier began to report: its parcels under way were loaded in silence.
        """
        milestone = made.milestone
        if milestone.action in ACTS:
            return True
        began = milestone.occurred_at >= since.get(milestone.carrier, 0)
        if began and is_news(milestone, made.at, self._within_hours):
            return True
        metrics.NOTIFIER_TOO_OLD.inc()
        return False

    async def _contacts(self, con: Any, made: Sequence[Made]) -> Contacts:
        ids = {_registration(told) for each in made for told in told_of(each.milestone)}
        return await contacts.load(con, self._vault, ids) if ids else {}

    def called_for(self, made: Made, known: Contacts) -> list[tuple[Any, ...]]:
        """The messages that a record calls for: one a channel and recipient, whoever registered them."""
        milestone = made.milestone
        said, content = meaning(milestone), json.dumps(milestone._asdict())
        return [
            (
                uuid.uuid4(), said.parcel_key, said.epoch, said.kind, said.ordinal, channel, recipient,
                registrations, content, milestone.action == Action.MOVED, made.happened_at,
            )
            for (channel, recipient), registrations in self._recipients(milestone, known).items()
        ]  # fmt: skip

    def _recipients(
        self, milestone: ParcelMilestone, known: Contacts
    ) -> dict[tuple[str, bytes], list[uuid.UUID]]:
        """Channels and recipients, each with the registrations that name it."""
        found: dict[tuple[str, bytes], list[uuid.UUID]] = defaultdict(list)
        for registration in map(_registration, told_of(milestone)):
            if registration not in known:
                continue
            for channel, recipient in contacts.recipients(self._vault, known[registration]):
                found[channel, recipient].append(registration)
        return found


async def _withdraw(con: Any, records: Iterable[Made]) -> None:
    taken_back = [(meaning(each.milestone), each.milestone.sequence) for each in records]
    for channel, count in (await storage.withdraw(con, taken_back)).items():
        metrics.NOTIFIER_MESSAGES.labels(channel, State.WITHDRAWN.value).inc(count)


def _amended(made: Made) -> tuple[Any, ...]:
    milestone = made.milestone
    content = json.dumps(milestone._asdict())
    return (*astuple(meaning(milestone)), milestone.sequence, content, made.happened_at)


def _registration(told: str) -> uuid.UUID:
    """The id of a registration that a milestone names.

    Raises:
        BadItem: it is none, so the record becomes a dead letter alone.
    """
    try:
        return uuid.UUID(told)
    except ValueError:
        raise BadItem("registration_invalid", "a registration's id is a UUID", "registration_id") from None
