"""Copies: records of one event id. Which of them stands, and whether they say the same.

Carriers repeat their reports, and where the vendor's own id is the identity, a copy may say something else.
The one whose time can be believed best stands, of these the one that was received first, whatever the order in
which they come: a true copy heals one that was ahead of its time. That another says something else is a finding.
Both are functions of the set of records.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Final

from buuta.model.scan import Scan
from buuta.model.steering import Doubt, doubt_of

NO_SCANS: Final[Mapping[str, Scan]] = {}
_says = attrgetter(
    "status", "reason", "delivery_mode", "provisional", "corrects_event_id", "correction_kind", "occurred_at",
    "offset_minutes", "attempt", "proof_present", "raw_code", "reporter", "day_only", "direction",
    "partial_return", "linked_number",
)  # fmt: skip
"""What a carrier says, beside the place; not when and how it came, nor what we looked up for it."""


def merged(one: Scan, other: Scan) -> Scan:
    """Of two copies of one event, the one that is believed best, then the one that was received first; then by
    content, so that the choice does not depend on which copy came first."""
    if one == other:
        return one
    return min(one, other, key=lambda each: (doubt(each), each.received_at, content(each)))


def doubt(scan: Scan) -> Doubt:
    """How far a scan's time can be believed."""
    return doubt_of(scan.occurred_at, scan.received_at, day_only=scan.day_only)


def content(scan: Scan) -> tuple[str, ...]:
    """A scan's fields as texts, for an order that any system can repeat."""
    return tuple("" if value is None else str(value) for value in scan)


def distinct(scans: Iterable[Scan], known: Mapping[str, Scan] = NO_SCANS) -> dict[str, Scan]:
    """Scans by event id, copies merged, among those that are `known`."""
    by_id = dict(known)
    for scan in scans:
        copy = by_id.get(scan.event_id)
        by_id[scan.event_id] = scan if copy is None else merged(copy, scan)
    return by_id


def differing(scans: Iterable[Scan], known: Mapping[str, Scan] = NO_SCANS) -> set[str]:
    """The event ids of which a copy says something else than another, among those that are `known`."""
    first, found = dict[str, Scan](), set[str]()
    for scan in scans:
        copy = first.setdefault(scan.event_id, known.get(scan.event_id, scan))
        if copy is not scan and not _agree(copy, scan):
            found.add(scan.event_id)
    return found


def _agree(one: Scan, other: Scan) -> bool:
    """Whether two copies say the same; a code of a place in another case is the same place."""
    places = {None if each is None else each.casefold() for each in (one.facility, other.facility)}
    return len(places) == 1 and _says(one) == _says(other)
