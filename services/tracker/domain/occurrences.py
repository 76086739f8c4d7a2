"""Occurrences: when a status is worth another milestone of its kind, and what tells that one from the others.

The number of an occurrence is made of what the carrier says of it: the attempt, the day, the place. So a late scan
adds a milestone or takes one away and never gives another its number, as counting them would: who was told of the
attempt of Tuesday is not told of it again since Monday's came late. `ordinal` counts, for people.

`Parcel.live` keeps a letter a milestone; behind it, up to a comma, what tells it apart, where the letter alone does
not: `O20261124,` is the round of that day, `F2@20261124,` the attempt with that number, `F@20261124,` one without.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final
from zlib import crc32

from services.tracker.domain.days import day_number, written
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import MILESTONES, RULES, Apart, MilestoneRule
from services.tracker.domain.seen import ATTEMPT, FACILITY, OCCURRED_AT, ZONE, Seen

ANOTHER: Final = 100_000_000
"""Added to a day for each further attempt of it that has no number."""
MOST_A_DAY: Final = 20
PLACES: Final = 20_000
DAYS: Final = 100_000
"""A place is told apart by one of so many numbers, before its day's, which has up to five digits."""
ENTRY: Final[Mapping[Apart, re.Pattern[str]]] = {
    Apart.ATTEMPT: re.compile("F([0-9]*)@([0-9]+),"),
    Apart.POINT: re.compile("P([0-9]*)@([0-9]+),"),
}
Joined = tuple[int, int]
"""A milestone that joins: how many of its kind there are with it, and its number among them."""
Join = Callable[[Parcel, MilestoneRule, Seen, int], Joined | None]


def join(parcel: Parcel, status: str, scan: Seen, undone: int) -> Joined | None:
    """Take the milestone that a status implies into the live set, if it is another one.

    The parcel's own status is still that of before, and so is `attempts`, which moves on with an attempt. `undone`
    of the kind were taken back before the scan came.
    """
    rule, by = OF[status]
    return by(parcel, rule, scan, undone)


def join_deadline(parcel: Parcel, rule: MilestoneRule, deadline_at: int) -> Joined | None:
    """The same of a deadline that passed (UTC milliseconds)."""
    if rule.apart is Apart.ONCE:
        return _first(parcel, rule, 0)
    return _on(parcel, rule, written(day_number(deadline_at, None)))


def _first(parcel: Parcel, rule: MilestoneRule, undone: int) -> Joined | None:
    if rule.letter in parcel.live:
        return None
    parcel.live += rule.letter
    return 1, 1 + undone


def _once(parcel: Parcel, rule: MilestoneRule, _: Seen, undone: int) -> Joined | None:
    return _first(parcel, rule, undone)


def _each_time(parcel: Parcel, rule: MilestoneRule, _: Seen, undone: int) -> Joined | None:
    if _stands(parcel, rule):
        return None
    parcel.live += rule.letter
    ordinal = parcel.live.count(rule.letter)
    return ordinal, ordinal + undone


def _a_day(parcel: Parcel, rule: MilestoneRule, scan: Seen, _: int) -> Joined | None:
    return _on(parcel, rule, written(day_number(scan[OCCURRED_AT], scan[ZONE])))


def _on(parcel: Parcel, rule: MilestoneRule, day: int) -> Joined | None:
    entry = f"{rule.letter}{day},"
    if entry in parcel.live:
        return None
    parcel.live += entry
    return parcel.live.count(rule.letter), day


def _attempt(parcel: Parcel, rule: MilestoneRule, scan: Seen, _: int) -> Joined | None:
    """Another attempt is one of another number; of those without, of another day or after another round."""
    number = max(scan[ATTEMPT] or 0, 0)
    day = written(day_number(scan[OCCURRED_AT], scan[ZONE]))
    if _is_told(parcel, rule, number, day):
        parcel.attempts = max(parcel.attempts, number)
        return None
    entry = f"{rule.letter}{number or ''}@{day},"
    parcel.attempts = max(parcel.attempts + 1, number)
    parcel.live += entry
    again = min(parcel.live.count(entry), MOST_A_DAY) - 1
    return parcel.attempts, number or day + again * ANOTHER


def _is_told(parcel: Parcel, rule: MilestoneRule, number: int, day: int) -> bool:
    """Whether a report is of an attempt that is in the live set: by its number, or the same day, with no round
    between."""
    if number and f"{rule.letter}{number}@" in parcel.live:
        return True
    last = _last(parcel, rule) if _stands(parcel, rule) else None
    return (
        last is not None and last[1] == day and (not number or (not last[0] and number <= parcel.attempts))
    )


def _point(parcel: Parcel, rule: MilestoneRule, scan: Seen, _: int) -> Joined | None:
    """Ready at another point, or there again, is another one; that it still lies there is not."""
    number, facility = day_number(scan[OCCURRED_AT], scan[ZONE]), scan[FACILITY]
    place = crc32(facility.casefold().encode()) % PLACES + 1 if facility else 0
    last = _last(parcel, rule) if _stands(parcel, rule) else None
    if last is not None and (not place or not last[0] or last[0] == place):
        return None
    entry = f"{rule.letter}{place or ''}@{written(number)},"
    if entry in parcel.live:
        return None
    parcel.live += entry
    return parcel.live.count(rule.letter), place * DAYS + number


def _stands(parcel: Parcel, rule: MilestoneRule) -> bool:
    """Whether the parcel's status implies a milestone of this kind already."""
    return parcel.status is not None and RULES[parcel.status].milestone == rule


def _last(parcel: Parcel, rule: MilestoneRule) -> tuple[int, int] | None:
    """Number and day of the newest of a kind in the live set; a number that was not said is 0."""
    found = ENTRY[rule.apart].findall(parcel.live)
    return (int(found[-1][0] or 0), int(found[-1][1])) if found else None


BY: Final[Mapping[Apart, Join]] = {
    Apart.ONCE: _once,
    Apart.EACH_TIME: _each_time,
    Apart.A_DAY: _a_day,
    Apart.A_STAY: _a_day,
    Apart.ATTEMPT: _attempt,
    Apart.POINT: _point,
}
OF: Final = {str(status): (rule, BY[rule.apart]) for status, rule in MILESTONES.items()}
