"""The parts of an EPCIS 2.0 event, by the rules of the published JSON Schema."""

import re
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from buuta.model.bounded import Bounded
from services.ingest.domain.vocabulary import (
    BIZ_STEPS,
    DISPOSITIONS,
    ERROR_REASONS,
    PARTY_TYPES,
    TRANSACTION_TYPES,
)

CBV_URIS: Final = re.compile(r"(urn:epcglobal:cbv:|https?://(ref|ns)\.gs1\.org/cbv/)")
MOST_OBJECTS: Final = 10_000
FEW: Final = Field(max_length=MOST_OBJECTS, fail_fast=True)
"""A list of so many, looked at as far as the first that is wrong: an error of each would take as long as all."""

Uri = Annotated[str, Field(max_length=500, pattern=r"^[A-Za-z_][A-Za-z0-9+.-]*:[!-~]+$")]
Moment = Annotated[
    str,
    Field(
        max_length=40,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
    ),
]
Offset = Annotated[str, Field(pattern=r"^[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)$")]
Action = Literal["ADD", "OBSERVE", "DELETE"]


def _each_once(uris: list[str]) -> list[str]:
    if len(set(uris)) < len(uris):
        raise ValueError("holds the same twice")
    return uris


Uris = Annotated[list[Uri], FEW, AfterValidator(_each_once)]


def _in_cbv(words: frozenset[str], value: str) -> str:
    if CBV_URIS.match(value):
        raise ValueError("in JSON a value of the CBV is its bare word, such as shipping or in_transit")
    if value not in words and ":" not in value:
        raise ValueError("is no value of the CBV, and no URI of your own")
    return value


def _word(words: frozenset[str]) -> tuple[Any, ...]:
    return Field(max_length=500), AfterValidator(partial(_in_cbv, words))


BizStep = Annotated[str, *_word(BIZ_STEPS)]
Disposition = Annotated[str, *_word(DISPOSITIONS)]
ErrorReason = Annotated[str, *_word(ERROR_REASONS)]
PartyType = Annotated[str, *_word(PARTY_TYPES)]
TransactionType = Annotated[str, *_word(TRANSACTION_TYPES)]


class Part(Bounded):
    """A part whose fields are all the standard's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Place(BaseModel):
    """A read point or a business location; fields of others' namespaces may be there."""

    model_config = ConfigDict(frozen=True, strict=True)
    id: Uri


class Quantity(Part):
    """So much of a class; no single parcel can be told from it."""

    epc_class: Uri = Field(alias="epcClass")
    quantity: float | None = None
    uom: Annotated[str, Field(pattern="^[A-Z0-9]{2,3}$")] | None = None


class BizTransaction(Part):
    """A document of trade that the event belongs to."""

    type: TransactionType | None = None
    transaction: Uri = Field(alias="bizTransaction")


class Source(Part):
    """From whom or where."""

    type: PartyType
    source: Uri


class Destination(Part):
    """To whom or where."""

    type: PartyType
    destination: Uri


class PersistentDisposition(Part):
    """Dispositions that hold until they are taken away."""

    set: Annotated[list[Disposition], FEW] | None = None
    unset: Annotated[list[Disposition], FEW] | None = None


class SensorElement(BaseModel):
    """What sensors said: at least one report; what exactly is not read."""

    model_config = ConfigDict(frozen=True, strict=True)
    reports: Annotated[list[dict[str, Any]], FEW, Field(alias="sensorReport", min_length=1)]


class ErrorDeclaration(Part):
    """That an event was wrong; it repeats the event (EPCIS 2.0, 7.4.1.4)."""

    declared_at: Moment = Field(alias="declarationTime")
    reason: ErrorReason | None = None
    corrective: Uris | None = Field(None, alias="correctiveEventIDs")
