"""Times as ISO 8601 writes them, and the forms of it that people and machines send.

Read are a date and a clock to the minute, the second or a part of it, with Z, an offset or none, and a date alone.
Refused is what `datetime.fromisoformat` reads as something else than was meant: week dates, an hour without its
minutes, any character between date and clock.
"""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.statuses import OffsetSource
from buuta.model.times import BusinessTime, LocalTime, in_range, local_time, minutes_of, ms_of
from buuta.model.zones import is_zone, zone_of

MOST_OFFSET: Final = timedelta(hours=14)
CLOCK: Final = r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?"
BASIC_CLOCK: Final = r"(?P<H>[0-9]{2})(?P<M>[0-9]{2})(?:(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?"
AWAY: Final = r"(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?|Z|UTC|GMT"
"""An offset from UTC as it stands behind a time."""
OFFSET: Final = rf"(?P<z> ?(?:{AWAY})| [0-9]{{2}}:[0-9]{{2}})?(?:\[(?P<zone>[^\]]{{1,64}})\])?"
"""RFC 9557 puts the zone's name in brackets. A form's unescaped `+` arrives as a space."""
EXTENDED: Final = re.compile(
    rf"(?P<Y>[0-9]{{4}})-(?P<m>[0-9]{{2}})-(?P<d>[0-9]{{2}})(?:[T ]{CLOCK}{OFFSET})?",
    re.IGNORECASE | re.ASCII,
)
BASIC: Final = re.compile(
    rf"(?P<Y>[0-9]{{4}})(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})(?:T{BASIC_CLOCK}{OFFSET})?",
    re.IGNORECASE | re.ASCII,
)
OFFSET_ALONE: Final = re.compile(
    r"(?:UTC|GMT)?(?:Z|(?P<sign>[+-]?)(?:(?P<hours>[0-9]{1,2})(?::(?P<minutes>[0-9]{2}))?|(?P<all>[0-9]{4})))?",
    re.IGNORECASE | re.ASCII,
)
WANTED: Final = (
    "the time is not ISO 8601 such as 2026-11-24T09:30:00+07:00, or 2026-11-24 for a day without a clock"
)


NO_SUCH: Final = "there is no such day, or no such time of a day"
BEYOND: Final = "the offset lies beyond 14 hours from UTC"
HALVES: Final = {"am": 0, "a.m.": 0, "sa": 0, "sáng": 0, "pm": 12, "p.m.": 12, "ch": 12, "chiều": 12}
"""Of a 12-hour clock, in English and Vietnamese: sáng and chiều, which spreadsheets shorten to SA and CH."""


def one_spaced(raw: str) -> str:
    """A text with one space where it has several, none around it, accents in one form, and a hyphen for a minus."""
    text = " ".join(raw.split())
    return text if text.isascii() else unicodedata.normalize("NFC", text).replace("\u2212", "-")


USUAL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][01][0-9]:[0-5][0-9])?",
    re.ASCII,
)
"""What `fromisoformat` reads as it is meant, and in a tenth of the time."""


def read_iso(raw: str) -> BusinessTime | LocalTime:
    """Read ISO 8601; without an offset it is what a clock at the place showed.

    Raises:
        BadItem: `time_invalid` or `time_out_of_range`.
    """
    if USUAL.fullmatch(raw):
        return _usual(raw)
    text = one_spaced(raw)
    found = EXTENDED.fullmatch(text) or BASIC.fullmatch(text)
    if found is None:
        raise BadItem("time_invalid", WANTED, "occurred_at")
    return _read(found.groupdict())


def _usual(raw: str) -> BusinessTime | LocalTime:
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        raise BadItem("time_invalid", NO_SUCH, "occurred_at") from None
    offset = moment.utcoffset()
    if offset is None:
        return local_time(moment)
    if not -MOST_OFFSET <= offset <= MOST_OFFSET:
        raise BadItem("time_invalid", BEYOND, "occurred_at")
    return BusinessTime(in_range(ms_of(moment)), minutes_of(offset), OffsetSource.CARRIER)


def read_extended(raw: str) -> BusinessTime | LocalTime:
    """The same of dates with hyphens alone: eight digits in a row may be a date of another form.

    Raises:
        BadItem: as `read_iso`.
    """
    found = EXTENDED.fullmatch(one_spaced(raw))
    if found is None:
        raise BadItem("time_invalid", WANTED, "occurred_at")
    return _read(found.groupdict())


def _read(parts: dict[str, Any]) -> BusinessTime | LocalTime:
    clock = None
    if parts["H"] is not None:
        clock = (int(parts["H"]), int(parts["M"]), int(parts["S"] or 0), microseconds(parts["f"]))
    wall = wall_of((int(parts["Y"]), int(parts["m"]), int(parts["d"])), clock)
    zone = parts["zone"]
    if parts["z"] is not None:
        return at_offset(wall, offset_of(parts["z"]), None if zone is None else named(zone))
    return wall if zone is None else in_zone(wall, zone)


def wall_of(day: tuple[int, int, int], clock: tuple[int, int, int, int] | None) -> LocalTime:
    """What a clock and a calendar showed: year, month, day, and hour, minute, second, microseconds or no clock.

    Raises:
        BadItem: there is no such day or clock time, or the year is out of range.
    """
    try:
        wall = datetime(*day, *(clock or (0, 0, 0, 0)))  # noqa: DTZ001 - its zone follows later
    except ValueError:
        raise BadItem("time_invalid", NO_SUCH, "occurred_at") from None
    return local_time(wall, day_only=clock is None)


def in_zone(local: LocalTime, zone: str) -> BusinessTime:
    """What a clock showed in the zone that the report names.

    Raises:
        BadItem: it is no zone, or `time_out_of_range`.
    """
    name = named(zone)
    return replace(local.at(zone_of(name) or UTC, name), source=OffsetSource.CARRIER)


def named(zone: str) -> str:
    """The same, if it is a zone's IANA name.

    Raises:
        BadItem: it is none.
    """
    if not is_zone(zone):
        raise BadItem("time_invalid", "the time zone has no name such as Asia/Tokyo", "occurred_at")
    return zone


def at_offset(local: LocalTime, offset: timedelta, zone: str | None = None) -> BusinessTime:
    """What a clock that is so far ahead of UTC showed.

    Raises:
        BadItem: `time_out_of_range`.
    """
    ms = in_range(ms_of(local.wall.replace(tzinfo=timezone(offset))))
    return BusinessTime(ms, minutes_of(offset), OffsetSource.CARRIER, local.day_only, zone)


def of_its_day(time: BusinessTime) -> BusinessTime:
    """The end of the day in which a time lies at its place: by its zone, else by its offset.

    Raises:
        BadItem: `time_out_of_range`, or an offset that no place has.
    """
    if abs(time.offset_minutes) > MOST_OFFSET.total_seconds() / 60:
        raise BadItem("time_invalid", BEYOND, "occurred_at")
    place = timezone(timedelta(minutes=time.offset_minutes)) if time.zone is None else zone_of(time.zone)
    day = datetime.fromtimestamp(in_range(time.ms) / 1000, place)
    local = wall_of((day.year, day.month, day.day), None)
    return (
        at_offset(local, day.utcoffset() or timedelta()) if time.zone is None else in_zone(local, time.zone)
    )


@lru_cache(maxsize=1_024)
def offset_of(raw: str) -> timedelta:
    """An offset from UTC by its text: `Z`, `+07:00`, `+0700`, `+7`, `7`, `UTC+7`, `GMT`.

    Raises:
        BadItem: it is none, or beyond 14 hours.
    """
    found = OFFSET_ALONE.fullmatch(one_spaced(raw).replace(" ", ""))
    if found is None or not raw.strip():
        raise BadItem("time_invalid", "the offset from UTC is not written like +07:00", "occurred_at")
    hours, minutes = (
        divmod(int(found["all"]), 100)
        if found["all"]
        else (_number(found["hours"]), _number(found["minutes"]))
    )
    size = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or size > MOST_OFFSET:
        raise BadItem("time_invalid", BEYOND, "occurred_at")
    return -size if found["sign"] == "-" else size


def _number(digits: str | None) -> int:
    return int(digits or 0)


def hour_of(hour: int, half: str | None) -> int:
    """The hour of 24: 12 SA is midnight and 12 CH noon; `half` is one of `HALVES`, or nothing.

    Raises:
        BadItem: there is no such hour in that half of a day.
    """
    if half is None:
        return hour
    afternoon = HALVES[half.lower()]
    if hour > 12 and afternoon and hour < 24:
        return hour
    if hour > 12:
        raise BadItem("time_invalid", "there is no such hour in that half of a day", "occurred_at")
    return hour % 12 + afternoon


def microseconds(fraction: str | None) -> int:
    """The first six digits of a second's fraction, so that a nanosecond carries nothing into the next second."""
    return int((fraction or "0")[:6].ljust(6, "0"))
