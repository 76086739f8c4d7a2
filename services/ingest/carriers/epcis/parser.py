"""One EPCIS event that happened to one thing; the door takes events of many apart."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.statuses import CorrectionKind
from services.ingest.domain.contexts import PREFIXES
from services.ingest.domain.epcis import Event, read_event
from services.ingest.domain.gs1 import facility_of, thing_of
from services.ingest.domain.recipe import Report
from services.ingest.domain.single import id_of, things_of, time_of
from services.ingest.domain.vocabulary import OWN_BIZ_STEP, OWN_DISPOSITION

STEP_OF_ACTION: Final = {"ADD": "packing", "DELETE": "unpacking", "OBSERVE": "inspecting"}
"""What an aggregation says that names no step."""
NO_STEP: Final = "none"


def parse(payload: Mapping[str, Any]) -> Report | None:
    """The report of an event with one EPC; None where that is no parcel, or the type tells of no movement.

    Raises:
        BadItem: no event, or one of several EPCs.
    """
    event = read_event(payload, PREFIXES)
    uris = things_of(event)
    if len(uris) > 1:
        raise BadItem("epc_not_one", "an event is read by each of its EPCs alone", "epcList")
    thing = thing_of(uris[0]) if uris else None
    if thing is None or not thing.is_parcel:
        return None
    place = event.biz_location or event.read_point
    return Report(
        number=thing.name, raw_code=code_of(event), time=time_of(event), place=place.id if place else "",
        raw_reason=event.reason or "", facility=_facility(event), attempt=event.attempt,
        correction=None if event.error is None else CorrectionKind.DID_NOT_OCCUR,
        natural_id=f"{id_of(event)} {event.turn}" if event.turn else id_of(event),
    )  # fmt: skip


class ParsingOnce:
    """`parse` for events that were taken apart: what the parts of one event share is read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Report | None] = {}

    def __call__(self, payload: Mapping[str, Any]) -> Report | None:
        """The report of an event with one EPC; raises BadItem as `parse`."""
        [uri] = payload.get("epcList") or payload["childEPCs"]
        key = tuple(_shared(payload))
        thing = thing_of(uri)
        if not thing.is_parcel:
            return None
        if key not in self._known:
            self._known[key] = parse(payload)
        report = self._known[key]
        return None if report is None else report._replace(number=thing.name)


def _shared(payload: Mapping[str, Any]) -> Iterator[Any]:
    """What the parts of one event have in common, so that it can be looked up."""
    for name, value in payload.items():
        if name not in ("epcList", "childEPCs"):
            yield name
            yield value.get("id") if isinstance(value, Mapping) else value


def code_of(event: Event) -> str:
    """The raw code: business step, and disposition where there is one."""
    step = event.biz_step
    if step is None:
        step = STEP_OF_ACTION[event.action or "OBSERVE"] if event.type == "AggregationEvent" else NO_STEP
    parts = [step.removeprefix(OWN_BIZ_STEP)]
    if event.disposition is not None:
        parts.append(event.disposition.removeprefix(OWN_DISPOSITION))
    return "/".join(parts)


def _facility(event: Event) -> str | None:
    places = (event.biz_location, event.read_point)
    found = (facility_of(place.id) for place in places if place is not None)
    return next((code for code in found if code is not None), None)
