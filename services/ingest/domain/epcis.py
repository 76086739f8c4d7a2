"""GS1 EPCIS 2.0 in JSON: what a document and an event must be, by the rules of the published JSON Schema.

Of an event only what steers is kept; the rest is checked and dropped.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from buuta.errors import BadItem
from buuta.model.bounded import MOST_FIELDS
from buuta.model.shown import shown_name, shown_place
from services.ingest.domain.contexts import GS1, expanded, own_prefixes, prefixes
from services.ingest.domain.epcis_parts import (
    FEW,
    Action,
    BizStep,
    BizTransaction,
    Destination,
    Disposition,
    ErrorDeclaration,
    Moment,
    Offset,
    PersistentDisposition,
    Place,
    Quantity,
    SensorElement,
    Source,
    Uri,
    Uris,
)

EXTENSION: Final = "urn:buuta:ext:"


class Event(BaseModel):
    """An event as the schema wants it, of the standard's own fields and ours."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    type: Literal[
        "ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"
    ]
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
    children: Uris | None = Field(None, alias="childEPCs")
    quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="quantityList")
    child_quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="childQuantityList")
    sensors: Annotated[list[SensorElement], FEW] | None = Field(None, alias="sensorElementList")
    transactions: Annotated[list[BizTransaction], FEW] | None = Field(None, alias="bizTransactionList")
    sources: Annotated[list[Source], FEW] | None = Field(None, alias="sourceList")
    destinations: Annotated[list[Destination], FEW] | None = Field(None, alias="destinationList")
    persistent: PersistentDisposition | None = Field(None, alias="persistentDisposition")
    recorded_at: Moment | None = Field(None, alias="recordTime")
    certification: Uri | Uris | None = Field(None, alias="certificationInfo")
    inputs: Uris | None = Field(None, alias="inputEPCList")
    outputs: Uris | None = Field(None, alias="outputEPCList")
    input_quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="inputQuantityList")
    output_quantities: Annotated[list[Quantity], FEW] | None = Field(None, alias="outputQuantityList")
    transformation: Uri | None = Field(None, alias="transformationID")
    ilmd: dict[str, Any] | None = None
    error: ErrorDeclaration | None = Field(None, alias="errorDeclaration")
    reason: str | None = Field(None, alias=f"{EXTENSION}reason", max_length=40)
    attempt: int | None = Field(None, alias=f"{EXTENSION}attempt", ge=1, le=99)
    turn: int = Field(0, alias=f"{EXTENSION}turn", ge=0, le=1_000)

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Each type has what it cannot be without."""
        if self.type != "TransformationEvent" and self.action is None:
            raise ValueError("action is missing: ADD, OBSERVE or DELETE")
        wrong = _WANTS[self.type](self)
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


def _transaction(event: Event) -> str | None:
    return None if event.transactions else "bizTransactionList is missing"


def _transformation(event: Event) -> str | None:
    holds = event.inputs or event.outputs or event.input_quantities or event.output_quantities
    return None if holds else "inputEPCList is missing, or another of what went in or came out"


_WANTS: Final[Mapping[str, Callable[[Event], str | None]]] = {
    "ObjectEvent": _object,
    "AggregationEvent": _aggregation,
    "AssociationEvent": _aggregation,
    "TransactionEvent": _transaction,
    "TransformationEvent": _transformation,
}
FIELDS: Final = frozenset(field.alias or name for name, field in Event.model_fields.items())
KNOWN: Final = FIELDS | {"@context"}


class Body(BaseModel):
    """What holds the events of a document."""

    events: list[Any] = Field(alias="eventList")


class Results(BaseModel):
    """The body of a query's answer."""

    body: Body = Field(alias="resultsBody")


class Answered(BaseModel):
    """What holds the results of a query."""

    results: Results = Field(alias="queryResults")


class Query(BaseModel):
    """An `EPCISQueryDocument`: what another system answered may be captured as well."""

    type: Literal["EPCISQueryDocument"]
    context: Any = Field(alias="@context")
    body: Answered = Field(alias="epcisBody")


class Envelope(BaseModel):
    """An `EPCISDocument`."""

    type: Literal["EPCISDocument"]
    context: Any = Field(alias="@context")
    version: Annotated[str, Field(alias="schemaVersion", pattern=r"^2(\.[0-9]+)*$")]
    created_at: Annotated[Moment, Field(alias="creationDate")]
    body: Body = Field(alias="epcisBody")


def is_event(payload: Any) -> bool:
    """Whether a payload is meant as an event."""
    return isinstance(payload, Mapping) and "eventTime" in payload


def of_the_standard(raw: Any) -> Any:
    """An event with the standard's own fields alone: what others' fields hold may be personal."""
    return {name: raw[name] for name in KNOWN & raw.keys()} if isinstance(raw, Mapping) else None


class Document(NamedTuple):
    """The events of a document as they came, and what its prefixes stand for."""

    events: Sequence[Any]
    prefixes: Mapping[str, str]


def document_of(events: Sequence[Any]) -> dict[str, Any]:
    """A document of these events, as one that is sent."""
    return {
        "@context": [GS1], "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-11-24T03:00:00Z", "epcisBody": {"eventList": [*events]},
    }  # fmt: skip


def read_document(raw: Any) -> Document:
    """Take a document apart; its events are read one by one.

    Raises:
        BadItem: it is no document of EPCIS 2.0; names the field and says what to fix.
    """
    if not isinstance(raw, Mapping):
        raise BadItem("document_invalid", "an EPCISDocument is one JSON object")
    try:
        if raw.get("type") == "EPCISQueryDocument":
            query = Query.model_validate(raw)
            return Document(query.body.results.body.events, prefixes(query.context))
        document = Envelope.model_validate(raw)
    except ValidationError as wrong:
        raise _bad("document_invalid", wrong) from None
    return Document(document.body.events, prefixes(document.context))


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
    for name in ("bizStep", "disposition"):
        if isinstance(fields.get(name), str):
            fields[name] = expanded(fields[name], known)
    try:
        return Event.model_validate(fields)
    except ValidationError as wrong:
        raise _bad("event_invalid", wrong) from None


def _own_fields(raw: Mapping[Any, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """The standard's fields and ours; those of others' namespaces may be there, and are not kept.

    Raises:
        BadItem: one is neither.
    """
    fields = {}
    for short, value in raw.items():
        name = expanded(str(short), known)
        if name in FIELDS:
            fields[name] = value
        elif ":" not in name and name != "@context":
            raise BadItem(
                "event_invalid", "no such field of EPCIS, and no URI of your own", shown_name(name)
            )
    return fields


def _bad(code: str, wrong: ValidationError) -> BadItem:
    first = wrong.errors(include_input=False, include_url=False)[0]
    field = shown_place(first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return BadItem(code, f"{field}: {message}" if field else message, field)
