"""Where a field of a report comes from: a path, a part of what lies there, several put together, or a constant.

Each finds a text, or nothing. What is put together at load costs no thought when reports come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from services.ingest.domain.fields import text
from services.ingest.domain.paths import Path
from services.ingest.domain.patterns import Pattern

ANY: Final = "*"
"""Stands in a code table for whatever the last of several fields says."""

TEXT: Final = "#text"
"""What an element of XML says that has attributes, too."""
LONGEST_JOINED: Final = 1_000


class Origin(Protocol):
    """Finds one thing in the payload of one event."""

    @property
    def paths(self) -> Sequence[Path]:
        """Where it looks."""

    def value(self, payload: Any) -> Any:
        """What lies there as it came; None where nothing does."""

    def read(self, payload: Any, most: int) -> str:
        """The same as text of at most so many characters; empty where nothing is.

        Raises:
            BadItem: it is no text, or too long, or cannot be stored.
        """


@dataclass(frozen=True)
class Found:
    """What lies at a path."""

    path: Path

    @property
    def paths(self) -> Sequence[Path]:
        """The path."""
        return (self.path,)

    def value(self, payload: Any) -> Any:
        """What lies there."""
        return self.path.get(payload)

    def read(self, payload: Any, most: int) -> str:
        """It as text."""
        found = self.path.get(payload)
        if found is None or found == "":
            return ""
        if type(found) is str and len(found) <= most and found.isascii() and found.isprintable():
            return found.strip()  # the usual text, which passes whatever is asked of others
        if type(found) is dict and TEXT in found:
            found = found[TEXT]
        last = self.path.last
        return text({last: found}, last, "", most)


@dataclass(frozen=True)
class Part:
    """The part of a text that a pattern calls `value`; nothing where the pattern does not fit."""

    whole: Origin
    pattern: Pattern

    @property
    def paths(self) -> Sequence[Path]:
        """Those of the whole."""
        return self.whole.paths

    def value(self, payload: Any) -> Any:
        """The part."""
        return self.read(payload, self.pattern.longest) or None

    def read(self, payload: Any, most: int) -> str:
        """The part."""
        return self.pattern.part_of(self.whole.read(payload, most))


@dataclass(frozen=True)
class Joined:
    """What several origins say, one behind the other; those that say nothing are left out."""

    parts: Sequence[Origin]
    by: str

    @property
    def paths(self) -> Sequence[Path]:
        """Those of all."""
        return [path for part in self.parts for path in part.paths]

    def value(self, payload: Any) -> Any:
        """All of it."""
        return self.read(payload, LONGEST_JOINED) or None

    def read(self, payload: Any, most: int) -> str:
        """All of it."""
        return self.by.join(filter(None, (part.read(payload, most) for part in self.parts)))


@dataclass(frozen=True)
class First:
    """The first of several that says something."""

    among: Sequence[Origin]

    @property
    def paths(self) -> Sequence[Path]:
        """Those of all."""
        return [path for each in self.among for path in each.paths]

    def value(self, payload: Any) -> Any:
        """What the first says."""
        found = (each.value(payload) for each in self.among)
        return next((value for value in found if value not in (None, "")), None)

    def read(self, payload: Any, most: int) -> str:
        """What the first says."""
        for each in self.among:
            found = each.read(payload, most)
            if found:
                return found
        return ""


@dataclass(frozen=True)
class Constant:
    """What a format never says, since it is always the same."""

    said: str

    @property
    def paths(self) -> Sequence[Path]:
        """None."""
        return ()

    def value(self, payload: Any) -> Any:
        """It."""
        return self.said

    def read(self, payload: Any, most: int) -> str:
        """It."""
        return self.said


def names_of(origin: Origin) -> str:
    """The paths of a origin as a message names them."""
    return " or ".join(path.text for path in origin.paths)
