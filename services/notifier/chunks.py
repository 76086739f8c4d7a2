"""A chunk of milestones, applied in one transaction: what is to be told is queued, what was taken
back is withdrawn. A record that comes twice queues nothing twice."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from buuta.contracts.columns import Decoded
from buuta.errors import BadItem
from buuta.model.milestone import Action, ParcelMilestone
from buuta.storage import contacts
from buuta.storage.contacts import Contact, Unreadable
from buuta.storage.skew import Clock, database_time
from buuta.storage.vault import Vault
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.telemetry import metrics
from services.notifier import storage
from services.notifier.caps import Called, Caps
from services.notifier.domain.plan import is_news, meaning, told_of
from services.notifier.settings import NotifierSettings

Contacts = Mapping[uuid.UUID, Contact | Unreadable]
HOUR_MS: Final = 3_600_000
EXPECTED: Final = frozenset({"ParcelMilestone"})


@dataclass(frozen=True)
class Planned:
    """What a chunk of milestones calls for, in the order of the log, ready to be written.

    `told_at` is when the last of them was made (UTC milliseconds), as far as that can be.
    """

    milestones: Sequence[ParcelMilestone]
    plan: "ChunkPlan"
    known: Contacts
    told_at: int

    async def write(self, con: Any) -> Sequence[Pair]:
        """Queue and withdraw in the transaction of `con`; tells nothing on by Kafka."""
        called = Called()
        for taken_back, records in groupby(self.milestones, lambda each: each.action == Action.RETRACTED):
            if taken_back:
                await storage.withdraw(con, [(meaning(each), each.sequence) for each in records])
            else:
                await self._queue(con, records, called)
        # Once and last: counts that others wait for are locked in one order, and not for long.
        await self.plan.caps.hold_to(con, called, self.told_at)
        return ()

    async def _queue(self, con: Any, records: Iterable[ParcelMilestone], called: Called) -> None:
        """Queue what records call for; who registered later joins in what waits for the same recipient."""
        called_for = [
            (each.action, row) for each in records for row in self.plan.called_for(each, self.known)
        ]
        called.first(await storage.queue(con, [row for _, row in called_for]))
        again = [row for action, row in called_for if action == Action.RETOLD]
        called.again(await storage.join_in(con, again))


class ChunkPlan:
    """The work on one chunk; `prepare` is what a chunk worker calls."""

    def __init__(self, vault: Vault, settings: NotifierSettings, clock: Clock = database_time) -> None:
        self._vault = vault
        self._within_ms = settings.tell_within_hours * HOUR_MS
        self._clock = clock
        self.caps = Caps(settings)

    async def prepare(self, source: Any, chunk: Chunk, decoded: Decoded) -> Planned:
        """Load by `source`, a pool or a connection, what the chunk's milestones call for."""
        since, now = await storage.tells_from(source), await self._clock(source)
        # Nothing was made later than now: who says so has a wrong clock, and what it tells is as new as any.
        made = [min(record.timestamp, now) for record in chunk.records]
        milestones = [
            milestone
            for group in decoded.groups
            for place, row in zip(group.places, group.rows(ParcelMilestone._fields), strict=True)
            if self._is_of_use(milestone := ParcelMilestone(*row), made[place], since)
        ]
        return Planned(milestones, self, await self._contacts(source, milestones), max(made, default=0))

    def _is_of_use(self, milestone: ParcelMilestone, told_at: int, since: Mapping[str, int]) -> bool:
        """What is taken back is taken back however late; nobody is told what is old.

        Nor what happened before a carrier began to report: its parcels under way were loaded in silence.
        """
        if milestone.action == Action.RETRACTED:
            return True
        if is_news(milestone, told_at, self._within_ms) and milestone.occurred_at >= since.get(
            milestone.carrier, 0
        ):
            return True
        metrics.NOTIFIER_TOO_OLD.inc()
        return False

    async def _contacts(self, con: Any, milestones: Sequence[ParcelMilestone]) -> Contacts:
        ids = {_registration(told) for each in milestones for told in told_of(each)}
        return await contacts.load(con, self._vault, ids) if ids else {}

    def called_for(self, milestone: ParcelMilestone, known: Contacts) -> list[tuple[Any, ...]]:
        """The messages that a record calls for: one a channel and recipient, whoever registered them."""
        said, content = meaning(milestone), json.dumps(milestone._asdict())
        return [
            (
                uuid.uuid4(), said.parcel_key, said.epoch, said.kind, said.ordinal, channel, recipient,
                registrations, content, milestone.action == Action.MOVED,
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


def _registration(told: str) -> uuid.UUID:
    """The id of a registration that a milestone names.

    Raises:
        BadItem: it is none, so the record becomes a dead letter alone.
    """
    try:
        return uuid.UUID(told)
    except ValueError:
        raise BadItem("registration_invalid", "a registration's id is a UUID", "registration_id") from None
