"""Business time: UTC milliseconds, the offset, and who said the offset."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Final

from buuta.errors import BadItem
from buuta.model.statuses import OffsetSource

VIETNAM_MINUTES: Final = 420
VIETNAM: Final = timezone(timedelta(minutes=VIETNAM_MINUTES))
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
DAY_MS: Final = 86_400_000
REGISTERED_AHEAD_MS: Final = 30 * DAY_MS
"""So long before the first possible scan of a parcel it may be registered."""


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """When a carrier says that something happened.

    `ms` is UTC in milliseconds since 1970; `offset_minutes` is the local time's distance from UTC;
    `source` tells whether the carrier said the offset or the carrier's recipe assumed it. Where the carrier says
    no clock (`day_only`), `ms` is the last millisecond of the day. `zone` is the IANA name of the place's time zone
    where the report says it; None is Vietnam's, or not said.
    """

    ms: int
    offset_minutes: int
    source: OffsetSource
    day_only: bool = False
    zone: str | None = None


def parse_iso(raw: str, assumed_minutes: int = VIETNAM_MINUTES) -> BusinessTime:
    """Read ISO 8601 text with Z, with an offset, or with none (then `assumed_minutes` holds).

    A form body's unescaped `+` arrives as a space: `2016-11-02T12:18:39 07:00` is read as +07:00.

    Raises:
        BadItem: `time_invalid` or `time_out_of_range`.
    """
    text = raw.strip()
    if len(text) > 6 and text[-6] == " " and text[-3] == ":" and "T" in text:
        text = f"{text[:-6]}+{text[-5:]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadItem(
            "time_invalid",
            "the time is not ISO 8601 such as 2026-11-24T09:30:00+07:00",
            "occurred_at",
        ) from None
    return _business_time(moment, assumed_minutes)


def parse_pattern(raw: str, pattern: str, assumed_minutes: int = VIETNAM_MINUTES) -> BusinessTime:
    """Read a time by the carrier's own `strptime` pattern; never by a guess between day and month.

    Raises:
        BadItem: `time_invalid` or `time_out_of_range`.
    """
    try:
        moment = datetime.strptime(raw.strip(), pattern)  # noqa: DTZ007 - the offset follows below
    except ValueError:
        raise BadItem("time_invalid", f"the time does not have the form {pattern}", "occurred_at") from None
    return _business_time(moment, assumed_minutes)


def parse_epoch(raw: str, unit_ms: int, assumed_minutes: int = VIETNAM_MINUTES) -> BusinessTime:
    """Read a count of seconds (`unit_ms` 1000) or milliseconds (1) since 1970; it is UTC, shown at the offset.

    Raises:
        BadItem: `time_invalid` or `time_out_of_range`.
    """
    text = raw.strip()
    if not (text.isascii() and text.isdigit()):
        raise BadItem("time_invalid", "the time is not a count since 1970", "occurred_at")
    ms = in_range(int(text[:20]) * unit_ms)
    return BusinessTime(ms, assumed_minutes, OffsetSource.ASSUMED)


def in_range(ms: int) -> int:
    """The same UTC millisecond, if its year can be.

    Raises:
        BadItem: `time_out_of_range`.
    """
    if not EARLIEST.timestamp() * 1000 <= ms < LATEST.timestamp() * 1000:
        raise BadItem("time_out_of_range", "the year must lie in 2000 to 2099", "occurred_at")
    return ms


def _business_time(moment: datetime, assumed_minutes: int) -> BusinessTime:
    source = OffsetSource.CARRIER
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone(timedelta(minutes=assumed_minutes)))
        source = OffsetSource.ASSUMED
    offset = moment.utcoffset() or timedelta()
    if not EARLIEST.year <= moment.year < LATEST.year:
        raise BadItem("time_out_of_range", "the year must lie in 2000 to 2099", "occurred_at")
    return BusinessTime(round(moment.timestamp() * 1000), int(offset.total_seconds()) // 60, source)


def vietnam_day(ms: int) -> date:
    """The calendar day in Vietnam (UTC+7, no summer time) of a UTC millisecond."""
    return _day((ms + VIETNAM_MINUTES * 60_000) // DAY_MS)


@cache
def _day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def local_text(ms: int, offset_minutes: int) -> str:
    """The time as people at the place read it, `24/11/2026 09:30`."""
    zone = timezone(timedelta(minutes=offset_minutes))
    return datetime.fromtimestamp(ms / 1000, zone).strftime("%d/%m/%Y %H:%M")


def iso_text(ms: int, offset_minutes: int = 0) -> str:
    """ISO 8601 with the offset, to the millisecond."""
    zone = timezone(timedelta(minutes=offset_minutes))
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="milliseconds")
