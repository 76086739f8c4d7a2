"""The parts of an EPCIS 2.0 event, by the rules of the published JSON Schema.

Fields of others' namespaces may be in each of them (EPCIS 2.0, 7.4.1.4 and 9.5; GS1's own examples have them); none
is kept.
"""

import re
from collections.abc import Mapping, Set
from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from buuta.model.bounded import Bounded
from services.ingest.domain.vocabulary import (
    BIZ_STEP,
    DISPOSITION,
    ERROR_REASON,
    PARTY_TYPE,
    TRANSACTION_TYPE,
    Vocabulary,
)

MOST_OBJECTS: Final = 10_000
FEW: Final = Field(max_length=MOST_OBJECTS, fail_fast=True)
"""A list of so many, looked at as far as the first that is wrong: an error of each would take as long as all."""

Uri = Annotated[str, Field(max_length=500, pattern=r"^[A-Za-z_][A-Za-z0-9+.-]*:[!-~]+$")]
LEAP_SECOND: Final = re.compile(r":60(\.[0-9]+)?")


def _moment(value: str) -> str:
    """As RFC 3339 has it, in capital letters; a leap second is the end of the second before."""
    return LEAP_SECOND.sub(":59.999", value.upper(), count=1)


Moment = Annotated[
    str,
    Field(
        max_length=40,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    ),
    AfterValidator(_moment),
]
Offset = Annotated[str, Field(pattern=r"^[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)$")]
Action = Literal["ADD", "OBSERVE", "DELETE"]


STANDARD: Final = frozenset(
    {"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}
)
EPCIS_URI: Final = re.compile(r"https?://(?:ref|ns)\.gs1\.org/epcis/([A-Za-z]+)")


def is_own_type(value: str) -> bool:
    """Whether a type of event is a URI of the sender's own."""
    return ":" in value and EPCIS_URI.fullmatch(value) is None


def _type(value: str) -> str:
    uri = EPCIS_URI.fullmatch(value)
    name = value if uri is None else uri[1]
    if name not in STANDARD and not is_own_type(value):
        raise ValueError(f"is none of {', '.join(sorted(STANDARD))}, and no URI of your own")
    return name


MOST_DIGITS: Final = 4
UNLISTED: Final = "unlisted"
"""Stands for a reason that no table has; it has none of that name either."""
UNFIT: Final = 0
"""Stands for an attempt that is none: it is left out, with a note."""


def _attempt(value: Any) -> int:
    """A whole number, as text too; whatever else stands there keeps no event out."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS:
        return int(value)
    return value if type(value) is int else UNFIT


def _reason(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST_REASON else UNLISTED


LONGEST_REASON: Final = 40
Attempt = Annotated[int, BeforeValidator(_attempt)]
ReasonSaid = Annotated[str, BeforeValidator(_reason)]
EventType = Annotated[str, Field(max_length=500), AfterValidator(_type)]
"""One of the standard's, or a URI of the sender's own (an extended event)."""


def _each_once(uris: list[str]) -> list[str]:
    if len(set(uris)) < len(uris):
        raise ValueError("holds the same twice")
    return uris


Uris = Annotated[list[Uri], FEW, AfterValidator(_each_once)]
Listed = Annotated[list[Uri], FEW, AfterValidator(lambda uris: list(dict.fromkeys(uris)))]
"""A list that may name a thing twice: the schema has `uniqueItems` for `epcList` alone."""


def _word(words: Vocabulary) -> tuple[Any, ...]:
    return Field(max_length=500), AfterValidator(words.word)


BizStep = Annotated[str, *_word(BIZ_STEP)]
Disposition = Annotated[str, *_word(DISPOSITION)]
ErrorReason = Annotated[str, *_word(ERROR_REASON)]
PartyType = Annotated[str, *_word(PARTY_TYPE)]
TransactionType = Annotated[str, *_word(TRANSACTION_TYPE)]
KEYWORDS: Final = ("id", "@id", "@type", "@context")
"""What JSON-LD lets any object have."""


def is_foreign(name: str) -> bool:
    """Whether a field is of another's namespace, or of JSON-LD: it may be there, and nobody reads it."""
    return ":" in name or name in KEYWORDS


class Part(Bounded):
    """A part: the standard's fields, and others' that are not kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def own(cls, raw: Any) -> Any:
        """Leave out what is others'."""
        names = _names(cls)
        if not isinstance(raw, Mapping):
            raise PydanticCustomError(
                "object_wanted", "is an object with {names}", {"names": ", ".join(sorted(names))}
            )
        return {name: value for name, value in raw.items() if name in names or not is_foreign(str(name))}


@cache
def _names(part: type[Part]) -> Set[str]:
    return frozenset(field.alias or name for name, field in part.model_fields.items())


class Place(Part):
    """A read point or a business location."""

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


class SensorElement(Part):
    """What sensors said: at least one report; what exactly is not read."""

    metadata: dict[str, Any] | None = Field(None, alias="sensorMetadata")
    reports: Annotated[list[dict[str, Any]], FEW, Field(alias="sensorReport", min_length=1)]


class ErrorDeclaration(Part):
    """That an event was wrong; it repeats the event (EPCIS 2.0, 7.4.1.4)."""

    declared_at: Moment = Field(alias="declarationTime")
    reason: ErrorReason | None = None
    corrective: Listed | None = Field(None, alias="correctiveEventIDs")
