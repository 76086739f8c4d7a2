"""What is in a bag, a roll cage or a truck at a moment, and so whom an event of it concerns.

Statements of packing may come late, in any order, and be declared wrong; what follows is a function of their set.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

ALL: Final = ""
"""The child of a statement that takes everything out."""


class Packing(NamedTuple):
    """That a child was put into a parent, or taken out of it, at a UTC millisecond."""

    parent: str
    child: str
    at: int
    into: bool


class Packings:
    """Statements by parent; `contents` is what they amount to."""

    def __init__(self, statements: Iterable[Packing]) -> None:
        self._by_parent: dict[str, list[Packing]] = defaultdict(list)
        for each in statements:
            self._by_parent[each.parent].append(each)

    def holds(self, name: str) -> bool:
        """Whether anything was ever put into it: then it is no parcel."""
        return any(each.into for each in self._by_parent.get(name, ()))

    def contents(self, name: str, at: int) -> frozenset[str]:
        """The innermost things that are in `name` at a moment; itself, if nothing was ever put into it.

        Putting in counts from its own moment on, taking out from after it: who opens a bag finds its members.
        """
        return frozenset(self._within(name, at, frozenset()))

    def _within(self, name: str, at: int, around: frozenset[str]) -> set[str]:
        if not self.holds(name):
            return {name}
        # A bag within itself is a mistake in the statements, and no reason to go round for ever.
        around |= {name}
        found: set[str] = set()
        for child in self._members(name, at) - around:
            found |= self._within(child, at, around)
        return found

    def _members(self, parent: str, at: int) -> set[str]:
        statements = self._by_parent[parent]
        since = _latest(each for each in statements if each.into and each.at <= at)
        return {
            child
            for child, put_in in since.items()
            if not any(
                not each.into and each.child in (child, ALL) and put_in <= each.at < at
                for each in statements
            )
        }


def _latest(statements: Iterable[Packing]) -> Mapping[str, int]:
    latest: dict[str, int] = {}
    for each in statements:
        latest[each.child] = max(each.at, latest.get(each.child, each.at))
    return latest
