"""Deadlines: stuck (the limit of a status), delayed (the promise), stale (30 days of silence).

Time enters the fold as a record: the owner of a parcel saw a deadline pass. Such a record counts
exactly while the scans imply that deadline and none of them came before it, so a late scan takes it
back, and whoever folds the same records in a year finds the same. A scan of a day without a clock came before
whatever passed on that day: a day is compared by day.
"""

from typing import Final, NamedTuple

from buuta.model.milestone import Milestone
from buuta.model.scan import Scan
from buuta.model.statuses import Deadline
from buuta.model.times import VIETNAM_MINUTES
from buuta.model.ways import GOES_BACK
from services.tracker.domain.occurrences import Joined, join_deadline
from services.tracker.domain.parcel import Parcel
from services.tracker.domain.rules import DEADLINES, STALE_MS

STUCK: Final = Deadline.STUCK.value
DELAYED: Final = Deadline.DELAYED.value
STALE: Final = Deadline.STALE.value


class Passed(NamedTuple):
    """A deadline that was seen to pass, UTC milliseconds."""

    kind: str
    deadline_at: int


def running(parcel: Parcel) -> list[Passed]:
    """The deadlines that a parcel's state implies, the earliest first; none once it has ended."""
    if parcel.next_expected_at is None or parcel.last_at is None:
        return []
    dues = [Passed(STUCK, parcel.next_expected_at), Passed(STALE, parcel.last_at + STALE_MS)]
    if parcel.promised_at is not None and parcel.status not in GOES_BACK:
        dues.append(Passed(DELAYED, parcel.promised_at))
    return sorted(dues, key=lambda due: (due.deadline_at, due.kind))


def look_at(parcel: Parcel) -> int | None:
    """When a parcel must be looked at, at the latest: its earliest deadline that was not seen to pass."""
    if parcel.next_expected_at is None or parcel.last_at is None:
        return None
    if not parcel.overdue and parcel.promised_at is None:
        return min(parcel.next_expected_at, parcel.last_at + STALE_MS)
    dues = (due for due in running(parcel) if DEADLINES[due.kind].letter not in parcel.overdue)
    return min((due.deadline_at for due in dues), default=None)


class Silence:
    """Finds, while scans are folded, the deadlines that passed between one and the next."""

    def __init__(self, passed: frozenset[Passed]) -> None:
        self._passed = passed
        self._told: set[Passed] = set()

    def until(self, parcel: Parcel, newest: Scan | None, at: int | None) -> list[Milestone]:
        """Milestones of the deadlines that passed after the `newest` scan and before `at` (None: by now)."""
        if not self._passed or newest is None:
            return []
        over = [
            due for due in running(parcel) if due in self._passed and (at is None or due.deadline_at < at)
        ]
        parcel.overdue = "".join(sorted(DEADLINES[due.kind].letter for due in over))
        new = [due for due in over if due not in self._told]
        self._told.update(new)
        joined = ((due, join_deadline(parcel, DEADLINES[due.kind], due.deadline_at)) for due in new)
        return [_milestone(parcel, newest, due, each) for due, each in joined if each is not None]


def _milestone(parcel: Parcel, newest: Scan, due: Passed, joined: Joined) -> Milestone:
    return Milestone(
        DEADLINES[due.kind].kind, joined[0], parcel.status or newest.status, parcel.reason, None,
        due.deadline_at, VIETNAM_MINUTES, None, parcel.province, None, newest.event_id, parcel.epoch,
        occurrence=joined[1],
    )  # fmt: skip
