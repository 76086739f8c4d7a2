"""Marks in the place of what others named, before an EPCIS event is kept: it may be anything, a person too.

A parcel's number has the shape of one and stays. The names of what holds parcels, ids of events and words that no
table has become marks, which are found again by the same text and tell nothing.
"""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from services.ingest.domain.epcis import EXTENSION, Event
from services.ingest.domain.epcis_parts import UNLISTED
from services.ingest.domain.gs1 import FACILITY, PARCEL, Thing, facility_of
from services.ingest.domain.single import Whole

MARK: Final = "urn:buuta:mark:"
MARK_DIGITS: Final = 32
PLAIN_ID: Final = re.compile(
    r"urn:uuid:[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|urn:buuta:event:[0-9a-f]{32}"
    r"|ni:///sha-256;[0-9A-Fa-f]{64}\?ver=CBV2\.[0-9]"
)
"""Ids that hold nothing but a number made by chance, or the hash of the event."""
STEPS: Final = frozenset({"bizStep", "disposition"})
"""Together they are the code; without a colon they are words of the standard."""


@dataclass(frozen=True)
class Marking:
    """How texts become marks (`hexed`: a keyed hash as hex digits), and which codes and reasons stay."""

    hexed: Callable[[str], str]
    is_known: Callable[[Event], bool]
    reasons: Set[str]

    def mark(self, text: str) -> str:
        """The mark of a text: a URI of its own."""
        return f"{MARK}{self.hexed(text)[:MARK_DIGITS]}"

    def marked(self, whole: Whole) -> Whole:
        """The event as it is kept."""
        things = [self._thing(each) for each in whole.things]
        parent = whole.parent and self._thing(whole.parent)
        return replace(whole, things=things, parent=parent, payload=self._payload(whole, parent))

    def _thing(self, thing: Thing) -> Thing:
        return thing if thing.is_parcel else thing._replace(name=self.mark(thing.name))

    def _payload(self, whole: Whole, parent: Thing | None) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in whole.payload.items():
            if name == "parentID" and parent is not None:
                kept[name] = f"{PARCEL}{parent.name}" if parent.is_parcel else parent.name
            elif name in ("readPoint", "bizLocation"):
                facility = facility_of(value["id"])
                kept |= {name: {"id": f"{FACILITY}{facility}"}} if facility else {}
            else:
                kept[name] = self._said(whole.event, name, value)
        return kept

    def _said(self, event: Event, name: str, value: Any) -> Any:
        if name in STEPS:
            return value if ":" not in value or self.is_known(event) else self.mark(value)
        if name == "eventID":
            return value if PLAIN_ID.fullmatch(value) else self.mark(value)
        if name == f"{EXTENSION}reason":
            return value if value in self.reasons else UNLISTED
        return value
