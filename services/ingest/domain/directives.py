"""The language of forms: directives as `strptime` has them, and what is wrong with a form that says it wrongly.

Every form says one day; `%d/%m/%Y %H:%M:%S` is one.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from services.ingest.domain.iso import AWAY, HALVES, one_spaced

NAMES: Final = ("iso", "epoch", "epoch_s", "epoch_ms")
"""Forms that are no patterns."""
MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "j": 3}
"""Directives that are numbers, and their digits where the next number follows at once."""


def _names(words: Sequence[str]) -> str:
    """Each in full or by its first three letters."""
    return "|".join(f"{word}|{word[:3]}" for word in words)


PARTS: Final[Mapping[str, str]] = {
    "Y": "[0-9]{4}", "m": "[0-9]{1,2}", "d": "[0-9]{1,2}", "j": "[0-9]{1,3}", "H": "[0-9]{1,2}", "I": "[0-9]{1,2}",
    "M": "[0-9]{1,2}", "S": "[0-9]{1,2}", "f": "[0-9]{1,9}", "p": "|".join(map(re.escape, HALVES)),
    "z": AWAY, "b": _names(MONTHS), "B": _names(MONTHS), "a": _names(DAYS),
    "A": _names(DAYS),
}  # fmt: skip
"""The directives, which are those of `strptime`, and what each fits."""
CLOCK: Final = frozenset("HIMSfpz")
DATE: Final = frozenset(PARTS) - CLOCK
WRONG: Final = {
    "%Z": "%Z reads the name of a zone and drops it: write %z for an offset, or name the zone's field in [fields]",
    "%y": "%y may be a day as well as a year, and is of no century: a year is %Y, four digits",
    **dict.fromkeys(
        ("%U", "%W", "%G", "%V", "%u", "%w"),
        "{} is part of a week date, which gives no day by itself: write %Y, %m and %d",
    ),
    **dict.fromkeys(
        ("%c", "%x", "%X"), "{} depends on the language of the machine: write the parts one by one"
    ),
}
WORDS: Final = re.compile(r"Y{2,4}|y{2,4}|D{2}|d{2}|M{2}|H{2}|h{2}|m{2}|s{2}", re.ASCII)
"""How other systems write forms; here such letters would be letters."""


def is_number(pieces: Sequence[str]) -> bool:
    """Whether one of some pieces is a number."""
    return any(is_of(piece, NUMBERS) for piece in pieces)


def is_of(piece: str, names: Collection[str]) -> bool:
    """Whether a piece is one of these directives."""
    return piece.startswith("%") and piece[1:] in names


def pieces_of(form: str) -> list[str]:
    """Directives and single letters."""
    return re.findall(r"%.|[^%]|%", one_spaced(form), re.DOTALL)


def checked_pieces(form: str) -> list[str]:
    """The pieces of a pattern: directives and single letters.

    Raises:
        ValueError: what is wrong with it, and what to write.
    """
    pieces = pieces_of(form)
    for fault in _faults(pieces):
        raise ValueError(f"the form {form!r}: {fault}")
    return pieces


def _faults(pieces: Sequence[str]) -> Iterator[str]:
    directives = [piece for piece in pieces if piece.startswith("%") and piece != "%%"]
    if not directives and not WORDS.search("".join(pieces)):
        yield f"there is no such form; there are {', '.join(NAMES)}, and patterns such as %d/%m/%Y %H:%M:%S"
    for piece in directives:
        if piece in WRONG:
            yield WRONG[piece].format(piece)
        elif piece[1:] not in PARTS:
            yield f"there is no {piece}; there are {', '.join(f'%{name}' for name in PARTS)}"
        elif directives.count(piece) > 1:
            yield f"{piece} stands twice"
    letters = "".join(" " if piece.startswith("%") else piece for piece in pieces)
    if (word := WORDS.search(letters)) is not None:
        yield f"{word[0]} is read as those letters: write a form as %d/%m/%Y %H:%M:%S"
    yield from _missing({piece[1:] for piece in directives})
    yield from _unbounded(pieces)


def _missing(names: set[str]) -> Iterator[str]:
    """What a form must say, and what says nothing without another."""
    if "Y" not in names:
        yield "it has no year (%Y)"
    if "j" in names and names & {"m", "b", "B", "d"}:
        yield "%j is the day of the year: with it there is no %m and no %d"
    if "j" not in names and len(names & {"m", "b", "B"}) != 1:
        yield "it must have one month (%m; %M is the minute)"
    if "j" not in names and "d" not in names:
        yield "it has no day (%d)"
    if len(names & {"a", "A"}) > 1:
        yield "the day of the week stands twice"
    if {"H", "I"} <= names:
        yield "%H is of 24 hours and %I of 12: write one"
    if ("I" in names) != ("p" in names):
        yield "%I and %p come together: SA and CH, or AM and PM, count with an hour of 12 alone"
    if bool(names & {"H", "I"}) != ("M" in names):
        yield "an hour (%H) and a minute (%M) come together"
    if ("S" in names and "M" not in names) or ("f" in names and "S" not in names):
        yield "seconds come after minutes, and their parts after seconds"


def _unbounded(pieces: Sequence[str]) -> Iterator[str]:
    """A part of a second has no fixed number of digits."""
    if "%f" in pieces:
        at = pieces.index("%f")
        if is_number([*pieces[max(at - 1, 0) : at], *pieces[at + 1 : at + 2]]):
            yield "%f beside a number has no beginning or no end: put a point between"
