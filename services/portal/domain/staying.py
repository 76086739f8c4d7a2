"""Staying at a point: since when a parcel waits there, and the last day on which it is kept."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import takewhile

from buuta.model.ways import Line
from buuta.model.zones import local


def last_day(current: Line, timeline: Sequence[Line], days: int) -> str:
    """The last of `days` days at the point where the `current` line of a timeline, newest first, says it lies.

    They begin when it came there; that it still lies there, is no arrival.
    """
    confirmed = [line for line in timeline if line is current or not line.row["provisional"]]
    before = confirmed[confirmed.index(current) :]
    *_, arrived = takewhile(lambda line: _is_there(line, current), before)
    first = local(arrived.at, current.row["zone"])
    return f"{first + timedelta(days=days):%d/%m/%Y}"


def _is_there(line: Line, current: Line) -> bool:
    """Whether a line says of the same place that the parcel lies there; what says no place, says of no other."""
    places = {each.row["facility"].casefold() for each in (line, current) if each.row["facility"]}
    return line.status == current.status and len(places) <= 1
