"""Buuta's own item: what `POST /v1/scans` takes and the columns of a CSV file."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from buuta.errors import BadItem
from buuta.faults import said_of
from buuta.model.rounded import Rounded
from buuta.model.shapes import UNITS
from buuta.model.shown import shown_place
from buuta.model.statuses import CorrectionKind, DeliveryMode, DistanceBucket, Reason
from services.ingest.domain.details import Details
from services.ingest.domain.fields import LONGEST, UNSEEN, text
from services.ingest.domain.notes import LEFT_OUT, Note, Notes
from services.ingest.domain.recipe import Report
from services.ingest.domain.times import ISO

MOST_FIELDS: Final = 100
"""More is no item: each field that does not belong is looked at before one is named."""
Code = Annotated[str, Field(min_length=1, max_length=40)]
LONGEST_NOTE: Final = 1_000


def _word(raw: Any) -> Any:
    """A word of a list, in any case and with space around."""
    return raw.strip().lower() if isinstance(raw, str) else raw


def _unit(digits: int) -> BeforeValidator:
    """A code of a unit that came as a number has lost its zeros."""
    return BeforeValidator(lambda raw: f"{raw:0{digits}}" if type(raw) is int and raw > 0 else raw)


Unit = Annotated[str, Field(pattern=f"^{UNITS['province'].pattern}$")]
Word = BeforeValidator(_word)
Link = Annotated[str, Field(max_length=500, pattern=r"^https?://[!-~]+$")]


def _links(raw: Any) -> Any:
    """A cell of a table holds them with spaces between."""
    return raw.split() if isinstance(raw, str) else raw


EXAMPLE: Final[dict[str, Any]] = {
    "number": "EJ012345678VN", "code": "attempt_failed", "occurred_at": "2026-11-24T09:30:00+07:00",
    "place": "Bưu cục Hàng Trống", "reason": "addressee_absent", "province": "01", "commune": "00070",
}  # fmt: skip


class ScanItem(BaseModel):
    """One report: at least a number, a code of the carrier's table, and when it happened."""

    model_config = ConfigDict(extra="forbid", title="ScanItem", json_schema_extra={"examples": [EXAMPLE]})

    number: Annotated[str, Field(min_length=3, max_length=60, examples=["EJ012345678VN"])]
    code: Annotated[Code, Field(description="A code of your code table.", examples=["delivered"])]
    occurred_at: Annotated[
        str,
        Field(max_length=60, description="ISO 8601, or a count of seconds or milliseconds since 1970. Without an "
              "offset your time zone holds, or your facility's; a date alone is a day without a clock.",
              examples=["2026-11-24T09:30:00+07:00"]),
    ]  # fmt: skip
    place: Annotated[str, Field(max_length=300, description="Where, as you write it.")] = ""
    reason: Annotated[Reason | None, Word, Field(description="Why, where it did not go well.")] = None
    delivery_mode: Annotated[
        DeliveryMode | None, Word, Field(description="How it was handed over (Postal Law Art. 11(3)).")
    ] = None
    provisional: Annotated[bool, Field(description="Reported, not yet confirmed.")] = False
    facility: Annotated[str | None, Field(max_length=40, pattern="^[A-Za-z0-9_./-]+$")] = None
    province: Annotated[Unit | None, _unit(2), Field(description="Province code since 1 July 2025.")] = None
    commune: Annotated[Unit | None, _unit(5), Field(description="Commune code since 1 July 2025.")] = None
    attempt: Annotated[int | None, Field(ge=1, le=99)] = None
    distance_bucket: Annotated[DistanceBucket | None, Word] = None
    proof_present: bool | None = None
    natural_id: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern="^[!-~]+$",
            description="Your own id of the event, where your format goes by it.",
        ),
    ] = None
    digital_address: Annotated[
        str | None, Field(max_length=40, description="Ten digits. Kept encrypted, as the next five are.")
    ] = None
    latitude: Annotated[float | None, Field(ge=-90, le=90, allow_inf_nan=False)] = None
    longitude: Annotated[float | None, Field(ge=-180, le=180, allow_inf_nan=False)] = None
    plus_code: Annotated[str | None, Field(max_length=20, pattern="^[0-9A-Za-z+]+$")] = None
    note: Annotated[str | None, Field(max_length=1000, description="What the courier wrote.")] = None
    proof_links: Annotated[tuple[Link, ...], FailFast(), BeforeValidator(_links), Field(max_length=10)] = ()
    corrects: Annotated[
        str | None, Field(pattern="^[0-9a-f]{32}$", description="The event id of your scan that was wrong.")
    ] = None
    correction: Annotated[
        CorrectionKind | None,
        Word,
        Field(description="did_not_occur takes it back; incorrect_data: this item stands instead."),
    ] = None

    @field_validator("code", "place", "digital_address", "note", mode="before")
    @classmethod
    def storable(cls, value: Any) -> Any:
        """Refuse here what PostgreSQL cannot hold; the other fields have patterns that it does not fit."""
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("holds a NUL character, which cannot be stored; take it out")
        return value

    @model_validator(mode="after")
    def whole(self) -> Self:
        """A correction says what it corrects, and how."""
        if (self.corrects is None) != (self.correction is None):
            raise ValueError("corrects and correction come together")
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        return self

    @property
    def details(self) -> Details | None:
        """What goes to the vault; None where nothing does."""
        if self.model_fields_set.isdisjoint(Details._fields):
            return None
        said = Details(
            self.digital_address,
            self.latitude,
            self.longitude,
            self.plus_code,
            self.note,
            self.proof_links,
        )
        return None if said == Details() else said


UNKNOWN: Final = "extra_forbidden"
"""Pydantic's word for a field that there is not."""
NEEDED: Final = frozenset({"number", "code", "occurred_at"})
"""Fields without which nothing is reported."""
KEPT: Final = NEEDED | {"provisional", "corrects", "correction"}
"""Fields that are never left out: without them the item would say another thing."""
NUMBERS: Final = NEEDED | {"natural_id", "facility", "digital_address"}
"""Texts that may come as numbers: `4.0` is `4`."""
CUT: Final = {"place": LONGEST, "note": LONGEST_NOTE}
"""Fields of which the first so many characters are read."""
MOST_NAMES: Final = 5
"""So many fields that there are not are named in a note."""


def read_item(item: Any) -> Report:
    """Check one item and read it; what need not be there and does not fit is left out, with a note.

    Raises:
        BadItem: names the field and says what to fix; the value itself is not repeated, since it
            may be personal.
    """
    if not isinstance(item, Mapping):
        raise BadItem("item_not_object", "an item is a JSON object with number, code, occurred_at")
    if len(item) > MOST_FIELDS:
        raise BadItem("too_many_fields", f"an item has at most {len(ScanItem.model_fields)} fields")
    notes = Notes()
    read = _read(_said(item, notes), notes)
    return Report(
        number=read.number, raw_code=read.code, time=ISO.read(read.occurred_at), place=read.place,
        reason=read.reason, mode=read.delivery_mode, provisional=read.provisional,
        facility=read.facility, province=read.province, commune=read.commune, attempt=read.attempt,
        distance_bucket=read.distance_bucket, proof_present=read.proof_present,
        corrects=read.corrects, correction=read.correction, natural_id=read.natural_id or "",
        details=read.details, notes=tuple(notes),
    )  # fmt: skip


def _said(item: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """What the item says: null says nothing, numbers are texts, and texts end somewhere."""
    said: dict[str, Any] = {}
    for name, value in item.items():
        if type(value) is str:
            said[name] = _text(name, value, notes)
        elif name in NUMBERS and type(value) in (int, float, Rounded):
            _number(item, name, said, notes)
        elif value is not None:
            said[name] = value
    return said


def _text(name: str, value: str, notes: Notes) -> str:
    if name in NEEDED:
        return value.strip(UNSEEN)
    return notes.cut(name, value, CUT[name]) if name in CUT else value


def _number(item: Mapping[str, Any], name: str, said: dict[str, Any], notes: Notes) -> None:
    try:
        said[name] = text(item, name)
    except BadItem as bad:
        if name in NEEDED:
            raise
        notes.left_out(name, bad)


def _read(said: dict[str, Any], notes: Notes) -> ScanItem:
    """The item; where something does not fit that need not be there, once more without it."""
    try:
        return ScanItem.model_validate(said)
    except ValidationError as wrong:
        errors = wrong.errors(include_input=False, include_url=False)
    for error in errors:
        if _is_kept(error):
            raise _bad(error)
    for error in errors:
        for name in error["loc"][:1] or ("latitude", "longitude"):
            said.pop(str(name), None)
    unknown = [shown_place(error["loc"]) for error in errors if error["type"] == UNKNOWN]
    notes.extend(_note(error) for error in errors if error["type"] != UNKNOWN)
    if unknown:
        named = ", ".join(unknown[:MOST_NAMES]) + (" and more" if unknown[MOST_NAMES:] else "")
        notes.append(Note(unknown[0], "field_unknown", f"no such field: {named}; {LEFT_OUT}"))
    return _read(said, notes)


def _is_kept(error: Any) -> bool:
    """Whether the item would say another thing without what is wrong; of a whole item only its position may go."""
    return error["loc"][0] in KEPT if error["loc"] else "latitude" not in error["msg"]


def _note(error: Any) -> Note:
    bad = _bad(error)
    return Note(bad.field or "latitude", bad.code, f"{bad}; {LEFT_OUT}")


def _bad(error: Any) -> BadItem:
    field = shown_place(error["loc"])
    code = "field_missing" if error["type"] == "missing" else f"{field or 'item'}_invalid"
    return BadItem(code, said_of(error), field)
