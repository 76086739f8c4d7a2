"""A carrier's entry in the register: what a ministry asks for, and how we read it."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, FailFast, Field, ValidationError

from buuta.errors import BadItem
from buuta.faults import said_of
from buuta.model.bounded import Bounded
from buuta.model.identifiers import CARRIER, SHARED
from buuta.model.shown import shown_place
from buuta.model.statuses import Service
from buuta.model.zones import is_zone


class Standing(StrEnum):
    """Whether a carrier may report; one that may not is refused with its keys."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


def zone(name: str) -> str:
    """The same, if it is a time zone.

    Raises:
        ValueError: it is none.
    """
    if not is_zone(name):
        raise ValueError("is no time zone such as Asia/Ho_Chi_Minh")
    return name


def _levels(raw: Any) -> Any:
    return [each for each in raw.replace(",", " ").split() if each] if isinstance(raw, str) else raw


Text = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(lambda raw: raw or None)]


class Entry(Bounded):
    """A line of the register. `contact_role` is whom to call, by role and not by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    code: Annotated[str, Field(pattern=f"^{CARRIER.pattern}$")]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    format: str = "buuta"
    legal_name: Text = None
    licence: Text = None
    contact_role: Text = None
    time_zone: Annotated[str, AfterValidator(zone)] = "Asia/Ho_Chi_Minh"
    service_levels: Annotated[list[Service], FailFast(), BeforeValidator(_levels)] = Field([])
    is_post: bool = False
    status: Standing = Standing.ACTIVE


COLUMNS: Final = tuple(Entry.model_fields)
REQUIRED: Final = ("code", "name")


def read_entry(line: Mapping[str, Any], formats: Collection[str]) -> Entry:
    """Check a line; `formats` are those that are read.

    Raises:
        BadItem: names the column and says what to fix.
    """
    given = {name: value for name, value in line.items() if value != "" or name in REQUIRED}
    try:
        read = Entry.model_validate(given)
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        column = shown_place(first["loc"])
        raise BadItem("carrier_invalid", f"{column}: {said_of(first)}", column) from None
    if read.code == SHARED:
        raise BadItem("carrier_invalid", f"{SHARED} is the name under which posts share parcels", "code")
    if read.format not in formats:
        raise BadItem("format_unknown", f"no such format; there are {', '.join(formats)}", "format")
    return read
