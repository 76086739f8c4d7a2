"""Tables whose rows are to reach Kafka in their order: the outbox and the spool.

A record that cannot be sent moves to `set_aside`, and what comes later under its key queues up behind it there. All
others go on.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.storage import locks, set_aside
from buuta.storage.background import Fault, each_alone
from buuta.storage.locks import Lock
from buuta.storage.set_aside import Aside

AGAIN: Final = 50


@dataclass(frozen=True)
class Record:
    """A record of a queue: its number in it, where it goes, and itself."""

    number: int
    topic: str
    key: bytes
    value: bytes

    @property
    def lane(self) -> tuple[str, bytes]:
        """Within what the order counts."""
        return self.topic, self.key

    @property
    def aside(self) -> Aside:
        """The record as it is set aside."""
        return Aside(str(self.number), self.number, self.topic, self.key, self.value)


Send = Callable[[Sequence[Record]], Awaitable[object]]


@dataclass(frozen=True)
class Queue:
    """A table with a number that grows; `oldest` selects number, topic, key and value of so many rows."""

    loop: str
    lock: Lock
    oldest: str
    delete: str


async def drain(con: Any, queue: Queue, send: Send, most: int) -> int:
    """Send the oldest records in the caller's transaction; returns how many left the queue.

    One process does it at a time. One that dies between the acknowledgement and the delete sends again.

    Raises:
        Retry: Kafka is away; all stay.
    """
    if not await locks.try_hold(con, queue.lock):
        return 0
    again = await _again(con, queue, send)
    records = [Record(*row) for row in await con.fetch(queue.oldest, most)]
    behind = await set_aside.keys(con, queue.loop, [each.lane for each in records])
    free = [each for each in records if each.lane not in behind]
    held = [each for each in records if each.lane in behind]
    outcome = await each_alone(free, send, lambda record: record.lane)
    await set_aside.settle(con, queue.loop, [], _asides(outcome.faults))
    await set_aside.follow(con, queue.loop, [each.aside for each in [*held, *outcome.held]])
    # By their numbers: one with a lesser number may have been committed since they were read.
    await con.execute(queue.delete, [each.number for each in records])
    return again + len(records)


async def _again(con: Any, queue: Queue, send: Send) -> int:
    """Try once more what is set aside and due."""
    due = [
        Record(each.number, each.place, each.key or b"", each.payload or b"")
        for each in await set_aside.due(con, queue.loop, AGAIN)
    ]
    outcome = await each_alone(due, send)
    await set_aside.settle(con, queue.loop, [each.aside.element for each in due], _asides(outcome.faults))
    return len(outcome.done)


def _asides(faults: Sequence[Fault[Record]]) -> list[Fault[Aside]]:
    return [Fault(fault.element.aside, fault.why) for fault in faults]
