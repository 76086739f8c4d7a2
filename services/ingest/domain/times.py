"""When something happened, as a carrier's recipe says that it is told: in one field or several, in which zone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time, timedelta
from typing import Final, NamedTuple

from buuta.errors import BadItem
from buuta.model.statuses import OffsetSource
from buuta.model.times import BusinessTime, LocalTime
from buuta.model.zones import is_zone
from services.ingest.domain.forms import Said, read_by
from services.ingest.domain.iso import (
    AWAY,
    HALVES,
    at_offset,
    hour_of,
    in_zone,
    microseconds,
    offset_of,
    one_spaced,
    wall_of,
)

UNITS: Final = {"hours": 60, "minutes": 1}
"""Minutes of a plain number in the field of the offset, by `[times] offset_unit`."""
CLOCK: Final = re.compile(
    r"(?P<H>[0-9]{1,2})[:h](?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?"
    rf"(?: ?(?P<p>{'|'.join(map(re.escape, HALVES))}))?(?P<z> ?(?:{AWAY}))?",
    re.IGNORECASE | re.UNICODE,
)
DIGITS: Final = re.compile("[0-9]{3,6}")
NUMBER: Final = re.compile(r"[+-]?[0-9]{1,4}")


class Apart(NamedTuple):
    """What stands in fields of its own beside the time: the clock, the offset from UTC, the name of the zone."""

    clock: str = ""
    offset: str = ""
    zone: str = ""


NOTHING: Final = Apart()


@dataclass(frozen=True)
class Times:
    """How a carrier writes times: in which forms, and what holds for those that say no offset.

    `assumed_minutes` is the offset of all of them, `zone` the IANA name of their zone; without either it is that of
    the facility or the carrier. A day without a clock is the day of the place, whatever the offset of clocks is.
    """

    forms: Sequence[str] = ("iso",)
    assumed_minutes: int | None = None
    zone: str | None = None
    offset_unit: str = "hours"

    def read(self, raw: str, apart: Apart = NOTHING) -> Said:
        """Read a time.

        Raises:
            BadItem: `time_invalid` or `time_out_of_range`.
        """
        said = read_by(self.forms, raw)
        if apart.clock:
            said = _with_clock(said, one_spaced(apart.clock))
        if isinstance(said, LocalTime):
            return self._placed(said, apart)
        zone = apart.zone or self.zone or ""
        return replace(said, zone=zone) if zone and is_zone(zone) else said

    def _placed(self, local: LocalTime, apart: Apart) -> Said:
        """By the zone or offset that the report says, else by those of the recipe; else the place's zone tells."""
        if apart.zone:
            zone = one_spaced(apart.zone)
            return in_zone(local, zone) if is_zone(zone) else at_offset(local, offset_of(zone))
        if apart.offset:
            return at_offset(local, self._offset(one_spaced(apart.offset)))
        if self.zone is not None:
            return replace(in_zone(local, self.zone), source=OffsetSource.ASSUMED)
        if self.assumed_minutes is None or local.day_only:
            return local
        fixed = at_offset(local, timedelta(minutes=self.assumed_minutes))
        return replace(fixed, source=OffsetSource.ASSUMED)

    def _offset(self, text: str) -> timedelta:
        if NUMBER.fullmatch(text) and self.offset_unit != "hours":
            minutes = int(text) * UNITS[self.offset_unit]
            sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
            return offset_of(f"{sign}{hours:02}:{rest:02}")
        return offset_of(text)


ISO: Final = Times()
"""ISO 8601, in the zone of the place where no offset is said."""


def _with_clock(said: Said, text: str) -> Said:
    """A day with the clock of another field; a table's day may have midnight beside it.

    Raises:
        BadItem: `time_invalid`; the day has a clock of its own, or the other field has none.
    """
    if isinstance(said, BusinessTime) or not (said.day_only or said.wall.time() == time()):
        raise BadItem(
            "time_invalid", "the day has a clock of its own beside that of the other field", "time"
        )
    found = CLOCK.fullmatch(_colons(text))
    if found is None:
        raise BadItem("time_invalid", "the clock is not written like 09:30, 09:30:15 or 9:30 SA", "clock")
    hour = hour_of(int(found["H"]), found["p"])
    clock = (hour, int(found["M"]), int(found["S"] or 0), microseconds(found["f"]))
    wall = wall_of((said.wall.year, said.wall.month, said.wall.day), clock)
    return wall if found["z"] is None else at_offset(wall, offset_of(found["z"]))


def _colons(text: str) -> str:
    """Digits alone as a clock: 0930, and 93000 of a number that lost its zero."""
    if not DIGITS.fullmatch(text):
        return text
    digits = text.zfill(len(text) + len(text) % 2)
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
