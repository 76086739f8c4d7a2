"""Capture jobs of EPCIS: what became of a document, and how much of that is kept."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from buuta.telemetry.clock import now_ms
from services.ingest.domain import copy
from services.ingest.domain.skipping import Skipped
from services.ingest.intake import COPY_DIFFERS, Result

FORMAT: Final = "epcis"
MOST_ERRORS: Final = 100
MOST_WARNINGS: Final = 100
CONFLICT: Final = "event_id_conflict"
"""The code of an event whose id came before with other content."""


class Behaviour(StrEnum):
    """What one wrong event means for the others (EPCIS 2.0, `GS1-Capture-Error-Behaviour`)."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


@dataclass(frozen=True)
class Wrong:
    """What is wrong, or should be known, of the event at a place of the list, the first being 0.

    Of a note on the whole document the place is None. `field` is where in the event, as names with dots.
    """

    place: int | None
    code: str
    message: str
    field: str = ""


@dataclass(frozen=True)
class Waiting:
    """Why scans of an event wait in quarantine: a code that nobody knows, and the mark that it is found by there.

    The place is None where what was captured now concerns an event that came before.
    """

    place: int | None
    code: str
    mark: str


@dataclass(frozen=True)
class Tally:
    """How many scans came to what end, and which wait."""

    counts: Counter[str] = field(default_factory=Counter)
    waiting: Counter[Waiting] = field(default_factory=Counter)

    def plus(self, results: Iterable[Result], waiting: Iterable[Waiting]) -> "Tally":
        """The same with some more."""
        return Tally(self.counts + Counter(each.value for each in results), self.waiting + Counter(waiting))


@dataclass
class Job:
    """What became of a document: how many events it has, what is wrong, and what became of the scans of the rest.

    `warnings` are of events that were captured; of those that move no parcel `skipped` says why, by place.
    """

    behaviour: Behaviour
    events: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    warnings: list[Wrong] = field(default_factory=list)
    skipped: dict[int, Skipped] = field(default_factory=dict)
    captured: int = 0
    tally: Tally = field(default_factory=Tally)
    _noted: set[Wrong] = field(default_factory=set)
    begun_at: int = field(default_factory=now_ms)
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many scans came to what end."""
        return self.tally.counts

    @property
    def errors(self) -> Sequence[Wrong]:
        """What is kept of what is wrong: the first, and how many more there are."""
        kept, more = self.wrong[:MOST_ERRORS], self.wrong[MOST_ERRORS:]
        told = f"and {len(more)} more events are wrong, from here on"
        return [*kept, *(replace(each, code="more_errors", message=told, field="") for each in more[:1])]

    @property
    def success(self) -> bool:
        """Whether all of it was captured."""
        return not self.wrong

    def warn(self, place: int | None, names: Sequence[str]) -> None:
        """Note that an event says something else than the one of its id."""
        self.note(Wrong(place, COPY_DIFFERS, copy.told(names)))

    def note(self, found: Wrong) -> None:
        """Note what should be known, once."""
        if len(self.warnings) < MOST_WARNINGS and found not in self._noted:
            self._noted.add(found)
            self.warnings.append(found)

    def outcome(self, tally: Tally) -> Mapping[str, Any]:
        """What is kept of what became of all: numbers, and the first that were skipped or wait."""
        skipped = list(self.skipped.items())[:MOST_WARNINGS]
        waiting = list(tally.waiting.items())[:MOST_WARNINGS]
        return {
            "captured": self.captured,
            "skipped": len(self.skipped) if self.captured else 0,
            "wrong": len(self.wrong),
            "scans": dict(tally.counts),
            "why_skipped": [[place, *why] for place, why in skipped if self.captured],
            "waiting": [[each.place, each.code, each.mark, count] for each, count in waiting],
        }
