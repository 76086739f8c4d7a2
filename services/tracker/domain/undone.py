"""What was taken back: a milestone that a correction took away is another one when it comes to it again.

Who was told "delivered" by mistake is told again when it is. Counted is what was taken back before the new scan
came: of two reports of one delivery one may be withdrawn, and nobody hears of the other for that.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from buuta.model.scan import Scan
from buuta.model.steering import DID_NOT_OCCUR, is_too_old
from services.tracker.domain.rules import RULES


@dataclass(frozen=True)
class TakenBack:
    """By kind of milestone, when (UTC milliseconds of the receipt) what implied one was taken back, sorted."""

    at: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.at)

    def before(self, scan: Scan) -> int:
        """How many of the kind that a scan implies were taken back before it came."""
        kind = _kind(scan)
        return 0 if kind is None else bisect_right(self.at.get(kind, ()), scan.received_at)


NOTHING_TAKEN_BACK: Final = TakenBack()


def taken_back(by_id: Mapping[str, Scan], void: Collection[str]) -> TakenBack:
    """What corrections that stand have taken back of a key's scans, and not put in another's place.

    `void` are the event ids of the scans that are taken back (`steering.voided`).
    """
    first = dict[str, int]()
    for event_id, scan in by_id.items():
        corrected = by_id.get(scan.corrects_event_id or "")
        if (
            corrected is None
            or event_id in void
            or corrected.event_id not in void
            or not _is_gone(corrected, scan)
        ):
            continue
        first[corrected.event_id] = min(scan.received_at, first.get(corrected.event_id, scan.received_at))
    at = defaultdict[str, list[int]](list)
    for event_id, received_at in first.items():
        at[_kind(by_id[event_id]) or ""].append(received_at)
    return TakenBack({kind: sorted(times) for kind, times in at.items()})


def _is_gone(corrected: Scan, by: Scan) -> bool:
    """Whether a correction takes a milestone away, and is not itself what implies it."""
    kind = _kind(corrected)
    if kind is None or corrected.provisional or is_too_old(corrected.occurred_at, corrected.received_at):
        return False
    return by.reporter == corrected.reporter and (by.correction_kind == DID_NOT_OCCUR or _kind(by) != kind)


def _kind(scan: Scan) -> str | None:
    milestone = RULES[scan.status].milestone
    return None if milestone is None else milestone.kind
