"""Caps: how much one recipient, one parcel and one shipper may be told in a time; more is held back and kept.

Counted by the time at which the milestones were made, so that the same records come to the same whenever they are
read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from buuta.storage import windows
from buuta.storage.windows import Window, window
from buuta.telemetry import metrics
from services.notifier import storage
from services.notifier.settings import NotifierSettings
from services.notifier.storage import Queued


class Cap(NamedTuple):
    """The most messages of one subject in a window of so many hours; `what` is the reason that is noted."""

    what: str
    subject: str
    hours: int
    setting: str


CAPS: Final = (
    Cap("recipient_hour", "recipient_hash", 1, "recipient_messages_per_hour"),
    Cap("recipient_day", "recipient_hash", 24, "recipient_messages_per_day"),
    Cap("parcel_day", "parcel_key", 24, "parcel_messages_per_day"),
    Cap("shipper_hour", "shipper", 1, "shipper_messages_per_hour"),
)


class Caps:
    """Holds messages that were just queued to the caps of the settings."""

    def __init__(self, settings: NotifierSettings) -> None:
        self._most = {f"message_{cap.what}": getattr(settings, cap.setting) for cap in CAPS}

    async def hold_back(self, con: Any, queued: Sequence[Queued], at_ms: int) -> None:
        """Count messages, in their order, and hold back those that are too many, in the transaction of `con`."""
        counts = Counter(each for message in queued for each in _windows(message, at_ms))
        totals = await windows.take(con, counts)
        before = Counter({each: totals[each] - count for each, count in counts.items()})
        held = defaultdict[str, list[Any]](list)
        for message in queued:
            before.update(_windows(message, at_ms))
            full = [each for each in _windows(message, at_ms) if before[each] > self._most[each.what]]
            if full:
                held[full[0].what.removeprefix("message_")].append(message.message_id)
        for reason, ids in held.items():
            await storage.hold(con, ids, reason)
            metrics.NOTIFIER_HELD.labels(reason).inc(len(ids))
        await windows.drop_ended(con, at_ms)


def _windows(message: Queued, at_ms: int) -> Iterator[Window]:
    for cap in CAPS:
        subject = getattr(message, cap.subject)
        if subject is not None:
            yield window(f"message_{cap.what}", subject, at_ms, cap.hours)
