"""GS1 EPCIS 2.0 in JSON: what an event must be, by the rules of the published JSON Schema.

Of an event only what steers is kept; the rest is checked and dropped.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from buuta.errors import BadItem
from buuta.model.bounded import MOST_FIELDS
from services.ingest.domain.contexts import expanded, own_prefixes
from services.ingest.domain.epcis_faults import told, unknown
from services.ingest.domain.epcis_parts import (
    FEW,
    Action,
    Attempt,
    BizStep,
    BizTransaction,
    Destination,
    Disposition,
    ErrorDeclaration,
    EventType,
    Listed,
    Moment,
    Offset,
    PersistentDisposition,
    Place,
    Quantity,
    ReasonSaid,
    SensorElement,
    Source,
    Uri,
    Uris,
    is_own_type,
)

EXTENSION: Final = "urn:buuta:ext:"


class Event(BaseModel):
    """An event as the schema wants it, of the standard's own fields and ours."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    type: EventType
    event_time: Moment = Field(alias="eventTime")
    offset: Offset = Field(alias="eventTimeZoneOffset")
    event_id: Uri | None = Field(None, alias="eventID")
    action: Action | None = None
    biz_step: BizStep | None = Field(None, alias="bizStep")
    disposition: Disposition | None = None
    read_point: Place | None = Field(None, alias="readPoint")
    biz_location: Place | None = Field(None, alias="bizLocation")
    epcs: Uris | None = Field(None, alias="epcList")
    parent: Uri | None = Field(None, alias="parentID")
    children: Listed | None = Field(None, alias="childEPCs")
    quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="quantityList")
    child_quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="childQuantityList")
    sensors: Annotated[list[SensorElement], FEW] | None = Field(None, alias="sensorElementList")
    transactions: Annotated[list[BizTransaction], FEW] | None = Field(None, alias="bizTransactionList")
    sources: Annotated[list[Source], FEW] | None = Field(None, alias="sourceList")
    destinations: Annotated[list[Destination], FEW] | None = Field(None, alias="destinationList")
    persistent: PersistentDisposition | None = Field(None, alias="persistentDisposition")
    recorded_at: Moment | None = Field(None, alias="recordTime")
    certification: Uri | Listed | None = Field(None, alias="certificationInfo")
    inputs: Listed | None = Field(None, alias="inputEPCList")
    outputs: Listed | None = Field(None, alias="outputEPCList")
    input_quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="inputQuantityList")
    output_quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="outputQuantityList")
    transformation: Uri | None = Field(None, alias="transformationID")
    ilmd: dict[str, Any] | None = None
    error: ErrorDeclaration | None = Field(None, alias="errorDeclaration")
    reason: ReasonSaid | None = Field(None, alias=f"{EXTENSION}reason")
    attempt: Attempt | None = Field(None, alias=f"{EXTENSION}attempt")
    turn: int = Field(0, alias=f"{EXTENSION}turn", ge=0, le=1_000)

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Each type has what it cannot be without; one of the sender's own may be anything."""
        wants = _WANTS.get(self.type)
        if wants is None:
            return self
        if self.type != "TransformationEvent" and self.action is None:
            raise ValueError("action is missing: ADD, OBSERVE or DELETE")
        wrong = wants(self)
        if wrong:
            raise ValueError(wrong)
        if self.ilmd is not None and self.type == "ObjectEvent" and self.action != "ADD":
            raise ValueError("ilmd is only for the action ADD")
        return self


def _object(event: Event) -> str | None:
    if event.epcs is not None or event.quantities or (event.sensors and event.read_point):
        return None
    return "epcList is missing, or quantityList, or sensorElementList with a readPoint"


def _aggregation(event: Event) -> str | None:
    if event.action != "OBSERVE" and event.parent is None:
        return "parentID is missing"
    if event.action != "DELETE" and not event.children and not event.child_quantities:
        return "childEPCs is missing, or childQuantityList"
    return None


def _association(event: Event) -> str | None:
    return "parentID is missing" if event.parent is None else _aggregation(event)


def _transaction(event: Event) -> str | None:
    return None if event.transactions else "bizTransactionList is missing"


def _transformation(event: Event) -> str | None:
    holds = event.inputs or event.outputs or event.input_quantities or event.output_quantities
    return None if holds else "inputEPCList is missing, or another of what went in or came out"


_WANTS: Final[Mapping[str, Callable[[Event], str | None]]] = {
    "ObjectEvent": _object,
    "AggregationEvent": _aggregation,
    "AssociationEvent": _association,
    "TransactionEvent": _transaction,
    "TransformationEvent": _transformation,
}
FIELDS: Final = frozenset(field.alias or name for name, field in Event.model_fields.items())
KNOWN: Final = FIELDS | {"@context"}


def is_event(payload: Any) -> bool:
    """Whether a payload is meant as an event."""
    return isinstance(payload, Mapping) and "eventTime" in payload


def of_the_standard(raw: Any) -> Any:
    """An event with the standard's own fields alone: what others' fields hold may be personal."""
    return {name: raw[name] for name in KNOWN & raw.keys()} if isinstance(raw, Mapping) else None


def read_event(raw: Any, known: Mapping[str, str]) -> Event:
    """Check one event and read it; `known` are the prefixes of its document.

    Raises:
        BadItem: names the field and says what to fix; the value itself is not repeated.
    """
    if not isinstance(raw, Mapping):
        raise BadItem("event_invalid", "an event is a JSON object")
    if len(raw) > MOST_FIELDS:
        raise BadItem("event_invalid", f"an event has at most {MOST_FIELDS} fields")
    if "@context" in raw:
        known = {**known, **own_prefixes(raw["@context"])}
    fields = _own_fields(raw, known)
    for name in ("type", "bizStep", "disposition"):
        if isinstance(fields.get(name), str):
            fields[name] = expanded(fields[name], known)
    try:
        return Event.model_validate(fields)
    except ValidationError as wrong:
        raise told("event_invalid", wrong) from None


def _own_fields(raw: Mapping[Any, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """The standard's fields and ours; those of others' namespaces may be there, and are not kept.

    Raises:
        BadItem: one is neither, and the type of event is the standard's.
    """
    fields = {}
    kind = raw.get("type")
    may_be_anything = isinstance(kind, str) and is_own_type(expanded(kind, known))
    for short, value in raw.items():
        name = expanded(str(short), known)
        if name in FIELDS:
            fields[name] = value
        elif not (may_be_anything or ":" in name or name.startswith("@") or name in known):
            raise unknown(name, FIELDS)
    return fields
