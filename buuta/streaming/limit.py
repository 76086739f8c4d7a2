"""How many dead records, undecodable or unstorable, are bad data, and from when on they are a bad deploy.

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
    """The longest run of dead records, over chunks, and the greatest share of a large chunk."""

    run: int
    share: float

    def broken(self, before: int, total: int, dead: Collection[int]) -> str | None:
        """Why a chunk of `total` records breaks the limit, `dead` being the places of those undecodable.

        `before` is the run of undecodable records that the chunk goes on from.
        """
        return self._of_a_run(max(_runs(before, total, dead)), "decoded") or self._of_a_share(
            len(dead), total, "decoded"
        )

    def broken_by_one(self, before: int, dead: int, total: int) -> str | None:
        """Why one more record that cannot be stored breaks the limit.

        `before` is the run of dead records before it, `dead` how many of the chunk's `total` are, it among them.
        """
        return self._of_a_run(before + 1, "stored") or self._of_a_share(dead, total, "stored")

    def _of_a_run(self, run: int, what: str) -> str | None:
        if run <= self.run:
            return None
        return f"{run} records in a row cannot be {what} (limit {self.run})"

    def _of_a_share(self, dead: int, total: int, what: str) -> str | None:
        if total < LARGE or dead <= self.share * total:
            return None
        return f"{dead} of {total} records cannot be {what} (limit {self.share:.0%})"


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
