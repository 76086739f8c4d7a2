"""Caps: how much one recipient and one shipper, of one parcel and in all, may be told in a time; more is held back.

What is held back is kept. What one shipper calls for uses up nothing of another's: a message that several call for
waits only where each of them has had too much. Counted by the time at which the milestones were made, so that the
same records come to the same whenever they are read.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from buuta.storage import windows
from buuta.storage.windows import Window, window
from buuta.telemetry import metrics
from services.notifier import storage
from services.notifier.domain.states import State
from services.notifier.settings import NotifierSettings
from services.notifier.storage import Queued


class Cap(NamedTuple):
    """The most messages of one subject in a window of so many hours; `what` is the reason that is noted."""

    what: str
    subjects: Callable[[Queued], Sequence[str | bytes]]
    hours: int
    setting: str


def _recipient(message: Queued) -> Sequence[bytes]:
    return [message.recipient_hash]


def _shippers(message: Queued) -> Sequence[str]:
    return message.shippers


def _shippers_of_parcel(message: Queued) -> Sequence[str]:
    return [f"{message.parcel_key} {shipper}" for shipper in message.shippers]


CAPS: Final = (
    Cap("recipient_hour", _recipient, 1, "recipient_messages_per_hour"),
    Cap("recipient_day", _recipient, 24, "recipient_messages_per_day"),
    Cap("parcel_day", _shippers_of_parcel, 24, "parcel_messages_per_day"),
    Cap("shipper_hour", _shippers, 1, "shipper_messages_per_hour"),
)


class Called:
    """What a chunk calls for: messages that it queued, and of those that are held what it calls for again."""

    def __init__(self) -> None:
        self.messages: list[Queued] = []
        self._place: dict[UUID, int] = {}

    def first(self, queued: Sequence[Queued]) -> None:
        """Note messages that wait now and did not before."""
        for each in queued:
            self._place[each.message_id] = len(self.messages)
            self.messages.append(each)

    def again(self, joined: Sequence[Queued]) -> None:
        """Note who joined in what waits; a cap that held a message back need not hold for who calls for it now."""
        for each in joined:
            place = self._place.get(each.message_id)
            if place is not None:
                known = self.messages[place]
                self.messages[place] = known._replace(shippers=[*known.shippers, *each.shippers])
            elif each.state == State.HELD:
                self.first([each])


class Caps:
    """Holds messages that were just called for to the caps of the settings."""

    def __init__(self, settings: NotifierSettings) -> None:
        self._most: Mapping[str, int] = {cap.what: getattr(settings, cap.setting) for cap in CAPS}

    async def hold_to(self, con: Any, called: Called, at_ms: int) -> None:
        """Count messages, in their order, in the transaction of `con`.

        Those that are too many are held back; those that were, and are not too many for who calls for them now, go.
        """
        counts = Counter(each for message in called.messages for each in _windows(message, at_ms))
        totals = await windows.take(con, counts)
        before = Counter({each: totals[each] - count for each, count in counts.items()})
        held, go = defaultdict[str, list[UUID]](list), list[UUID]()
        for message in called.messages:
            before.update(_windows(message, at_ms))
            reason = self._too_much(message, at_ms, before)
            if reason is not None:
                held[reason].append(message.message_id)
            elif message.state == State.HELD:
                go.append(message.message_id)
        for reason, ids in held.items():
            metrics.NOTIFIER_HELD.labels(reason).inc(await storage.hold(con, ids, reason))
        if go:
            await storage.release(con, go)
        await windows.drop_ended(con, at_ms)

    def _too_much(self, message: Queued, at_ms: int, counts: Mapping[Window, int]) -> str | None:
        """The first cap that a message is beyond for everybody whom it counts for."""
        for cap in CAPS:
            own = [counts[each] for each in _windows_of(cap, message, at_ms)]
            if own and min(own) > self._most[cap.what]:
                return cap.what
        return None


def _windows(message: Queued, at_ms: int) -> Iterator[Window]:
    for cap in CAPS:
        yield from _windows_of(cap, message, at_ms)


def _windows_of(cap: Cap, message: Queued, at_ms: int) -> Iterator[Window]:
    for subject in cap.subjects(message):
        yield window(f"message_{cap.what}", subject, at_ms, cap.hours)
