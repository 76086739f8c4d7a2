"""The sender: a slot a message; what is slow holds up its own lane and nothing else."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import structlog

from buuta.errors import Unopenable
from buuta.storage import contacts, set_aside
from buuta.storage.background import Fault, each_alone, run_forever
from buuta.storage.contacts import Contact, Unreadable
from buuta.storage.set_aside import Aside
from buuta.telemetry import metrics
from buuta.telemetry.ending import end
from services.notifier import lanes, tries
from services.notifier.channels.channel import Channel
from services.notifier.domain.states import State
from services.notifier.lanes import Lane, Message
from services.notifier.office import Office
from services.notifier.reach import Reach
from services.notifier.trying import Trying

log = structlog.get_logger()
LOOK_SECONDS: Final = 1.0
"""What was left in doubt, and what an older notifier called for, is looked for so often."""
MOMENT_SECONDS: Final = 0.02
DRAIN_SECONDS: Final = 5.0
"""The longest that a stop waits for answers; less than a service has for its end."""


class Sender:
    """Sends by one channel; several may work side by side, in one process or in many."""

    def __init__(self, office: Office, channel: Channel) -> None:
        self._office = office
        self._pool = office.pool
        self._vault = office.vault
        self._channel = channel
        self._slots = office.settings.send_at_once
        self._reach = Reach(channel.name)
        self._trying = Trying(office, channel, self._reach)
        self._under_way: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._looked_at = -LOOK_SECONDS

    async def run(self) -> None:
        """Send until cancelled."""
        await run_forever(f"sender_{self._channel.name}", self._turn, self._office.settings.idle_seconds)

    async def drain(self, within: float = DRAIN_SECONDS) -> None:
        """Claim nothing more, give back what was only claimed, and wait for the answers to what has left.

        What is not answered within so many seconds is in doubt.
        """
        self._trying.is_stopping = True
        async with self._claiming:
            under_way = set(self._under_way)
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=within)
            await end(*late)

    async def _turn(self) -> int:
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            await self.look()
        why = self._channel.waits_for
        self._reach.waits(why)
        if why is not None or self._reach.rests or self._trying.is_stopping:
            self._raise_faults()
            return 0
        return await self.begin()

    async def begin(self) -> int:
        """Claim as many lanes as there are free slots, once there is one, and begin with the first of each."""
        most = self._reach.at_once(self._slots)
        await self._room(most)
        async with self._claiming:
            if self._trying.is_stopping:
                return 0
            claimed = await lanes.claim(self._pool, self._channel.name, most - len(self._under_way))
            begun = await self._begin_with(claimed)
        self._raise_faults()
        return begun

    async def _room(self, most: int) -> None:
        """Wait until a slot is free, and a moment longer for more: a claim costs the same for several."""
        enough = max(most // 4, 1)
        while (free := most - len(self._under_way)) < enough:
            limit = MOMENT_SECONDS if free > 0 else None
            done, _ = await asyncio.wait(
                self._under_way, timeout=limit, return_when=asyncio.FIRST_COMPLETED
            )
            self._raise_faults()
            if not done:
                return

    async def _begin_with(self, claimed: Sequence[Lane]) -> int:
        for lane in claimed:
            metrics.NOTIFIER_WAIT_SECONDS.labels(self._channel.name).observe(max(lane.waited, 0))
        messages = await lanes.heads(self._pool, claimed)
        known = await self._contacts(messages)
        for message in messages:
            trying = self._trying.alone(message, self._contact(message, known))
            self._under_way.add(asyncio.create_task(trying))
        headed = {message.lane.lease for message in messages}
        for lane in claimed:
            if lane.lease not in headed:
                await lanes.free(self._pool, lane, is_last=True)
        return len(messages)

    def _raise_faults(self) -> None:
        """Forget what has ended.

        Raises:
            Exception: what one of them waited for is away.
        """
        ended = [task for task in self._under_way if task.done()]
        self._under_way.difference_update(ended)
        faults = [why for task in ended if not task.cancelled() and (why := task.exception()) is not None]
        if faults:
            raise faults[0]

    async def _contacts(self, messages: Sequence[Message]) -> dict[uuid.UUID, Contact | Exception]:
        """The contacts of messages; in the place of one that does not open stands why."""
        known: dict[uuid.UUID, Contact | Exception] = {}

        async def read(ids: Sequence[uuid.UUID]) -> None:
            for registration_id, each in (await contacts.load(self._pool, self._vault, ids)).items():
                known[registration_id] = Unopenable(each.why) if isinstance(each, Unreadable) else each

        outcome = await each_alone(
            list({each for message in messages for each in message.registrations}), read
        )
        known.update({fault.element: fault.why for fault in outcome.faults})
        return known

    def _contact(
        self, message: Message, known: Mapping[uuid.UUID, Contact | Exception]
    ) -> Contact | Exception | None:
        """Who is to be told, by whichever registration still names them; None where none does.

        Of one that does not open and might be the one, why.
        """
        wanted = (message.channel, message.recipient_hash)
        found = [known[each] for each in message.registrations if each in known]
        for contact in found:
            if isinstance(contact, Contact) and wanted in contacts.recipients(self._vault, contact):
                return contact
        return next((why for why in found if isinstance(why, Exception)), None)

    async def look(self) -> None:
        """Look for what was left: in doubt since its worker died, each alone, or without a lane."""
        while await lanes.adopt(self._pool):
            continue
        left = await tries.left(self._pool)
        if not left:
            return
        outcome = await each_alone(left, self._doubt)
        faults = [Fault(Aside(str(each.element)), each.why) for each in outcome.faults]
        await set_aside.settle(self._pool, tries.DOUBTFUL, list(map(str, left)), faults)

    async def _doubt(self, ids: Sequence[uuid.UUID]) -> None:
        async with self._pool.acquire() as con, con.transaction():
            for row in await tries.doubtful(con, ids):
                await self._office.report(con, dict(row), State.IN_DOUBT)
                metrics.NOTIFIER_MESSAGES.labels(row["channel"], State.IN_DOUBT.value).inc()
                log.warning("message_in_doubt", message_id=str(row["message_id"]))


@contextlib.asynccontextmanager
async def draining(senders: Sequence[Sender]) -> AsyncIterator[None]:
    """Drain senders at the end of the body."""
    try:
        yield
    finally:
        await asyncio.gather(*(sender.drain() for sender in senders))
