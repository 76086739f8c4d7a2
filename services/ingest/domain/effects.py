"""Whom EPCIS events concern: the parcels in what they happened to, told once, and taken back when it was not so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.ingest.domain.packing import Packings


@dataclass(frozen=True)
class Happened:
    """An event that is known: what it happened to, when (UTC milliseconds), and whether it was declared wrong."""

    event_id: str
    things: Sequence[str]
    at: int
    retracted: bool = False


class Told(NamedTuple):
    """What was told of an event to a thing's history: the turn, and whether it still holds."""

    turn: int
    live: bool


class Change(NamedTuple):
    """What is to be told now; `takes_back` is that it did not occur."""

    event_id: str
    thing: str
    turn: int
    takes_back: bool


Known = Mapping[str, Mapping[str, Told]]
"""By event, and by thing."""
NEVER: Final = Told(-1, live=False)


def changes(events: Iterable[Happened], packings: Packings, known: Known) -> Iterator[Change]:
    """What is to be told so that what was told is what follows from the events and packings.

    A function of their set: in whatever order they come, and however often, the same holds at the end.
    """
    for event in events:
        wanted = frozenset[str]() if event.retracted else _concerned(event, packings)
        before = known.get(event.event_id, {})
        told = {thing for thing, each in before.items() if each.live}
        for thing in sorted(told - wanted):
            yield Change(event.event_id, thing, before[thing].turn, takes_back=True)
        for thing in sorted(wanted - told):
            yield Change(event.event_id, thing, before.get(thing, NEVER).turn + 1, takes_back=False)


def _concerned(event: Happened, packings: Packings) -> frozenset[str]:
    found = (packings.contents(thing, event.at) for thing in event.things)
    return frozenset[str]().union(*found)
