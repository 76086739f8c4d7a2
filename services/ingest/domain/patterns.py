"""Patterns that take a part out of a text, in a time that grows with the text and not with the pattern's skill.

They are RE2's: no look-around and no references back, which is why no text can hold it up (decision 0098).
"""

from dataclasses import dataclass, field
from typing import Any, Final

import re2

PART: Final = "value"
LONGEST: Final = 500
LONGEST_TEXT: Final = 2_000
_quiet: Final = re2.Options()
_quiet.log_errors = False
_quiet.max_mem = 1 << 20


class BadPattern(ValueError):
    """What is no pattern; the message says why."""


@dataclass(frozen=True)
class Pattern:
    """A pattern as it is written; the part is the group `value`."""

    text: str
    compiled: Any = field(repr=False, compare=False)
    longest: int = LONGEST_TEXT

    def part_of(self, whole: str) -> str:
        """The part, without space around; empty where the pattern does not fit."""
        found = self.compiled.search(whole[: self.longest]) if whole else None
        return "" if found is None else (found[PART] or "").strip()


def read_pattern(text: str) -> Pattern:
    """A pattern from its text.

    Raises:
        BadPattern: says what is wrong with it.
    """
    if len(text) > LONGEST:
        raise BadPattern(f"a pattern has at most {LONGEST} characters")
    try:
        compiled = re2.compile(text, _quiet)
    except re2.error as wrong:
        raise BadPattern(f"{text}: no pattern of RE2: {_said(wrong)}") from None
    if list(compiled.groupindex) != [PART]:
        raise BadPattern(f"{text}: name the part that is meant, and it alone: (?P<{PART}>…)")
    return Pattern(text, compiled)


def _said(wrong: Exception) -> str:
    said = wrong.args[0] if wrong.args else b""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
