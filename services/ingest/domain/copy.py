"""Whether two scans of one id say the same, and where they do not.

An id says some of a report, never all of it: a vendor's own may come again with another time, one of number, code
and time with another reason or attempt. Of two such scans the one that was received first counts
(`services/tracker/domain/fold.py`), and the sender is told.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from buuta.model.scan import Scan

SAID: Final = {
    "raw_code": "code", "occurred_at": "occurred_at", "offset_minutes": "offset", "facility": "facility",
    "attempt": "attempt", "proof_present": "proof_present", "day_only": "occurred_at", "direction": "direction",
    "partial_return": "partial_return", "linked_number": "linked_number",
}  # fmt: skip
"""What a report itself says, by field, and the name of it that a sender knows."""
MAPPED: Final = {"reason": "reason", "delivery_mode": "delivery_mode", "provisional": "provisional"}
"""What a code table may have said; another version of it may say otherwise of the same report."""


class Said(NamedTuple):
    """What of a scan is the sender's word."""

    raw_code: str
    occurred_at: int
    offset_minutes: int
    facility: str | None
    attempt: int | None
    proof_present: bool | None
    reason: str | None
    delivery_mode: str | None
    provisional: bool
    mapping_version: str
    day_only: bool
    direction: str | None
    partial_return: bool
    linked_number: str | None


_of = attrgetter(*Said._fields)


def said(scan: Scan) -> Said:
    """What of a scan is the sender's word."""
    return Said._make(_of(scan))


def differences(one: Said, other: Said) -> list[str]:
    """The names of what two scans of one id say differently; never what they say."""
    if one == other:
        return []
    names = SAID if one.mapping_version != other.mapping_version else SAID | MAPPED
    return [shown for name, shown in names.items() if _word(one, name) != _word(other, name)]


def _word(of: Said, name: str) -> object:
    """What it says; a code of a place in another case is the same place."""
    word = getattr(of, name)
    return word.casefold() if name == "facility" and word is not None else word


def may_come_late(identity: Sequence[str]) -> bool:
    """Whether the id of such scans says nothing of the time, so that the same may come again long after.

    Of these the table is asked, too. With the time in it a copy is a repetition, which mostly comes soon: a look-up
    for every scan of every carrier would cost more than it tells, and the tracker finds the rest.
    """
    return "time" not in identity


def told(names: Sequence[str]) -> str:
    """What the sender hears."""
    return (
        f"an event of this id was reported before with another {', '.join(names)}; what was received first counts: "
        "correct that one, or give this one an id of its own"
    )
