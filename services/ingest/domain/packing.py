"""What is in a bag, a roll cage or a truck at a moment, and so whom an event of it concerns.

Statements of packing may come late, in any order, and be declared wrong; what follows is a function of their set.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from buuta.errors import BadItem

ALL: Final = ""
"""The child of a statement that takes everything out."""
MOST_STEPS: Final = 1_000_000
"""So many statements are looked at for a document: some seconds of one core."""
STEPS: Final = f"{MOST_STEPS:,} looks into bags"


class Packing(NamedTuple):
    """That a child was put into a parent, or taken out of it, at a UTC millisecond."""

    parent: str
    child: str
    at: int
    into: bool


class _Bag:
    """The statements of one parent, by their times."""

    def __init__(self, statements: Iterable[Packing]) -> None:
        ordered = sorted(statements, key=lambda each: each.at)
        self.put_in: Sequence[Packing] = [each for each in ordered if each.into]
        self._put_at = [each.at for each in self.put_in]
        self._emptied_at = [each.at for each in ordered if not each.into and each.child == ALL]
        self._taken_at: dict[str, list[int]] = defaultdict(list)
        for each in ordered:
            if not each.into:
                self._taken_at[each.child].append(each.at)

    def put_since_emptied(self, at: int) -> tuple[int, int]:
        """From and to where in `put_in` the statements lie that count at a moment: since it was emptied last."""
        emptied = bisect_left(self._emptied_at, at)
        first = bisect_right(self._put_at, self._emptied_at[emptied - 1]) if emptied else 0
        return first, max(bisect_right(self._put_at, at), first)

    def members(self, at: int) -> set[str]:
        """What is in it at a moment: put in since it was emptied, and not taken out since."""
        first, last = self.put_since_emptied(at)
        latest = {each.child: each.at for each in self.put_in[first:last]}
        return {child for child, put in latest.items() if not self._taken(child, put, at)}

    def _taken(self, child: str, since: int, before: int) -> bool:
        times = self._taken_at.get(child, ())
        place = bisect_left(times, since)
        return place < len(times) and times[place] < before


class Packings:
    """Statements by parent; `contents` is what they amount to. No more than `steps` statements are looked at."""

    def __init__(self, statements: Iterable[Packing], steps: int = MOST_STEPS) -> None:
        by_parent: dict[str, list[Packing]] = defaultdict(list)
        for each in statements:
            by_parent[each.parent].append(each)
        self._bags: Mapping[str, _Bag] = {parent: _Bag(own) for parent, own in by_parent.items()}
        self._known: dict[tuple[str, int], frozenset[str]] = {}
        self._steps = steps

    def holds(self, name: str) -> bool:
        """Whether anything was ever put into it: then it is no parcel."""
        return name in self._bags and bool(self._bags[name].put_in)

    def weight(self, name: str, at: int) -> int:
        """How many statements of its own must be looked at to know what is in it; nothing is looked at."""
        bag = self._bags.get(name)
        if bag is None:
            return 1
        first, last = bag.put_since_emptied(at)
        return 1 + last - first

    def contents(self, name: str, at: int) -> frozenset[str]:
        """The innermost things that are in `name` at a moment; itself, if nothing was ever put into it.

        Putting in counts from its own moment on, taking out from after it: who opens a bag finds its members.

        Raises:
            BadItem: so much was asked of these packings that there must be an end.
        """
        if not self.holds(name):
            return frozenset((name,))
        if (name, at) not in self._known:
            self._known[name, at] = frozenset(self._innermost(name, at))
        return self._known[name, at]

    def _innermost(self, name: str, at: int) -> set[str]:
        """What can be reached: each bag is opened once, by however many ways one comes to it, even from within."""
        found: set[str] = set()
        seen, waiting = {name}, [name]
        while waiting:
            each = waiting.pop()
            if not self.holds(each):
                found.add(each)
                continue
            self._count(self.weight(each, at))
            new = self._bags[each].members(at) - seen
            seen |= new
            waiting += new
        return found

    def _count(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise too_deep(STEPS)


class TooMuch(BadItem):
    """Events ask for more than is worked out at once; `limit` is what they go beyond, in words."""

    def __init__(self, limit: str, advice: str = "send fewer at once") -> None:
        super().__init__("too_much_at_once", f"these events ask for more than {limit}: {advice}")
        self.limit = limit
        self.advice = advice


def too_deep(limit: str) -> TooMuch:
    """What is said where bags hold, or held, too much."""
    return TooMuch(
        limit,
        "send fewer at once, and open a bag when it is empty, so that what was in it before need not be looked at",
    )
