"""Calendar days at a place: Vietnam's where no zone is said."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from buuta.model.times import DAY_MS, VIETNAM_MINUTES
from buuta.model.zones import local

LAST_DAY: Final = 99_999
"""Days after the first of 1970 up to which days are told apart (in 2243): times may be anything."""


def day_number(ms: int, zone: str | None) -> int:
    """The calendar day at the place of a UTC millisecond, as days after the first of January 1970."""
    if zone is None:
        number = (ms + VIETNAM_MINUTES * 60_000) // DAY_MS
    else:
        number = (_local(ms, zone).date() - date(1970, 1, 1)).days
    return min(max(number, 0), LAST_DAY)


def day_begins(ms: int, zone: str | None) -> int:
    """The first UTC millisecond of the calendar day at the place of another."""
    if zone is None:
        return day_number(ms, None) * DAY_MS - VIETNAM_MINUTES * 60_000
    midnight = _local(ms, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return round(midnight.timestamp() * 1000)


def _local(ms: int, zone: str) -> datetime:
    return local(min(max(ms, 0), LAST_DAY * DAY_MS), zone)


@lru_cache(maxsize=4096)
def written(number: int) -> int:
    """A day as 20261124."""
    day = date(1970, 1, 1) + timedelta(days=number)
    return day.year * 10_000 + day.month * 100 + day.day
