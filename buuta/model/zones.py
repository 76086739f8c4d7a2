"""Time zones by their IANA names, and the one way in which people are told a time.

An offset that a carrier states says how it wrote a time, and not where it was: 09:25Z is 16:25 in Hanoi. People
read the clock of the place: that of its facility's zone, else of its carrier's, None being Vietnam's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from buuta.model.statuses import OffsetSource
from buuta.model.times import VIETNAM, VIETNAM_MINUTES, BusinessTime, LocalTime

VIETNAM_ZONE: Final = "Asia/Ho_Chi_Minh"
VIETNAMS: Final = frozenset({VIETNAM_ZONE, "Asia/Saigon"})
LONGEST: Final = 64


@lru_cache(1_000)
def zone_of(name: str | None) -> tzinfo | None:
    """The rules of a time zone by its IANA name, those of Vietnam by None; None for a name that is no zone's."""
    if name is None:
        return VIETNAM
    if len(name) > LONGEST:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return None


def is_zone(name: str) -> bool:
    """Whether it is the IANA name of a time zone."""
    return zone_of(name) is not None


def named_unless_vietnam(name: str | None) -> str | None:
    """A zone as scans carry it: None where it is Vietnam's."""
    return None if name in VIETNAMS else name


@dataclass(frozen=True)
class Zones:
    """Where a carrier's clocks are: its zone, None Vietnam's, and by code those of facilities that have another."""

    own: str | None = None
    facilities: Mapping[str, str] = field(default_factory=dict)

    def settled(self, time: BusinessTime | LocalTime, facility: str | None) -> BusinessTime:
        """When something happened, with the zone in which people read it.

        That is the facility's, else the one that the report names, else the carrier's; in it a clock without an
        offset is read, too.

        Raises:
            BadItem: `time_out_of_range`.
        """
        zone = self._zone_of(time, facility)
        if isinstance(time, LocalTime):
            return time.at(zone_of(zone) or UTC, zone)
        if time.zone == zone:
            return time
        if time.source is OffsetSource.ASSUMED and zone != VIETNAM_ZONE:
            return replace(time, offset_minutes=offset_at(time.ms, zone), zone=zone)
        return replace(time, zone=zone)

    def _zone_of(self, time: BusinessTime | LocalTime, facility: str | None) -> str | None:
        """The zone by its name; None is Vietnam's, where nobody says another."""
        named = time.zone if isinstance(time, BusinessTime) else None
        return self._at(facility or "") or named or self.own

    def _at(self, facility: str) -> str | None:
        return self.facilities.get(facility) or self._folded.get(facility.casefold())

    @cached_property
    def _folded(self) -> Mapping[str, str]:
        """The zones by codes in any case."""
        return {code.casefold(): zone for code, zone in self.facilities.items()}


def one_zone(zones: Iterable[str | None]) -> str | None:
    """The zone of a page or list on which times of several stand: theirs if they share one, else Vietnam's."""
    found = set(zones)
    return found.pop() if len(found) == 1 else None


def local(ms: int, zone: str | None = None) -> datetime:
    """Clock and calendar of a zone at a UTC millisecond; of a zone that this machine does not know those of UTC."""
    return datetime.fromtimestamp(ms / 1000, zone_of(zone) or UTC)


def told_time(ms: int, zone: str | None = None, *, day_only: bool = False) -> str:
    """A time as people read it, `24/11/2026 16:25`; a day without its clock is `24/11/2026`.

    `ms` is UTC in milliseconds. A clock that is not Vietnam's is named: `24/11/2026 18:25 (UTC+9)`. Of a day `zone`
    must be that of the place, whatever the page's: elsewhere its last millisecond lies in another day. A zone that
    this machine does not know is told in UTC, by that name.
    """
    moment = local(ms, zone)
    if day_only:
        return f"{moment:%d/%m/%Y}"
    minutes = _minutes(moment)
    return f"{moment:%d/%m/%Y %H:%M}" + ("" if minutes == VIETNAM_MINUTES else f" ({offset_name(minutes)})")


def told_among(ms: int, own: str | None, shared: str | None, *, day_only: bool) -> str:
    """A time among others (`told_time`): in the zone that they share (`one_zone`); a day is its own place's."""
    return told_time(ms, own if day_only else shared, day_only=day_only)


def offset_name(minutes: int) -> str:
    """An offset from UTC as people read it: `UTC+9`, `UTC-3:30`, `UTC`."""
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def offset_at(ms: int, zone: str | None) -> int:
    """Minutes that the clocks of a zone are ahead of UTC at a UTC millisecond."""
    return _minutes(local(ms, zone))


def _minutes(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)
