"""Forms of times: how a carrier writes them, as `[times] forms` of its recipe says.

A form is `iso`, `epoch`, `epoch_s`, `epoch_ms`, or a pattern of the directives in `PARTS`, such as
`%d/%m/%Y %H:%M:%S`. What a pattern would read as something else than was meant is refused when it is loaded. A time
that has the form but for its seconds, or with a part of a second, is read, too, and as a day one without its clock.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from buuta.errors import BadItem
from buuta.model.statuses import OffsetSource
from buuta.model.times import VIETNAM_MINUTES, BusinessTime, LocalTime, in_range
from services.ingest.domain.directives import (
    CLOCK,
    DATE,
    DAYS,
    MONTHS,
    NUMBERS,
    PARTS,
    checked_pieces,
    is_number,
    is_of,
    pieces_of,
)
from services.ingest.domain.iso import (
    at_offset,
    hour_of,
    microseconds,
    offset_of,
    one_spaced,
    read_extended,
    read_iso,
    wall_of,
)

Said = BusinessTime | LocalTime
Way = Callable[[str], Said]


@dataclass(frozen=True)
class Pattern:
    """One way to write a time, ready to be read; `text` is the form as the recipe says it."""

    text: str
    fits: re.Pattern[str]

    def __call__(self, raw: str) -> Said:
        """Read a text of one space at most between its words.

        Raises:
            BadItem: `time_invalid` or `time_out_of_range`.
        """
        found = self.fits.fullmatch(raw)
        if found is None:
            raise BadItem("time_invalid", f"the time does not have the form {self.text}", "occurred_at")
        return _said(found.groupdict())


def _said(parts: Mapping[str, str]) -> Said:
    clock = None
    if "M" in parts:
        hour = hour_of(int(parts.get("H") or parts["I"]), parts.get("p"))
        clock = (hour, int(parts["M"]), int(parts.get("S", 0)), microseconds(parts.get("f")))
    wall = wall_of(_day(parts), clock)
    weekday = parts.get("a") or parts.get("A")
    if weekday is not None and not DAYS[wall.wall.weekday()].startswith(weekday.lower()):
        raise BadItem("time_invalid", "the day of the week is not that of the date", "occurred_at")
    return at_offset(wall, offset_of(parts["z"])) if "z" in parts else wall


def _day(parts: Mapping[str, str]) -> tuple[int, int, int]:
    year = int(parts["Y"])
    if "j" in parts:
        try:
            found = date.fromordinal(date(max(year, 1), 1, 1).toordinal() + int(parts["j"]) - 1)
        except ValueError:
            return (year, 0, 0)
        return (found.year, found.month, found.day) if found.year == year else (year, 0, 0)
    named = parts.get("b") or parts.get("B")
    month = int(parts["m"]) if named is None else _place(named, MONTHS)
    return (year, month, int(parts["d"]))


def _place(word: str, words: Sequence[str]) -> int:
    return next(place for place, each in enumerate(words, 1) if each.startswith(word.lower()))


def _epoch(units: Sequence[int], wanted: str) -> Way:
    """Reads a count since 1970 in one of these units, in milliseconds: the first by which its year can be."""
    form = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?", re.ASCII)

    def read(raw: str) -> Said:
        found = form.fullmatch(raw)
        if found is None:
            raise BadItem("time_invalid", f"the time is not {wanted}", "occurred_at")
        made = [int(found[1]) * unit + microseconds(found[2]) * unit // 1_000_000 for unit in units]
        ms = next(filter(_is_in_range, made), made[0])
        return BusinessTime(in_range(ms), VIETNAM_MINUTES, OffsetSource.ASSUMED)

    return read


def _is_in_range(ms: int) -> bool:
    try:
        return in_range(ms) == ms
    except BadItem:
        return False


NAMED: Final[Mapping[str, Way]] = {
    "iso": read_iso,
    "epoch": _epoch((1000, 1), "a count of seconds or milliseconds since 1970"),
    "epoch_s": _epoch((1000,), "a count of seconds since 1970"),
    "epoch_ms": _epoch((1,), "a count of milliseconds since 1970"),
}
"""Between 2000 and 2099 a count of seconds and one of milliseconds cannot be taken for one another."""


def read_by(forms: Sequence[str], raw: str) -> Said:
    """Read a time by the first of some forms that fits, in their order.

    Raises:
        BadItem: `time_invalid`, or `time_out_of_range` where one fits with a year that cannot be.
    """
    text, wrong = one_spaced(raw), None
    for way in ways_of(tuple(forms)):
        try:
            return way(text)
        except BadItem as bad:
            wrong = bad if wrong is None or bad.code != "time_invalid" else wrong
    if wrong is not None and (wrong.code != "time_invalid" or len(forms) == 1):
        raise wrong
    raise BadItem("time_invalid", f"the time has none of the forms {', '.join(forms)}", "time")


@cache
def ways_of(forms: tuple[str, ...]) -> Sequence[Way]:
    """How a recipe's times are read, the first way first; last what cannot be anything else.

    Those are ISO 8601 with its hyphens and, where no pattern is all digits, a count since 1970.

    Raises:
        ValueError: a form reads nothing, or something else than was meant; the sentence says what to write.
    """
    ways = [way for form in forms for way in _ways(form)]
    are_digits = any(all(is_of(piece, NUMBERS) for piece in pieces_of(form)) for form in forms)
    return [*ways, read_extended] if are_digits else [*ways, read_extended, NAMED["epoch"]]


def _ways(form: str) -> Iterator[Way]:
    if form in NAMED:
        yield NAMED[form]
        return
    pieces = checked_pieces(form)
    yield from (Pattern(form, _compiled(each)) for each in _variants(pieces))


def _variants(pieces: list[str]) -> Iterator[list[str]]:
    """As it is written; with a part of a second and without; without seconds; as a day alone."""
    yield pieces
    whole = _without_part(pieces)
    if "%S" in whole:
        at = whole.index("%S")
        if not is_number(whole[at + 1 : at + 2]):
            yield [*whole[: at + 1], ".", "%f", *whole[at + 1 :]]
        yield whole
        if whole[at - 1] == ":" or is_number(whole[at - 1 : at]):
            yield [*whole[: at - (whole[at - 1] == ":")], *whole[at + 1 :]]
    clock = [place for place, piece in enumerate(pieces) if is_of(piece, CLOCK)]
    if clock and not any(is_of(piece, DATE) for piece in pieces[clock[0] : clock[-1]]):
        yield _without(pieces, clock[0], clock[-1])


def _without_part(pieces: list[str]) -> list[str]:
    if "%f" not in pieces:
        return pieces
    at = pieces.index("%f")
    return [*pieces[: at - (not pieces[at - 1].startswith("%"))], *pieces[at + 1 :]]


def _without(pieces: list[str], first: int, last: int) -> list[str]:
    """The date alone, where the clock stands before or after it; what stands between them goes, too."""
    before, after = pieces[:first], pieces[last + 1 :]
    while before and not before[-1].startswith("%"):
        before.pop()
    while before and after and not after[0].startswith("%"):
        after.pop(0)
    return [*before, *after] if before else _lstripped(after)


def _lstripped(pieces: list[str]) -> list[str]:
    return pieces[next((place for place, each in enumerate(pieces) if each.startswith("%")), 0) :]


def _compiled(pieces: Sequence[str]) -> re.Pattern[str]:
    """Numbers that follow one another at once have all their digits: else 2026111 might be two dates.

    Behind a clock of 24 hours SA or CH may stand all the same: spreadsheets write so by the reader's country.
    """
    made, ends = [], max((place for place, piece in enumerate(pieces) if is_of(piece, "MSf")), default=-1)
    half = "" if "%p" in pieces or "%H" not in pieces else f"(?: ?(?P<p>{PARTS['p']}))?"
    for place, piece in enumerate(pieces):
        name = piece[1:]
        if not piece.startswith("%") or piece == "%%":
            made.append(re.escape("%" if piece == "%%" else piece))
            continue
        beside = [*pieces[max(place - 1, 0) : place], *pieces[place + 1 : place + 2]]
        is_fixed = name in NUMBERS and is_number(beside)
        made.append(f"(?P<{name}>{f'[0-9]{{{NUMBERS[name]}}}' if is_fixed else PARTS[name]})")
        made.append(half if place == ends else "")
    return re.compile("".join(made), re.IGNORECASE | re.UNICODE)
