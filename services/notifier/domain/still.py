"""What is asked before each try of a message: is it still news, and is it not overtaken?

Whether it is still true, the queue itself knows: what was taken back has left it. Who is told, the contact of now
says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from buuta.model.statuses import RANK
from services.notifier.domain.rules import OVERTAKEN_BY, news_ms
from services.notifier.domain.states import State

NO_RANK: Final = -1
Place = tuple[int, int]
"""A place in the business order: UTC milliseconds, and the rank of the status among those of one moment."""


def place(kind: str, happened_at: int) -> Place:
    """Where a milestone or status stands in the business order, as in the tracker's fold."""
    return happened_at, RANK.get(kind, NO_RANK)


@dataclass(frozen=True)
class Standing:
    """What is known of a parcel when a message is about to be tried; times are UTC milliseconds.

    `called_for` says of each kind of milestone that the recipient is told of when the last of it happened; `status`
    and `status_at` are the parcel's own, None where we do not know it; `now` is the database's clock.
    """

    called_for: Mapping[str, int]
    status: str | None
    status_at: int | None
    now: int

    def overtakes(self, kind: str, happened_at: int) -> bool:
        """Whether a state of after a milestone makes it no use any more.

        The parcel's own status counts where it is another: the same one that is reported again is no later state.
        """
        known = list(self.called_for.items())
        if self.status is not None and self.status_at is not None and self.status != kind:
            known.append((self.status, self.status_at))
        by, own = OVERTAKEN_BY.get(kind, frozenset()), place(kind, happened_at)
        return any(each in by and place(each, at) > own for each, at in known)


def ends_as(kind: str, happened_at: int, standing: Standing, within_hours: int) -> State | None:
    """How a message ends without a try; None where it is to be tried."""
    if standing.overtakes(kind, happened_at):
        return State.OVERTAKEN
    if standing.now - happened_at > news_ms(kind, within_hours):
        return State.EXPIRED
    return None
