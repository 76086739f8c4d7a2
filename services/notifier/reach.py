"""Whether a channel's provider is reached: that is the channel's state, and no message's attempt."""

import time
from typing import Final

import structlog

from buuta.telemetry import metrics
from services.notifier.domain.rules import away_pause

log = structlog.get_logger()
AT_ONCE_WHILE_AWAY: Final = 1


class Reach:
    """Counts how often in a row a provider did not answer; while it does not, one message at a time asks for it."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._misses = 0
        self._again_at = 0.0
        self.waits(None)

    @property
    def pause(self) -> float:
        """Seconds from a miss until the next try."""
        return away_pause(self._misses)

    @property
    def rests(self) -> bool:
        """Whether it is too early to claim."""
        return time.monotonic() < self._again_at

    def at_once(self, most: int) -> int:
        """How many messages may be under way."""
        return AT_ONCE_WHILE_AWAY if self._misses else most

    def waits(self, why: str | None) -> None:
        """Show whether the channel waits for its provider."""
        metrics.NOTIFIER_AWAY.labels(self._channel).set(0 if why is None and not self._misses else 1)

    def answered(self) -> None:
        """The provider has answered for a message."""
        if self._misses:
            log.info("channel_reached", channel=self._channel, misses=self._misses)
        self._misses = 0
        self.waits(None)

    def slower(self) -> None:
        """The provider takes no more just now: nothing is claimed for a moment."""
        self._again_at = max(self._again_at, time.monotonic() + away_pause(1))

    def missed(self, code: str) -> None:
        """The provider has not answered for a message, which it has not got."""
        if self.rests:
            return
        self._misses += 1
        self._again_at = time.monotonic() + self.pause
        self.waits(code)
        if self._misses == 1:
            log.warning("channel_away", channel=self._channel, code=code)
