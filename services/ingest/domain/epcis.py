"""GS1 EPCIS 2.0 in JSON: what a document and an event must be, by the rules of the published JSON Schema.

Of an event only what steers is kept; the rest is checked and dropped.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from buuta.errors import BadItem, shown_name, shown_place
from services.ingest.domain.contexts import GS1, expanded, own_prefixes, prefixes
from services.ingest.domain.vocabulary import BIZ_STEPS, DISPOSITIONS

EXTENSION: Final = "urn:buuta:ext:"
CBV_URIS: Final = re.compile(r"(urn:epcglobal:cbv:|https?://(ref|ns)\.gs1\.org/cbv/)")
ACTIONS: Final = frozenset({"ADD", "OBSERVE", "DELETE"})
MOST_OBJECTS: Final = 10_000

Uri = Annotated[str, Field(max_length=500, pattern=r"^[A-Za-z_][A-Za-z0-9+.-]*:[!-~]+$")]
Moment = Annotated[
    str, Field(max_length=40, pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
]
Offset = Annotated[str, Field(pattern=r"^[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)$")]
Action = Literal["ADD", "OBSERVE", "DELETE"]
Uris = Annotated[list[Uri], Field(max_length=MOST_OBJECTS)]


def _in_cbv(words: frozenset[str], value: str) -> str:
    if CBV_URIS.match(value):
        raise ValueError("in JSON a value of the CBV is its bare word, such as shipping or in_transit")
    if value not in words and ":" not in value:
        raise ValueError("is no value of the CBV, and no URI of your own")
    return value


BizStep = Annotated[str, Field(max_length=500), AfterValidator(partial(_in_cbv, BIZ_STEPS))]
Disposition = Annotated[str, Field(max_length=500), AfterValidator(partial(_in_cbv, DISPOSITIONS))]


class Part(BaseModel):
    """A part whose fields are all the standard's."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(BaseModel):
    """A read point or a business location."""

    model_config = ConfigDict(frozen=True)
    id: Uri


class Quantity(Part):
    """So much of a class; no single parcel can be told from it."""

    epc_class: Uri = Field(alias="epcClass")
    quantity: float | None = None
    uom: Annotated[str, Field(pattern="^[A-Z0-9]{2,3}$")] | None = None


class ErrorDeclaration(Part):
    """That an event was wrong; it repeats the event (EPCIS 2.0, 7.4.1.4)."""

    declared_at: Moment = Field(alias="declarationTime")
    reason: str | None = Field(None, max_length=200)
    corrective: Uris = Field([], alias="correctiveEventIDs")

    @model_validator(mode="after")
    def known(self) -> Self:
        """The reason is one of the CBV's two, or a URI."""
        if self.reason not in (None, "did_not_occur", "incorrect_data") and ":" not in (self.reason or ""):
            raise ValueError("reason is did_not_occur, incorrect_data, or a URI of your own")
        return self


class Event(BaseModel):
    """An event as the schema wants it. Fields of others' namespaces may be there, and are not kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

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
    quantities: list[Quantity] | None = Field(None, alias="quantityList")
    child_quantities: list[Quantity] | None = Field(None, alias="childQuantityList")
    sensors: list[Any] | None = Field(None, alias="sensorElementList")
    transactions: list[Any] | None = Field(None, alias="bizTransactionList")
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


_WANTS: Final[Mapping[str, Callable[[Event], str | None]]] = {
    "ObjectEvent": _object,
    "AggregationEvent": _aggregation,
    "AssociationEvent": _aggregation,
    "TransactionEvent": _transaction,
    "TransformationEvent": lambda _: None,
}
KNOWN: Final = frozenset(
    {field.alias or name for name, field in Event.model_fields.items()}
    | {
        "@context", "recordTime", "persistentDisposition", "sourceList", "destinationList", "certificationInfo",
        "inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList", "transformationID", "isA",
    }
)  # fmt: skip


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
    version: Annotated[str, Field(alias="schemaVersion", pattern=r"^2(\.\d+)*$")]
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
    if "@context" in raw:
        known = {**known, **own_prefixes(raw["@context"])}
    fields = {expanded(str(name), known): value for name, value in raw.items()}
    for name in ("bizStep", "disposition"):
        if isinstance(fields.get(name), str):
            fields[name] = expanded(fields[name], known)
    unknown = sorted(name for name in fields if name not in KNOWN and ":" not in name)
    if unknown:
        raise BadItem(
            "event_invalid", "no such field of EPCIS, and no URI of your own", shown_name(unknown[0])
        )
    try:
        return Event.model_validate(fields)
    except ValidationError as wrong:
        raise _bad("event_invalid", wrong) from None


def _bad(code: str, wrong: ValidationError) -> BadItem:
    first = wrong.errors(include_input=False, include_url=False)[0]
    field = shown_place(first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return BadItem(code, f"{field}: {message}" if field else message, field)
