"""Occurrences: when a status is worth another milestone of its kind, and what tells that one from the others.

The number of an occurrence is made of what the carrier says of it: the attempt, the day, the place. So a late scan
adds a milestone or takes one away and never gives another its number, as counting them would: who was told of the
attempt of Tuesday is not told of it again since Monday's came late. `ordinal` counts, for people.

`Parcel.live` keeps a letter a milestone; behind it, up to a comma, what tells it apart, where the letter alone does
not: `O20261124,` is the round of that day, `F2@20261124,` the attempt with that number, `F@20261124,` one without.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from zlib import crc32

from services.tracker.domain.days import day_number, written
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import IN_A_ROW, RULES, Apart, MilestoneRule

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


class Joined(NamedTuple):
    """A milestone that joins: how many of its kind there are with it, and its number among them."""

    ordinal: int
    occurrence: int


class At(NamedTuple):
    """What of a scan tells milestones apart; `undone` of its kind were taken back before it came."""

    occurred_at: int
    zone: str | None = None
    attempt: int | None = None
    facility: str | None = None
    undone: int = 0


def join(parcel: Parcel, status: str, at: At) -> Joined | None:
    """Take the milestone that a status implies into the live set, if it is another one.

    The parcel's own status is still that of before, and so is `attempts`, which moves on with an attempt.
    """
    rule, before = RULES[status].milestone, parcel.status
    if rule is None or (status == before and rule.apart not in IN_A_ROW):
        return None
    if before is not None and rule.apart is Apart.EACH_TIME and RULES[before].milestone == rule:
        return None
    return BY[rule.apart](parcel, rule, at)


def join_deadline(parcel: Parcel, rule: MilestoneRule, deadline_at: int) -> Joined | None:
    """The same of a deadline that passed (UTC milliseconds)."""
    return BY[rule.apart](parcel, rule, At(deadline_at))


def _once(parcel: Parcel, rule: MilestoneRule, at: At) -> Joined | None:
    if rule.letter in parcel.live:
        return None
    parcel.live += rule.letter
    return Joined(1, 1 + at.undone)


def _each_time(parcel: Parcel, rule: MilestoneRule, at: At) -> Joined:
    parcel.live += rule.letter
    ordinal = parcel.live.count(rule.letter)
    return Joined(ordinal, ordinal + at.undone)


def _a_day(parcel: Parcel, rule: MilestoneRule, at: At) -> Joined | None:
    day = written(day_number(at.occurred_at, at.zone))
    entry = f"{rule.letter}{day},"
    if entry in parcel.live:
        return None
    parcel.live += entry
    return Joined(parcel.live.count(rule.letter), day)


def _attempt(parcel: Parcel, rule: MilestoneRule, at: At) -> Joined | None:
    """Another attempt is one of another number; of those without, of another day or after another round."""
    number = at.attempt if at.attempt is not None and at.attempt > 0 else None
    day = written(day_number(at.occurred_at, at.zone))
    before = parcel.attempts
    parcel.attempts = max(before, number or 0)
    entry = f"{rule.letter}{number or ''}@{day},"
    if number and f"{rule.letter}{number}@" in parcel.live:
        return None
    last = (
        _last(parcel, rule)
        if parcel.status is not None and RULES[parcel.status].milestone == rule
        else None
    )
    if last is not None and last[1] == day and (not number or (not last[0] and number <= before)):
        return None
    parcel.attempts = max(before + 1, number or 0)
    parcel.live += entry
    again = min(parcel.live.count(entry), MOST_A_DAY) - 1
    return Joined(parcel.attempts, number or day + again * ANOTHER)


def _point(parcel: Parcel, rule: MilestoneRule, at: At) -> Joined | None:
    """Ready at another point, or there again, is another one; that it still lies there is not."""
    number = day_number(at.occurred_at, at.zone)
    place = crc32(at.facility.casefold().encode()) % PLACES + 1 if at.facility else 0
    last = (
        _last(parcel, rule)
        if parcel.status is not None and RULES[parcel.status].milestone == rule
        else None
    )
    if last is not None and (not place or not last[0] or last[0] == place):
        return None
    entry = f"{rule.letter}{place or ''}@{written(number)},"
    if entry in parcel.live:
        return None
    parcel.live += entry
    return Joined(parcel.live.count(rule.letter), place * DAYS + number)


def _last(parcel: Parcel, rule: MilestoneRule) -> tuple[int, int] | None:
    """Number and day of the newest of a kind in the live set; a number that was not said is 0."""
    found = ENTRY[rule.apart].findall(parcel.live)
    return (int(found[-1][0] or 0), int(found[-1][1])) if found else None


BY: Final[Mapping[Apart, Callable[[Parcel, MilestoneRule, At], Joined | None]]] = {
    Apart.ONCE: _once,
    Apart.EACH_TIME: _each_time,
    Apart.A_DAY: _a_day,
    Apart.A_STAY: _a_day,
    Apart.ATTEMPT: _attempt,
    Apart.POINT: _point,
}
