"""Documents of EPCIS 2.0: what holds events, and what the prefixes in them stand for."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from buuta.errors import BadItem
from services.ingest.domain.contexts import GS1, read_context
from services.ingest.domain.epcis import is_event
from services.ingest.domain.epcis_faults import told
from services.ingest.domain.epcis_parts import Moment


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


OTHERS: Final[Mapping[str, str]] = {
    "EPCISMasterDataDocument": "master data is not read here: an EPCISDocument holds events",
}
"""What a document of EPCIS hears that cannot hold events."""


class Document(NamedTuple):
    """The events of a document as they came, what its prefixes stand for, and what its sender should know."""

    events: Sequence[Any]
    prefixes: Mapping[str, str]
    notes: Sequence[str] = ()


def document_of(events: Sequence[Any]) -> dict[str, Any]:
    """A document of these events, as one that is sent."""
    return {
        "@context": [GS1], "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-11-24T03:00:00Z", "epcisBody": {"eventList": [*events]},
    }  # fmt: skip


def read_document(raw: Any) -> Document:
    """Take a document apart; its events are read one by one. An event alone is a document of its own.

    Raises:
        BadItem: it is no document of EPCIS 2.0; names the field and says what to fix.
    """
    if not isinstance(raw, Mapping):
        raise BadItem(
            "document_invalid", "an EPCISDocument is one JSON object, with the events in eventList"
        )
    kind = raw.get("type")
    if isinstance(kind, str) and kind in OTHERS:
        raise BadItem("document_invalid", OTHERS[kind], "type")
    if is_event(raw) and "epcisBody" not in raw:
        return _document([raw], raw.get("@context"))
    try:
        if kind == "EPCISQueryDocument":
            query = Query.model_validate(raw)
            return _document(query.body.results.body.events, query.context)
        document = Envelope.model_validate(raw)
    except ValidationError as wrong:
        raise told("document_invalid", wrong) from None
    return _document(document.body.events, document.context)


def _document(events: Sequence[Any], context: Any) -> Document:
    read = read_context(context)
    return Document(events, read.prefixes, read.notes)
