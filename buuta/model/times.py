"""Business time: UTC milliseconds, the offset, and who said the offset."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from typing import Final

from buuta.errors import BadItem
from buuta.model.statuses import OffsetSource

VIETNAM_MINUTES: Final = 420
VIETNAM: Final = timezone(timedelta(minutes=VIETNAM_MINUTES))
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
YEARS: Final = "the year must lie in 2000 to 2099"
LAST_OF_DAY: Final = time(23, 59, 59, 999_000)
DAY_MS: Final = 86_400_000
REGISTERED_AHEAD_MS: Final = 30 * DAY_MS
"""So long before the first possible scan of a parcel it may be registered."""


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """When a carrier says that something happened.

    `ms` is UTC in milliseconds since 1970; `offset_minutes` is the local time's distance from UTC;
    `source` tells whether the carrier said the offset or the carrier's recipe assumed it. Where the carrier says
    no clock (`day_only`), `ms` is the last millisecond of the day. `zone` is the IANA name of the place's time zone
    as the report says it, or as scans carry it once it is settled; None is not said, or Vietnam's.
    """

    ms: int
    offset_minutes: int
    source: OffsetSource
    day_only: bool = False
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class LocalTime:
    """What clock and calendar at a place showed (`wall`, without a zone); when that was, the place's zone tells.

    Where the carrier says no clock (`day_only`), `wall` is the last millisecond of the day.
    """

    wall: datetime
    day_only: bool = False

    def at(self, zone: tzinfo, name: str | None = None) -> BusinessTime:
        """When it was, at a place with this zone; `name` is how scans carry it.

        Of a clock time that comes twice, as clocks are set back, and of one that never comes, as they are set
        forward, the offset of before the change holds (PEP 495, `fold` 0).

        Raises:
            BadItem: `time_out_of_range`.
        """
        moment = self.wall.replace(tzinfo=zone)
        offset = moment.utcoffset() or timedelta()
        ms = in_range(ms_of(moment))
        return BusinessTime(ms, minutes_of(offset), OffsetSource.ASSUMED, self.day_only, name)


def local_time(wall: datetime, *, day_only: bool = False) -> LocalTime:
    """What clock and calendar showed; of a day alone its end.

    Raises:
        BadItem: `time_out_of_range`.
    """
    if not EARLIEST.year <= wall.year < LATEST.year:
        raise BadItem("time_out_of_range", YEARS, "occurred_at")
    return LocalTime(datetime.combine(wall, LAST_OF_DAY) if day_only else wall, day_only)


def ms_of(moment: datetime) -> int:
    """UTC milliseconds since 1970 of a moment with a zone, rounded."""
    since = moment - EPOCH
    return since.days * DAY_MS + since.seconds * 1000 + (since.microseconds + 500) // 1000


def minutes_of(offset: timedelta) -> int:
    """An offset in whole minutes, rounded down."""
    return (offset.days * 86_400 + offset.seconds) // 60


FIRST_MS: Final = ms_of(EARLIEST)
END_MS: Final = ms_of(LATEST)


def in_range(ms: int) -> int:
    """The same UTC millisecond, if its year can be.

    Raises:
        BadItem: `time_out_of_range`.
    """
    if not FIRST_MS <= ms < END_MS:
        raise BadItem("time_out_of_range", YEARS, "occurred_at")
    return ms


def vietnam_day(ms: int) -> date:
    """The calendar day in Vietnam (UTC+7, no summer time) of a UTC millisecond."""
    return _day((ms + VIETNAM_MINUTES * 60_000) // DAY_MS)


def promised_day(at: int) -> date:
    """The last calendar day in Vietnam of a promise by a UTC millisecond: midnight is the end of the day before."""
    return vietnam_day(at - 1)


@cache
def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def iso_text(ms: int, offset_minutes: int = 0) -> str:
    """ISO 8601 with the offset, to the millisecond."""
    zone = timezone(timedelta(minutes=offset_minutes))
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="milliseconds")
