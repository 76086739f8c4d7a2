"""What may stand in a recipe's files. A misspelt name is an error and no default."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from buuta.model.statuses import DeliveryMode, Direction, Reason, Status
from buuta.model.zones import is_zone
from services.ingest.domain.codes import Source
from services.ingest.domain.facts import FactKind
from services.ingest.domain.forms import ways_of
from services.ingest.domain.origins import Constant, First, Found, Joined, Origin, Part
from services.ingest.domain.paths import Path, read_path
from services.ingest.domain.patterns import Pattern, read_pattern
from services.ingest.domain.recipe import IDENTITY
from services.ingest.domain.table import OPTIONAL, REQUIRED
from services.ingest.domain.vendor_signature import PLACES

Minutes = Annotated[int, Field(ge=-720, le=840)]
Text = Annotated[str, Field(min_length=1, max_length=300)]
PathText = Annotated[str, AfterValidator(lambda text: read_path(text).text)]
PatternText = Annotated[str, AfterValidator(lambda text: read_pattern(text).text)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,80}$")]
HeaderText = Annotated[str, Field(pattern=r"^[ -~]{1,300}$")]
WAYS: Final = ("path", "first", "join", "constant")


class Strict(BaseModel):
    """A part of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_table(raw: Any) -> Any:
    """A path, and a list of which the first counts, may be written without a table."""
    if isinstance(raw, str):
        return {"path": raw}
    if isinstance(raw, list | tuple):
        return {"first": raw}
    if not isinstance(raw, dict | FieldTable):
        raise ValueError("write a path, a list of which the first that says something counts, or a table")
    return raw


class FieldTable(Strict):
    """Where a field comes from: one of `path`, `first`, `join` and `constant`."""

    path: PathText | None = None
    first: tuple["AnyField", ...] | None = Field(None, min_length=1, max_length=20)
    join: tuple["AnyField", ...] | None = Field(None, min_length=2, max_length=5)
    by: Annotated[str, Field(min_length=1, max_length=5)] = "/"
    constant: Text | None = None
    pattern: PatternText | None = None

    @model_validator(mode="after")
    def one_way(self) -> "FieldTable":
        """It says once where the field comes from."""
        said = [way for way in WAYS if getattr(self, way) is not None]
        if len(said) != 1:
            raise ValueError(f"a field has one of {', '.join(WAYS)}")
        return self

    @property
    def origin(self) -> Origin:
        """The same, ready to read with."""
        found = self._whole()
        return found if self.pattern is None else Part(found, read_pattern(self.pattern))

    def _whole(self) -> Origin:
        if self.path is not None:
            return Found(read_path(self.path))
        if self.join is not None:
            return Joined([each.origin for each in self.join], self.by)
        if self.first is not None:
            return First([each.origin for each in self.first])
        return Constant(self.constant or "")


AnyField = Annotated[FieldTable, BeforeValidator(_as_table)]


class TimesTable(Strict):
    """As `Times`."""

    forms: Annotated[tuple[str, ...], Field(min_length=1)] = ("iso",)
    assumed_minutes: Minutes | None = None
    zone: str | None = None
    offset_unit: Literal["hours", "minutes"] = "hours"

    @model_validator(mode="after")
    def sound(self) -> "TimesTable":
        """Forms read what was meant, and the zone is one."""
        ways_of(self.forms)
        if self.zone is not None and not is_zone(self.zone):
            raise ValueError("the zone is no IANA name such as Asia/Tokyo")
        if self.zone is not None and self.assumed_minutes is not None:
            raise ValueError("say the zone or assumed_minutes, not both")
        return self


class PlaceTable(Strict):
    """A place of a request: one of `header`, `query` and `field`, and the part of what stands there."""

    header: Text | None = None
    query: Text | None = None
    field: PathText | None = None
    pattern: PatternText | None = None

    @model_validator(mode="after")
    def one_place(self) -> "PlaceTable":
        """It names one."""
        if sum(getattr(self, place) is not None for place in PLACES) != 1:
            raise ValueError(f"it names one of {', '.join(PLACES)}")
        return self

    @property
    def compiled(self) -> Pattern | None:
        """The pattern."""
        return None if self.pattern is None else read_pattern(self.pattern)


class StampTable(PlaceTable):
    """As `Stamp`."""

    unit: Literal["s", "ms"] = "s"
    seconds: Annotated[int, Field(ge=1, le=86_400)] = 300


class SignatureTable(PlaceTable):
    """As `VendorSignature`."""

    kind: Literal["hmac", "digest", "token", "basic"]
    over: Annotated[str, Field(min_length=1, max_length=1_000)] = "{body}"
    algorithm: Literal["md5", "sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64", "base64_of_hex"] = "hex"
    secret_as: Literal["text", "hex", "base64"] = "text"  # noqa: S105 - how one is written
    timestamp: StampTable | None = None


class WebhookTable(Strict):
    """As `Webhook`."""

    body: Literal["json", "form", "xml"] = "json"
    methods: Annotated[tuple[Literal["POST", "PUT", "GET"], ...], Field(min_length=1)] = ("POST",)
    headers: tuple[Text, ...] = ()
    query: tuple[Text, ...] = ()
    json_in: tuple[Text, ...] = ()
    reply: dict[str, Any] | None = None
    reply_text: Annotated[str, Field(max_length=2_000)] | None = None
    reply_type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]+(; ?charset=[a-z0-9-]+)?$")] | None = (
        None
    )
    reply_status: Annotated[int, Field(ge=200, le=299)] = 200
    reply_headers: dict[HeaderName, HeaderText] = {}
    never_refuse: bool = False
    signature: SignatureTable | None = None

    @model_validator(mode="after")
    def one_reply(self) -> "WebhookTable":
        """JSON or text, and a text says of what type it is."""
        if self.reply is not None and self.reply_text is not None:
            raise ValueError("it has reply, which is JSON, or reply_text")
        if self.reply_text is not None and self.reply_type is None:
            raise ValueError('reply_text wants a reply_type, such as "text/plain"')
        return self


class PollingTable(Strict):
    """As `Polling`."""

    items: Text = "items"
    next: Text = "next"
    after: Text = "after"
    limit: Text = "limit"
    page: Annotated[int, Field(ge=1, le=5_000)] = 500
    per_second: Annotated[float, Field(gt=0, le=100)] = 1.0


class FactTable(Strict):
    """As `FactRule`."""

    kind: FactKind
    field: Text
    values: frozenset[str]
    amount: Text


class IgnoredTable(Strict):
    """Payloads that are known to be no movement: those whose `field` says one of `values`."""

    field: AnyField
    values: Annotated[frozenset[Text], Field(min_length=1)]


class RecipeTable(Strict):
    """A `recipe.toml`."""

    title: Text
    version: Annotated[str, Field(min_length=1, max_length=40)]
    identity: tuple[str, ...]
    fields: dict[str, AnyField] = {}
    times: TimesTable = TimesTable()
    webhook: WebhookTable | None = None
    file: bool = False
    case_matters: bool = False
    personal: frozenset[str] = frozenset()
    facts: tuple[FactTable, ...] = ()
    ignore: tuple[IgnoredTable, ...] = ()
    polling: PollingTable | None = None
    sources: dict[Source, str] = {}

    @model_validator(mode="after")
    def known_names(self) -> "RecipeTable":
        """Fields and columns of the identity are those that there are."""
        unknown = {*self.fields} - {*REQUIRED, *OPTIONAL} | {*self.identity} - {*IDENTITY}
        if unknown:
            raise ValueError(
                f"no such field: {', '.join(sorted(unknown))}; fields are {', '.join((*REQUIRED, *OPTIONAL))}, and "
                f"an identity is made of {', '.join(IDENTITY)}"
            )
        return self

    @property
    def origins(self) -> dict[str, Origin]:
        """Where each field comes from."""
        return {name: each.origin for name, each in self.fields.items()}

    @property
    def paths(self) -> list[Path]:
        """All paths into the payload of one event."""
        every = [*self.origins.values(), *(each.field.origin for each in self.ignore)]
        return [path for origin in every for path in origin.paths]


class CodeLine(Strict):
    """A line of `codes.csv`."""

    code: Annotated[str, Field(min_length=1, max_length=100)]
    status: Status | None = None
    reason: Reason | None = None
    mode: DeliveryMode | None = None
    provisional: bool = False
    direction: Direction | None = None
    source: Source | None = None
    words: str | None = None


class ReasonLine(Strict):
    """A line of `reasons.csv`."""

    code: Annotated[str, Field(min_length=1, max_length=100)]
    reason: Reason
    source: Source | None = None
    words: str | None = None
