"""Timelines: the scans that steer a parcel's page, however many scans of the number there are.

Of an honest number all scans are read. Of one that has more than steer, which is a fault or an attack, finding
those that do goes through all of them, and anybody may ask: one is read at a time, and each once a minute at most.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from buuta.model.steering import MOST_SCANS, STEERING_MS
from buuta.web.problems import Problem

KEPT_SECONDS: Final = 60.0
MOST_KEPT: Final = 16
"""So many timelines of 2,000 scans are some 40 MB."""
COLUMNS: Final = """status, reason, delivery_mode, provisional, occurred_at, offset_minutes, facility, province,
  commune, day_only, zone, direction, partial_return, linked_number, encode(event_id, 'hex') as event_id,
  encode(corrects_event_id, 'hex') as corrects_event_id,
  correction_kind, received_at, reporter"""
ALL: Final = f"""
select {COLUMNS} from scans where parcel_key = $1 and {STEERING_MS} >= $2
"""  # noqa: S608 - names of our own
FIRST_RECEIVED: Final = f"""
select {COLUMNS} from (
  select * from (
    select *, row_number() over (partition by reporter order by received_at, event_id) as turn
    from scans where parcel_key = $1
  ) as turns where turn <= {MOST_SCANS} order by turn, received_at, event_id limit {MOST_SCANS}
) as first_received
where {STEERING_MS} >= $2
"""  # noqa: S608 - names of our own
Rows = Sequence[Any]
Read = Callable[[], Awaitable[Rows]]


class Kept(NamedTuple):
    """What was read last, until when it is not read again; None where it could not be."""

    rows: Rows | None
    until: float


class LongTimelines:
    """What was read last of numbers that have more scans than steer."""

    def __init__(self, seconds: float = KEPT_SECONDS) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[tuple[str, int], Kept] = OrderedDict()
        self._reading = False

    async def of(self, key: str, since: int, read: Read) -> Rows:
        """The timeline of a parcel since it began, by `read` if it is time to read it.

        Raises:
            Problem: another one is being read, or this one could not be.
        """
        place = key, since
        kept = self._kept.get(place)
        if not self._reading and (kept is None or time.monotonic() >= kept.until):
            kept = await self._read(place, read)
        if kept is None or kept.rows is None:
            raise Problem(
                503,
                "timeline_busy",
                "this number has very many scans: ask again later",
                {"Retry-After": "10"},
            )
        return kept.rows

    async def _read(self, place: tuple[str, int], read: Read) -> Kept:
        self._reading, rows = True, None
        try:
            rows = await read()
        finally:
            # Also what failed rests.
            self._reading = False
            kept = self._kept[place] = Kept(rows, time.monotonic() + self._seconds)
            self._kept.move_to_end(place)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept


async def timeline(con: Any, parcel: Any, long: LongTimelines) -> Rows:
    """The scans of a parcel that may steer, in any order; `parcel` is its row.

    Raises:
        Problem: as `LongTimelines.of`.
    """
    key, since = parcel["parcel_key"], parcel["epoch_from"] or 0
    if parcel["full_at"] is None:
        rows: Rows = await con.fetch(ALL, key, since)
        return rows
    return await long.of(key, since, lambda: con.fetch(FIRST_RECEIVED, key, since))
