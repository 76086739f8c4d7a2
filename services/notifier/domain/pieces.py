"""Which pieces of an SMS the SMSC has taken, kept for the next try: only the others are sent again.

The pieces of one text only: a phone puts together what has one reference, so another text has another one.
"""

import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Pieces:
    """The text by its checksum, and the places of the pieces that were taken."""

    text: int
    taken: frozenset[int] = frozenset()

    @property
    def reference(self) -> int:
        """What ties the pieces of one message together on a phone (0 to 255); the same at each try."""
        return self.text % 256

    def with_more(self, places: Collection[int]) -> str | None:
        """As JSON, with the places of more pieces that were taken; None where there are none."""
        taken = self.taken.union(places)
        return json.dumps({"text": self.text, "taken": sorted(taken)}) if taken else None


def pieces(message_id: UUID, text: str, before: str | None) -> Pieces:
    """The pieces of a text, of which those are taken that were `before` (JSON), if that was the same text."""
    own = zlib.crc32(message_id.bytes + text.encode())
    known = {} if before is None else json.loads(before)
    return Pieces(own, frozenset(known["taken"]) if known.get("text") == own else frozenset())
