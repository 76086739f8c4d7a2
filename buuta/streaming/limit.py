"""How many undecodable records are bad data, and from when on they are a bad deploy.

A carrier's slip is a dead letter here and there. A wrong schema makes letters of everything, and a
worker that went on would empty the log into them. So a run of them, or a share of a large chunk,
pauses the partition until somebody has looked.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

LARGE: Final = 200
"""A share says something from this many records on."""


@dataclass(frozen=True)
class DeadLimit:
    """The longest run of undecodable records, over chunks, and the greatest share of a large chunk."""

    run: int
    share: float

    def broken(self, before: int, total: int, dead: Collection[int]) -> str | None:
        """Why a chunk of `total` records breaks the limit, `dead` being the places of those undecodable.

        `before` is the run of undecodable records that the chunk goes on from.
        """
        longest = max(_runs(before, total, dead))
        if longest > self.run:
            return f"{longest} records in a row cannot be decoded (limit {self.run})"
        if total >= LARGE and len(dead) > self.share * total:
            return f"{len(dead)} of {total} records cannot be decoded (limit {self.share:.0%})"
        return None


class Dead(NamedTuple):
    """What a chunk changes: the run that it ends with, and how many undecodable records it holds."""

    run: int
    used: int


def run_after(before: int, total: int, dead: Collection[int]) -> int:
    """The run of undecodable records that a chunk ends with."""
    if not dead:
        return 0 if total else before
    return _runs(before, total, dead)[-1]


def _runs(before: int, total: int, dead: Collection[int]) -> list[int]:
    """The run before a chunk, and after each of its records."""
    runs = [before]
    for place in range(total):
        runs.append(runs[-1] + 1 if place in dead else 0)
    return runs
