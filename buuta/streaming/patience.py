"""What is only away is waited for: the same attempt again, with longer and longer pauses."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from buuta.errors import DatabaseAway, KafkaAway, Paused, Retry
from buuta.storage.faults import is_away
from buuta.telemetry.health import Readiness

log = structlog.get_logger()
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0


def partition_part(number: int) -> str:
    """How readiness names a partition."""
    return f"partition {number}"


def _waited_for(why: Exception) -> str:
    if isinstance(why, Paused):
        return partition_part(why.partition)
    if isinstance(why, KafkaAway):
        return "kafka"
    registry = isinstance(why, Retry) and not isinstance(why, DatabaseAway)
    return "schema registry" if registry else "database"


def _said(why: Exception) -> str:
    return str(why) if isinstance(why, Paused) else type(why).__name__


async def until_reached(
    readiness: Readiness, retried: Callable[[], None], attempt: Callable[[], Awaitable[Any]]
) -> Any:
    """Try until neither PostgreSQL nor Kafka is away; readiness says what is waited for.

    `retried` is called before each further attempt. What is not a matter of waiting is raised.
    """
    pause = FIRST_PAUSE
    waited: set[str] = set()
    while True:
        try:
            result = await attempt()
        except Exception as why:
            if not (isinstance(why, Retry) or is_away(why)):
                raise
            part = _waited_for(why)
            waited.add(part)
            readiness.waits(part, f"{_said(why)}: retried in {pause:.1f} s")
            retried()
            log.warning("retry", part=part, error=type(why).__name__, pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            # Only what was waited for here: a partition that goes on says nothing of what others wait for.
            for part in waited:
                readiness.reached(part)
            return result
