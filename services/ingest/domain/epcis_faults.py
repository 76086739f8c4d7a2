"""What a sender hears of EPCIS that breaks the schema: where, and what to write instead."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

from buuta.errors import BadItem
from buuta.faults import said_of
from buuta.model.shown import shown_name, shown_place

MOST_TOLD: Final = 3
"""Faults of one event that are told at once."""
LONGEST_NAME: Final = 60
WANTED: Final[Mapping[str, str]] = {
    "type": "the type, such as ObjectEvent, or EPCISDocument of a document (drafts of EPCIS 2.0 called it isA)",
    "eventTime": "a time with its offset such as 2026-11-24T09:30:00+07:00",
    "recordTime": "a time with its offset such as 2026-11-24T09:30:00+07:00",
    "creationDate": "a time with its offset such as 2026-11-24T09:30:00+07:00",
    "declarationTime": "a time with its offset such as 2026-11-24T09:30:00+07:00",
    "eventTimeZoneOffset": "the place's offset from UTC such as +07:00",
    "action": "ADD, OBSERVE or DELETE",
    "schemaVersion": 'the text "2.0"',
    "epcisBody": 'an object: {"eventList": [...]}',
    "eventList": "the events, in an array",
    "epcList": "URIs, in an array, such as urn:epc:id:sscc:9312345.8000000001",
    "childEPCs": "URIs, in an array, such as urn:epc:id:sscc:9312345.8000000001",
    "parentID": "a URI such as urn:epc:id:sscc:9312345.8000000001",
    "eventID": "a URI such as urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
    "readPoint": 'an object: {"id": "urn:epc:id:sgln:8931234.00001.0"}',
    "bizLocation": 'an object: {"id": "urn:epc:id:sgln:8931234.00001.0"}',
    "bizStep": "a word of the CBV such as departing, or a URI",
    "disposition": "a word of the CBV such as in_transit, or a URI",
}
"""What a field holds, for who left it out or wrote something else."""
DRAFTS: Final = {"isA": "type", "id": "eventID"}
"""What drafts of EPCIS 2.0 called a field."""


def told(code: str, wrong: ValidationError) -> BadItem:
    """The first faults of a document or an event: where, and what to fix; no value is repeated."""
    faults = wrong.errors(include_input=False, include_url=False)[:MOST_TOLD]
    first = shown_place(faults[0]["loc"])
    said = [_sentence(shown_place(each["loc"]), each) for each in faults]
    return BadItem(code, "; ".join(dict.fromkeys(said)), first)


def _sentence(place: str, fault: Any) -> str:
    name = next((part for part in reversed(place.split(".")) if not part.isdigit()), "")
    wanted = WANTED.get(name)
    if fault["type"] == "value_error" or wanted is None:
        return f"{place}: {said_of(fault)}" if place else said_of(fault)
    return f"{place} is missing: {wanted}" if fault["type"] == "missing" else f"{place} must be {wanted}"


def unknown(name: str, known: Collection[str]) -> BadItem:
    """What is said of a field that is neither the standard's nor of a namespace of the sender's own."""
    meant = DRAFTS.get(name) or next(iter(get_close_matches(name[:LONGEST_NAME], known, n=1)), "")
    hint = f"; {meant} may be meant" if meant else ""
    shown = shown_name(name)
    return BadItem(
        "event_invalid",
        f"{shown}: no such field of EPCIS, and no URI of your own (a field of yours is written prefix:name){hint}",
        shown,
    )
