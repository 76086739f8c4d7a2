"""What a shipper sends to register a parcel, checked."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from buuta.errors import BadItem
from buuta.model.bounded import Bounded, Moment
from buuta.model.checked import RULE_OF
from buuta.model.contact_points import EMAIL, PHONE, is_email, is_phone, one_spelling
from buuta.model.identifiers import CARRIER, normalise_number
from buuta.model.shapes import UNITS
from buuta.model.statuses import Service


def _number(raw: str) -> str:
    try:
        return normalise_number(raw)
    except BadItem as bad:
        raise ValueError(str(bad)) from None


def _says(fits: Callable[[str], object], sentence: str) -> BeforeValidator:
    """Who writes it otherwise reads a sentence, and no regular expression."""

    def check(raw: object) -> object:
        if isinstance(raw, str) and not fits(raw):
            raise ValueError(sentence)
        return raw

    return BeforeValidator(check)


Phone = Annotated[
    str,
    Field(pattern=f"^{PHONE}$", description="E.164.", examples=["+84912345678"]),
    _says(is_phone, "a phone is written as E.164, such as +84912345678"),
    AfterValidator(one_spelling),
]
Email = Annotated[
    str,
    Field(pattern=f"^{EMAIL}$", max_length=254, examples=["nguoinhan@example.vn"]),
    _says(is_email, "an e-mail is written name@example.vn"),
]
Province = Annotated[
    str,
    Field(pattern=f"^{UNITS['province'].pattern}$", examples=["01"]),
    _says(
        RULE_OF["province"].fits, "a province is its code of the Statistics Office, such as 01 for Hà Nội"
    ),
]
Commune = Annotated[
    str,
    Field(pattern=f"^{UNITS['commune'].pattern}$", examples=["00070"]),
    _says(RULE_OF["commune"].fits, "a commune is its code of the Statistics Office, such as 00070"),
]


class Recipient(Bounded):
    """Who is told; at least one of phone and e-mail. Encrypted before it is stored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    phone: Phone | None = None
    email: Email | None = None
    language: Literal["vi", "en"] = "vi"

    @model_validator(mode="after")
    def reachable(self) -> Self:
        """Somebody must be there to be told."""
        if self.phone is None and self.email is None:
            raise ValueError("give a phone, an e-mail, or both")
        return self


class Destination(Bounded):
    """Administrative unit since 1 July 2025, codes of the Statistics Office."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    province: Province
    commune: Commune | None = None
    digital_address: Annotated[
        str | None, Field(pattern="^[0-9]{10}$", description="Ten digits; encrypted, as the position is.")
    ] = None
    latitude: Annotated[float | None, Field(ge=-90, le=90, allow_inf_nan=False)] = None
    longitude: Annotated[float | None, Field(ge=-180, le=180, allow_inf_nan=False)] = None

    @model_validator(mode="after")
    def whole(self) -> Self:
        """A position has two numbers."""
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        return self

    @property
    def private(self) -> dict[str, Any]:
        """What of it is encrypted."""
        return self.model_dump(include={"digital_address", "latitude", "longitude"}, exclude_none=True)


NEW: Final[dict[str, Any]] = {
    "carrier": "ghn", "number": "Z82BS",
    "recipient": {"phone": "+84912345678", "email": "nguoinhan@example.vn", "language": "vi"},
    "destination": {"province": "01", "commune": "00070"}, "promised_at": "2026-11-26T17:00:00+07:00",
}  # fmt: skip
CHANGE: Final[dict[str, Any]] = {"promised_at": "2026-11-27T17:00:00+07:00"}


class NewParcel(Bounded):
    """A parcel to be registered."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [NEW]}
    )

    carrier: Annotated[str, Field(pattern=f"^{CARRIER.pattern}$", examples=["ghn"])]
    number: Annotated[str, Field(max_length=60, examples=["Z82BS"]), AfterValidator(_number)]
    recipient: Recipient
    destination: Destination | None = None
    promised_at: Moment | None = None
    service: Annotated[Service | None, Field(description="What the sender paid for.")] = None


class ParcelChange(Bounded):
    """What changes; fields that are left out stay."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [CHANGE]}
    )

    recipient: Recipient | None = None
    destination: Destination | None = None
    promised_at: Moment | None = None
    service: Service | None = None


class Standing(StrEnum):
    """How a registration stands among those of its parcel: docs/decisions/0048.

    The confirmed one (of several the first) steers destination, promise and service, else the first of all;
    `unconfirmed` is one that another's goes before. Its recipient is told all the same.
    """

    CONFIRMED = "confirmed"
    FIRST = "first"
    UNCONFIRMED = "unconfirmed"


def standing_of(confirmed: bool, behind: bool) -> Standing:  # noqa: FBT001 - as the table has them
    """How a registration stands: confirmed by the carrier or not, another's before it or not."""
    if confirmed:
        return Standing.CONFIRMED
    return Standing.UNCONFIRMED if behind else Standing.FIRST


class Registered(BaseModel):
    """A registration as the shipper sees it; the recipient is not repeated."""

    registration_id: str
    carrier: str
    number: str
    version: int
    withdrawn: bool
    standing: Annotated[
        Standing,
        Field(
            description="confirmed: the carrier knows you for a sender; of several such the first that registered "
            "steers, until the carrier names one. first: nobody registered the parcel before you. unconfirmed: "
            "another registration goes before yours; your recipient is told, and your destination, promise and "
            "service count only once the carrier confirms you."
        ),
    ]
    tracking_page: Annotated[str, Field(examples=["/t/ghn/Z82BS"])]
