"""One try of a message: asked whether it is still to be told, handed to the provider, and what became of it.

No database connection is held while a provider is called.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from buuta.storage.background import is_waited_for, said
from buuta.storage.contacts import Contact
from buuta.telemetry import metrics
from buuta.wording.messages import words
from services.notifier import lanes, tries
from services.notifier.channels.channel import Channel, Letter, Submission
from services.notifier.domain.rules import pause_after
from services.notifier.domain.states import Fate, State
from services.notifier.domain.still import ends_as
from services.notifier.lanes import SUBMIT_LEASE_SECONDS, Message
from services.notifier.office import Office
from services.notifier.reach import Reach
from services.notifier.tries import Ending

log = structlog.get_logger()
DECIDED: Final[Mapping[Fate, State]] = {
    Fate.ACCEPTED: State.SENT,
    Fate.REFUSED: State.FAILED,
    Fate.UNKNOWN: State.IN_DOUBT,
}
AGAIN: Final[Mapping[Fate, str]] = {Fate.TRY_AGAIN: "retried", Fate.AWAY: "not_reached"}
"""What comes back, and as what that is counted."""
Write = Callable[[Any, Message, Ending], Awaitable[Any]]
TOO_LATE_SECONDS: Final = 5.0
"""So long before its lease ends a message may leave last: who was frozen must not send what another tells of."""


class Trying:
    """Tries messages by one channel."""

    def __init__(self, office: Office, channel: Channel, reach: Reach) -> None:
        self._office = office
        self._pool = office.pool
        self._channel = channel
        self._reach = reach
        self.is_stopping = False

    async def alone(self, message: Message, contact: Contact | Exception | None) -> None:
        """Try one message; one that cannot be worded or addressed is tried again later, and fails at last.

        Raises:
            Exception: what is needed is away; the lane comes back when its lease ends.
        """
        try:
            await self._try(message, contact)
        except Exception as why:
            if is_waited_for(why):
                raise
            await self._put_off(message, why)

    async def _try(self, message: Message, contact: Contact | Exception | None) -> None:
        hours = self._office.settings.tell_within_hours
        end = ends_as(message.kind, message.happened_at, message.standing, hours)
        if end is not None:
            await self._end(message, end)
        elif message.due_in > 0 or self.is_stopping:
            await lanes.free(self._pool, message.lane, pause=message.due_in)
        elif isinstance(contact, Exception):
            raise contact
        elif contact is None or contact.address(self._channel.name) is None:
            await self._end(message, State.WITHDRAWN)
        else:
            await self._submit(message, contact)

    async def _submit(self, message: Message, contact: Contact) -> None:
        milestone = json.loads(message.milestone)
        letter = self._letter(message, contact, milestone)
        attempts = await tries.submitting(self._pool, message, milestone["sequence"])
        if attempts is None:
            await lanes.free(self._pool, message.lane)
            return
        started = time.perf_counter()
        submission = await self._channel.submit(letter)
        elapsed = time.perf_counter() - started
        metrics.NOTIFIER_SUBMIT_SECONDS.labels(self._channel.name).observe(elapsed)
        await self._record(message, attempts, submission)

    def _letter(self, message: Message, contact: Contact, milestone: Mapping[str, Any]) -> Letter:
        office = self._office
        text = words(milestone, contact.language, office.settings.portal_url)
        leaves_by = time.monotonic() + SUBMIT_LEASE_SECONDS - TOO_LATE_SECONDS
        address = contact.address(self._channel.name) or ""
        return Letter(message.message_id, address, contact.language, text, message.pieces, leaves_by)

    async def _record(self, message: Message, attempts: int, submission: Submission) -> None:
        """What the answer means for the message, and for the channel."""
        pause: float | None = pause_after(attempts)
        if submission.fate is Fate.AWAY:
            self._reach.missed(submission.code)
            pause = self._reach.pause
        elif submission.fate is not Fate.UNKNOWN:
            self._reach.answered()
        if submission.is_throttled:
            self._reach.slower()
        if submission.fate in AGAIN and pause is not None:
            async with self._pool.acquire() as con, con.transaction():
                await tries.again(con, message, submission, pause)
            metrics.NOTIFIER_MESSAGES.labels(self._channel.name, AGAIN[submission.fate]).inc()
            return
        state = DECIDED.get(submission.fate, State.FAILED)
        await self._write(tries.decide, message, Ending(state, submission.code, attempts))

    async def _end(self, message: Message, state: State) -> None:
        await self._write(tries.end_untried, message, Ending(state, None, message.attempts))

    async def _write(self, write: Write, message: Message, ending: Ending) -> None:
        """Write how a message ended, and its outcome for Kafka, in one transaction."""
        async with self._pool.acquire() as con, con.transaction():
            at = await write(con, message, ending)
            if at is not None:
                said_of = {"provider_code": ending.code, "attempts": ending.attempts, "decided_at": at}
                await self._office.report(con, vars(message) | said_of, ending.state)
        if at is not None:
            metrics.NOTIFIER_MESSAGES.labels(self._channel.name, ending.state.value).inc()

    async def _put_off(self, message: Message, why: Exception) -> None:
        """Of what was about to leave nobody knows: that becomes in doubt when its lease is over."""
        log.error(
            "message_failed", channel=self._channel.name, message_id=str(message.message_id), exc_info=why
        )
        attempts = message.attempts + 1
        pause = pause_after(attempts)
        if pause is None:
            await self._write(tries.end_untried, message, Ending(State.FAILED, said(why), attempts))
            return
        async with self._pool.acquire() as con, con.transaction():
            await tries.put_off(con, message, said(why), pause)
