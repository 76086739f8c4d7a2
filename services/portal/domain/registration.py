"""What a shipper sends to register a parcel, checked."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from buuta.errors import BadItem
from buuta.model.identifiers import CARRIER, normalise_number
from buuta.model.times import EARLIEST, LATEST


def _number(raw: str) -> str:
    try:
        return normalise_number(raw)
    except BadItem as bad:
        raise ValueError(str(bad)) from None


def _in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("the year must lie in 2000 to 2099")
    return moment


def _written(pattern: str, sentence: str) -> tuple[AfterValidator, Any]:
    """Text of a pattern: who writes it otherwise reads a sentence, and no regular expression."""

    def check(raw: str) -> str:
        if not re.fullmatch(pattern, raw):
            raise ValueError(sentence)
        return raw

    return AfterValidator(check), Field(max_length=254, json_schema_extra={"pattern": f"^{pattern}$"})


PHONE, IN_OPENAPI = _written(r"\+[1-9]\d{7,14}", "a phone is written as E.164, such as +84912345678")
Phone = Annotated[str, PHONE, IN_OPENAPI, Field(description="E.164.", examples=["+84912345678"])]
EMAIL, EMAIL_IN_OPENAPI = _written(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an e-mail is written name@example.vn"
)
Email = Annotated[str, EMAIL, EMAIL_IN_OPENAPI, Field(examples=["nguoinhan@example.vn"])]
UNIT, UNIT_IN_OPENAPI = _written(
    r"\d{2,5}", "a unit is its code of the Statistics Office, such as 01 for Hà Nội or 00070 for a ward"
)
Unit = Annotated[str, UNIT, UNIT_IN_OPENAPI]
Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]


class Recipient(BaseModel):
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


class Destination(BaseModel):
    """Administrative unit since 1 July 2025, codes of the Statistics Office."""

    model_config = ConfigDict(extra="forbid")

    province: Annotated[Unit, Field(examples=["01"])]
    commune: Annotated[Unit | None, Field(examples=["00070"])] = None


class NewParcel(BaseModel):
    """A parcel to be registered."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    carrier: Annotated[str, Field(pattern=f"^{CARRIER.pattern}$", examples=["ghn"])]
    number: Annotated[str, Field(max_length=60, examples=["Z82BS"]), AfterValidator(_number)]
    recipient: Recipient
    destination: Destination | None = None
    promised_at: Moment | None = None


class ParcelChange(BaseModel):
    """What changes; fields that are left out stay."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    recipient: Recipient | None = None
    destination: Destination | None = None
    promised_at: Moment | None = None


class Registered(BaseModel):
    """A registration as the shipper sees it; the recipient is not repeated."""

    registration_id: str
    carrier: str
    number: str
    version: int
    withdrawn: bool
    tracking_page: Annotated[str, Field(examples=["/t/ghn/Z82BS"])]
