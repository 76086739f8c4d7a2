"""Capture jobs of EPCIS: what became of a document, and how much of that is kept."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from buuta.telemetry.clock import now_ms
from services.ingest.domain import copy
from services.ingest.intake import COPY_DIFFERS

MOST_ERRORS: Final = 100
MOST_WARNINGS: Final = 100


class Behaviour(StrEnum):
    """What one wrong event means for the others (EPCIS 2.0, `GS1-Capture-Error-Behaviour`)."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


@dataclass(frozen=True)
class Wrong:
    """What is wrong, or should be known, of the event at a place of the list, the first being 0."""

    place: int
    code: str
    message: str


@dataclass
class Job:
    """What became of a document: how many events it has, what is wrong, and what became of the scans of the rest.

    `warnings` are of events that were captured.
    """

    behaviour: Behaviour
    events: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    warnings: list[Wrong] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    begun_at: int = field(default_factory=now_ms)
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def errors(self) -> Sequence[Wrong]:
        """What is kept of what is wrong: the first, and how many more there are."""
        kept, more = self.wrong[:MOST_ERRORS], self.wrong[MOST_ERRORS:]
        told = f"and {len(more)} more events are wrong, from here on"
        return [*kept, *(Wrong(each.place, "more_errors", told) for each in more[:1])]

    @property
    def success(self) -> bool:
        """Whether all of it was captured."""
        return not self.wrong

    def warn(self, place: int, names: Sequence[str]) -> None:
        """Note that an event says something else than the one of its id."""
        found = Wrong(place, COPY_DIFFERS, copy.told(names))
        if len(self.warnings) < MOST_WARNINGS and found not in self.warnings:
            self.warnings.append(found)
