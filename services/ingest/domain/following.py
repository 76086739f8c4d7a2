"""What follows from the events of a document, with all that is known of what they happened to. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from services.ingest.domain.effects import Change, Happened, Known, changes
from services.ingest.domain.packing import MOST_STEPS, STEPS, Packing, Packings, TooMuch, too_deep
from services.ingest.domain.single import Whole, things_field

MOST_SCANS: Final = 200_000
"""So many scans may follow from a document."""
Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Stored:
    """What is known of what a document's events concern, as of a version; packings with who says them."""

    version: int = 0
    events: Mapping[str, Happened] = field(default_factory=dict)
    payloads: Mapping[str, Payload] = field(default_factory=dict)
    packings: Sequence[tuple[str, Packing]] = ()
    known: Known = field(default_factory=dict)


@dataclass
class Plan:
    """What is to be written: events that are new, those that are known to be wrong now, and what is to be told.

    `copies` are the places of events whose ids are known and that say something else, and in which fields.
    """

    version: int
    new: dict[str, Whole] = field(default_factory=dict)
    retracted: list[str] = field(default_factory=list)
    told: list[Change] = field(default_factory=list)
    payloads: dict[str, Payload] = field(default_factory=dict)
    copies: list[tuple[int, list[str]]] = field(default_factory=list)


def plan(stored: Stored, holding: Sequence[Whole]) -> Plan:
    """Work out what follows from events that may hold parcels.

    Raises:
        TooMuch: more than can be worked out or told at once.
    """
    made = Plan(stored.version, payloads=dict(stored.payloads))
    events, packings = dict(stored.events), [*stored.packings]
    for whole in holding:
        before = events.get(whole.id)
        if before is None:
            made.new[whole.id] = whole
            made.payloads[whole.id] = whole.payload
            packings += ((whole.id, each) for each in whole.packings)
            events[whole.id] = _happened(whole)
        else:
            events[whole.id] = replace(before, retracted=before.retracted or _is_wrong(whole))
            made.copies += _copy(whole, before, made.payloads[whole.id])
    made.retracted = [
        name for name, each in events.items() if each.retracted and not _was_wrong(stored, made, name)
    ]
    standing = [each for name, each in packings if name not in events or not events[name].retracted]
    made.told = list(_bounded(events.values(), Packings(standing), stored.known))
    return made


def _happened(whole: Whole) -> Happened:
    return Happened(whole.id, whole.names, whole.at, _is_wrong(whole))


def _is_wrong(whole: Whole) -> bool:
    return whole.event.error is not None


def _was_wrong(stored: Stored, made: Plan, name: str) -> bool:
    """Whether an event is written as wrong already, or will be when it is inserted."""
    if name in made.new:
        return _is_wrong(made.new[name])
    return stored.events[name].retracted


def _copy(whole: Whole, before: Happened, kept: Payload) -> Iterator[tuple[int, list[str]]]:
    """Where an event says something else than the one of the same id; that it was wrong is no difference."""
    names = sorted((whole.payload.keys() | kept.keys()) - {"errorDeclaration"})
    differing = [name for name in names if whole.payload.get(name) != kept.get(name)]
    if sorted(whole.names) != sorted(before.things):
        differing.append(things_field(whole.event.type))
    if differing:
        yield whole.place, differing


def _bounded(events: Any, packings: Packings, known: Known) -> Iterator[Change]:
    """The changes, if they are not too many; that is seen before they are worked out, where it can be."""
    weight = sum(packings.weight(name, each.at) for each in events for name in each.things)
    if weight > MOST_STEPS:
        raise too_deep(STEPS)
    for count, change in enumerate(changes(events, packings, known)):
        if count == MOST_SCANS:
            raise TooMuch(f"{MOST_SCANS:,} scans")
        yield change
