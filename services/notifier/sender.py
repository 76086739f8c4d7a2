"""The sender: claims what is due, hands it to a provider, writes what became of it.

No database connection is held while a provider is called.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from buuta.contracts.codec import Codec
from buuta.errors import Unopenable
from buuta.model.identifiers import split_key
from buuta.storage import contacts, outbox, set_aside
from buuta.storage.background import Fault, each_alone, is_waited_for, run_forever, said
from buuta.storage.contacts import Contact, Unreadable
from buuta.storage.set_aside import Aside
from buuta.storage.vault import Vault
from buuta.telemetry import metrics
from buuta.wording.messages import words
from services.notifier import storage
from services.notifier.channels.channel import Channel, Letter, Submission
from services.notifier.domain.rules import pause_after
from services.notifier.domain.states import Fate, State
from services.notifier.settings import NotifierSettings
from services.notifier.storage import Message

log = structlog.get_logger()
DECIDED: Mapping[Fate, State] = {
    Fate.ACCEPTED: State.SENT,
    Fate.REFUSED: State.FAILED,
    Fate.UNKNOWN: State.IN_DOUBT,
}


@dataclass(frozen=True)
class Office:
    """What every sender stands on."""

    pool: Any
    vault: Vault
    codec: Codec
    settings: NotifierSettings


class Sender:
    """Sends by one channel; several may work side by side, in one process or in many."""

    def __init__(self, office: Office, channel: Channel) -> None:
        self._pool = office.pool
        self._vault = office.vault
        self._settings = office.settings
        self._codec = office.codec
        self._channel = channel
        self._owner = uuid.uuid4().hex

    async def run(self) -> None:
        """Send until cancelled."""
        await run_forever(f"sender_{self._channel.name}", self._turn, self._settings.idle_seconds)

    async def _turn(self) -> int:
        return 0 if self._channel.waits_for else await self.once()

    async def once(self) -> int:
        """Claim a batch and send it side by side; returns how many messages it was."""
        claimed = await storage.claim(
            self._pool, self._owner, self._channel.name, self._settings.send_at_once
        )
        for message in claimed:
            metrics.NOTIFIER_WAIT_SECONDS.labels(self._channel.name).observe(message.waited)
        known = await self._contacts(claimed)
        ended = await asyncio.gather(
            *(self._send_alone(message, known) for message in claimed), return_exceptions=True
        )
        await self._list_doubtful()
        for why in ended:
            if why is not None:
                raise why
        return len(claimed)

    async def _contacts(self, claimed: Sequence[Message]) -> dict[uuid.UUID, Contact | Exception]:
        """The contacts of messages; in the place of one that does not open stands why."""
        known: dict[uuid.UUID, Contact | Exception] = {}

        async def read(ids: Sequence[uuid.UUID]) -> None:
            for registration_id, each in (await contacts.load(self._pool, self._vault, ids)).items():
                known[registration_id] = Unopenable(each.why) if isinstance(each, Unreadable) else each

        outcome = await each_alone(
            list({each for message in claimed for each in message.registrations}), read
        )
        known.update({fault.element: fault.why for fault in outcome.faults})
        return known

    def _contact(self, message: Message, known: Mapping[uuid.UUID, Contact | Exception]) -> Contact | None:
        """Who is to be told, by whichever registration still names them; None where none does.

        Raises:
            Exception: why a contact does not open that might be the one.
        """
        wanted = (message.channel, message.recipient_hash)
        found = [known[each] for each in message.registrations if each in known]
        for contact in found:
            if isinstance(contact, Contact) and wanted in contacts.recipients(self._vault, contact):
                return contact
        for why in found:
            if isinstance(why, Exception):
                raise why
        return None

    async def _send_alone(self, message: Message, known: Mapping[uuid.UUID, Contact | Exception]) -> None:
        """Send one message; one that cannot be worded or addressed is tried again later, and fails at last."""
        try:
            await self._send(message, self._contact(message, known))
        except Exception as why:
            if is_waited_for(why):
                raise
            await self._set_aside(message, why)

    async def _set_aside(self, message: Message, why: Exception) -> None:
        """Of what was about to leave nobody knows: that becomes in doubt when its lease is over."""
        log.error(
            "message_failed", channel=self._channel.name, message_id=str(message.message_id), exc_info=why
        )
        pause = pause_after(message.attempts + 1)
        if pause is None:
            await self._decide(message, State.FAILED, said(why))
        else:
            await storage.put_off(self._pool, self._owner, message, said(why), pause)

    async def _send(self, message: Message, contact: Contact | None) -> None:
        address = None if contact is None else contact.address(self._channel.name)
        if contact is None or address is None:
            await self._decide(message, State.WITHDRAWN, None)
            return
        said = words(json.loads(message.milestone), contact.language, self._settings.portal_url)
        letter = Letter(message.message_id, address, contact.language, said)
        attempts = await storage.submitting(self._pool, self._owner, message)
        if attempts is None:
            return
        started = time.perf_counter()
        submission = await self._channel.submit(letter)
        elapsed = time.perf_counter() - started
        metrics.NOTIFIER_SUBMIT_SECONDS.labels(self._channel.name).observe(elapsed)
        await self._record(message, attempts, submission)

    async def _record(self, message: Message, attempts: int, submission: Submission) -> None:
        pause = pause_after(attempts)
        if submission.fate is Fate.TRY_AGAIN and pause is not None:
            await storage.again(self._pool, self._owner, message, submission.code, pause)
            metrics.NOTIFIER_MESSAGES.labels(self._channel.name, "retried").inc()
            return
        state = DECIDED.get(submission.fate, State.FAILED)
        await self._decide(message, state, submission.code)

    async def _decide(self, message: Message, state: State, code: str | None) -> None:
        """Write the end of a message, and its outcome for Kafka, in one transaction."""
        async with self._pool.acquire() as con, con.transaction():
            decided_at = await storage.decide(con, self._owner, message, state.value, code)
            if decided_at is not None and state is not State.WITHDRAWN:
                await self._report(con, {**vars(message), "fate": state.value, "provider_code": code,
                                         "attempts": message.attempts + 1, "decided_at": decided_at})  # fmt: skip
        metrics.NOTIFIER_MESSAGES.labels(self._channel.name, state.value).inc()

    async def _list_doubtful(self) -> None:
        """Each alone: one that cannot be reported is set aside."""
        left = await storage.left(self._pool)
        if not left:
            return
        outcome = await each_alone(left, self._doubt)
        faults = [Fault(Aside(str(each.element)), each.why) for each in outcome.faults]
        await set_aside.settle(self._pool, storage.DOUBTFUL, list(map(str, left)), faults)

    async def _doubt(self, ids: Sequence[uuid.UUID]) -> None:
        async with self._pool.acquire() as con, con.transaction():
            for row in await storage.doubtful(con, ids):
                await self._report(con, {**dict(row), "fate": State.IN_DOUBT.value})
                metrics.NOTIFIER_MESSAGES.labels(row["channel"], State.IN_DOUBT.value).inc()
                log.warning("message_in_doubt", message_id=str(row["message_id"]))

    async def _report(self, con: Any, ended: Mapping[str, Any]) -> None:
        carrier, number = split_key(ended["parcel_key"])
        outcome = {
            "message_id": str(ended["message_id"]), "carrier": carrier, "number": number,
            "kind": ended["kind"], "ordinal": ended["ordinal"], "channel": ended["channel"],
            "fate": ended["fate"], "provider_code": ended["provider_code"],
            "attempts": ended["attempts"], "decided_at": round(ended["decided_at"].timestamp() * 1000),
        }  # fmt: skip
        value = self._codec.encode("NotificationOutcome", outcome)
        await outbox.put(con, self._settings.notifications_topic, ended["parcel_key"].encode(), value)
