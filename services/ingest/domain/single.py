"""An EPCIS event as it concerns one thing: what is told of it, kept of it, and known it by."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.times import BusinessTime, LocalTime
from services.ingest.domain.document import Document
from services.ingest.domain.effects import Change
from services.ingest.domain.epcis import EXTENSION, Event, read_event
from services.ingest.domain.gs1 import PARCEL, Thing, thing_of
from services.ingest.domain.iso import at_offset, offset_of, read_iso
from services.ingest.domain.packing import ALL, Packing

DECLARED: Final = {"declarationTime": "1970-01-01T00:00:00Z"}
"""Says in a payload of ours that an event is taken back."""


def things_of(event: Event) -> Sequence[str]:
    """The URIs of what moved: the objects of an event, or what was packed; other types tell of no movement."""
    if event.type == "ObjectEvent":
        return event.epcs or ()
    return event.children or () if event.type == "AggregationEvent" else ()


def id_of(event: Event) -> str:
    """The event's own id; without one, what its fields amount to, so that the same event again is the same."""
    if event.event_id is not None:
        return event.event_id
    places = [place.id if place else None for place in (event.read_point, event.biz_location)]
    what = [
        event.type, time_of(event).ms, event.action, event.biz_step, event.disposition, event.parent,
        sorted(things_of(event)), *places,
    ]  # fmt: skip
    return f"urn:buuta:event:{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]}"


def time_of(event: Event) -> BusinessTime:
    """When it happened; the offset of the place is a field of its own (EPCIS 2.0, 7.4.1).

    Raises:
        BadItem: no time there is, or one out of range.
    """
    try:
        offset, said = offset_of(event.offset), read_iso(event.event_time)
        if isinstance(said, LocalTime):
            return at_offset(said, offset)
        return replace(said, offset_minutes=int(offset.total_seconds()) // 60)
    except BadItem as bad:
        raise BadItem(bad.code, str(bad), "eventTime") from None


def payload_of(event: Event) -> dict[str, Any]:
    """What is kept of an event: the fields that are read, and no others, since they may be personal."""
    places = {name: {"id": place.id} for name, place in
              (("readPoint", event.read_point), ("bizLocation", event.biz_location)) if place}  # fmt: skip
    plain = {
        "type": "ObjectEvent", "eventID": id_of(event), "eventTime": event.event_time,
        "eventTimeZoneOffset": event.offset, "action": "OBSERVE", "bizStep": event.biz_step,
        "disposition": event.disposition, f"{EXTENSION}reason": event.reason, f"{EXTENSION}attempt": event.attempt,
        "errorDeclaration": DECLARED if event.error else None,
    }  # fmt: skip
    if event.type == "AggregationEvent":
        plain |= {"type": event.type, "action": event.action, "parentID": event.parent}
    return {name: value for name, value in plain.items() if value is not None} | places


@dataclass(frozen=True)
class Whole:
    """An event that was checked, by its place in the document, and what it happened to: found out once.

    `uris` and `things` are the same in the same order; `at` is in UTC milliseconds; `payload` is what is kept.
    """

    place: int
    event: Event
    uris: Sequence[str]
    things: Sequence[Thing]
    parent: Thing | None
    at: int
    payload: dict[str, Any]

    @property
    def id(self) -> str:
        """The event's id, its own or ours."""
        found: str = self.payload["eventID"]
        return found

    @property
    def is_packing(self) -> bool:
        """Whether it is an aggregation."""
        return self.event.type == "AggregationEvent"

    @property
    def may_hold(self) -> bool:
        """Whether it may concern more than what it names."""
        return any(each.may_hold for each in self.things) or (
            self.is_packing and self.parent is not None and self.parent.may_hold
        )

    @property
    def alone(self) -> Sequence[str]:
        """The URIs of what it happened to that holds nothing, whatever comes later."""
        if self.is_packing and self.may_hold:
            return ()
        return [uri for uri, thing in zip(self.uris, self.things, strict=True) if not thing.may_hold]

    @property
    def names(self) -> Sequence[str]:
        """What it happened to that may hold parcels; of a bag that is opened without a word, the bag itself."""
        if self.is_packing:
            return [thing.name for thing in self.things] or ([self.parent.name] if self.parent else [])
        return [thing.name for thing in self.things if thing.may_hold]

    @property
    def packings(self) -> Iterator[Packing]:
        """What an aggregation says: who sees things together has not seen them put together, but so they are."""
        if not self.is_packing or self.parent is None:
            return
        into = self.event.action != "DELETE"
        for child in [thing.name for thing in self.things] or ([] if into else [ALL]):
            yield Packing(self.parent.name, child, self.at, into)


def read_whole(place: int, raw: Any, known: Mapping[str, str]) -> Whole:
    """Check one event and what it happened to; `known` are the prefixes of its document.

    Raises:
        BadItem: names the field and says what to fix.
    """
    event = read_event(raw, known)
    uris = things_of(event)
    parent = thing_of(event.parent) if event.parent else None
    things = [thing_of(uri) for uri in uris]
    return Whole(place, event, uris, things, parent, time_of(event).ms, payload_of(event))


def of_one(payload: Mapping[str, Any], uri: str) -> dict[str, Any]:
    """The event of one of its things alone; `payload` is what is kept of it."""
    return {**payload, things_field(payload["type"]): [uri]}


def apart(document: Document) -> Iterator[Any]:
    """The events of a document, one for each of their things; what is wrong stays as it came.

    One that names no thing that moves is one event of none.
    """
    for raw in document.events:
        try:
            event = read_event(raw, document.prefixes)
        except BadItem:
            yield raw
        else:
            payload = payload_of(event)
            parts = [of_one(payload, uri) for uri in things_of(event)]
            yield from parts or [{**payload, "type": "ObjectEvent", "epcList": []}]


def of_change(payload: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The event as it concerns one thing, told for the so-manieth time, or taken back."""
    plain = {name: value for name, value in payload.items() if name != "errorDeclaration"}
    turn = {f"{EXTENSION}turn": change.turn} if change.turn else {}
    declared = {"errorDeclaration": DECLARED} if change.takes_back else {}
    uri = change.thing if ":" in change.thing else f"{PARCEL}{change.thing}"
    return {**plain, **turn, **declared, things_field(payload["type"]): [uri]}


def things_field(kind: str) -> str:
    """The field in which an event of this type names what moved."""
    return "childEPCs" if kind == "AggregationEvent" else "epcList"
