"""Settings that every service shares, read from `BUUTA_` variables; secrets are masked in print."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum, StrEnum
from inspect import isclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar, get_origin

from pydantic import AfterValidator, Field, PostgresDsn, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from buuta.endpoints import Database, Host, Networks, Servers, Topic, WebAddress, masked
from buuta.errors import BadSettings
from buuta.faults import said_of
from buuta.model.gaps import LEAST_DAYS, Gaps, read_gaps
from buuta.setting_names import OF_SERVICES

Settings = TypeVar("Settings", bound="SharedSettings")


def _gaps_by_carrier(written: str) -> str:
    read_gaps(LEAST_DAYS, written)
    return written


GapsByCarrier = Annotated[str, AfterValidator(_gaps_by_carrier)]
Port = Annotated[int, Field(ge=0, le=65535)]
PREFIX: Final = "BUUTA_"
NUMBERS: Final = (int, float, bool, bool | None)
PLAIN: Final = re.compile(r"[A-Za-z0-9_.+-]{0,40}")
"""What a number or a choice looks like, be it a wrong one."""
LOOPBACK: Final = re.compile(r"\b(localhost|127(\.\d{1,3}){3})\b|\[?::1\]?(?![\w:])", re.ASCII)
LISTENING: Final = ("host", "operations_host")
"""Addresses where we listen: a loopback address is right behind a proxy, or beside what reads the metrics."""
LIKE: Final = 0.8
"""How alike two names are, of 1, so that one may be meant by the other."""


OPERATIONS_PORT: Final = (
    "The port of metrics, health and API pages, not for the public; 0 lets the system choose."
)
PUBLIC_PORT: Final = "The service's public HTTP port; 0 lets the system choose."


class Environment(StrEnum):
    """Where it runs: what is fine on a desk may be a mistake in production."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SharedSettings(BaseSettings):
    """Kafka, PostgreSQL, the registry, and the service's own HTTP port."""

    model_config = SettingsConfigDict(env_prefix="BUUTA_", extra="ignore", frozen=True)
    listening_ports: ClassVar[tuple[str, ...]] = ("operations_port",)
    """Settings of the ports that this service listens on."""

    environment: Environment = Field(
        Environment.DEVELOPMENT,
        description="production: loopback addresses and secrets that are not set are told at the start.",
    )
    kafka: Servers = Field("127.0.0.1:9092", description="Bootstrap servers, host:port with commas.")
    kafka_idempotence: bool = Field(
        True, description="Idempotent producer; only the embedded broker wants it off."
    )
    kafka_timeout: float = Field(5.0, gt=0, description="Seconds until Kafka counts as away.")
    kafka_session_timeout: float = Field(
        6.0, ge=1, description="Seconds after which a silent worker's partitions go to others."
    )
    database: Database = Field(
        PostgresDsn("postgresql://postgres@127.0.0.1:5432/buuta"),
        description="PostgreSQL: postgresql://USER:PASSWORD@HOST:5432/DATABASE.",
    )
    database_timeout: float = Field(
        2.0, gt=0, description="Seconds that a request waits for PostgreSQL; then its sender hears 503."
    )
    clock_limit: float = Field(
        60.0,
        gt=0,
        description="Seconds by which a machine's clock may differ from PostgreSQL's before it is not ready.",
    )
    database_pool: int = Field(8, ge=1, le=200, description="Connections a process may hold.")
    schema_registry_url: WebAddress | None = Field(
        None, description="Confluent-compatible schema registry; none: single-object encoding."
    )
    events_topic: Topic = Field("parcel-events", description="The log of all parcels.")
    milestones_topic: Topic = Field("milestones", description="What the tracker tells.")
    notifications_topic: Topic = Field("notifications", description="What became of messages.")
    rates_topic: Topic = Field("delivery-rates", description="Latest counts of every cell; compacted.")
    parcels_topic: Topic = Field(
        "parcels", description="Latest state of every parcel, null once it is deleted; compacted."
    )
    publish_parcels: bool = Field(
        False, description="Whether every parcel's latest state goes to the parcels topic, too."
    )
    quarantine_topic: Topic = Field(
        "quarantine", description="Encrypted reports that were set aside while PostgreSQL was away."
    )
    dead_letters_topic: Topic = Field("dead-letters", description="Bytes that nobody can read.")
    dead_letter_run: int = Field(
        500, ge=1, description="Undecodable records in a row from which on a partition is paused."
    )
    dead_letter_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Undecodable share of a large chunk from which on a partition is paused.",
    )
    stream_bytes: int = Field(
        256 * 1024 * 1024,
        ge=16 * 1024 * 1024,
        description="Bytes of fetched records that a worker may hold, shared by the partitions that it owns.",
    )
    partitions: int = Field(4, ge=1, le=4096, description="Partitions of a topic; a power of two.")
    replication: int = Field(
        1,
        ge=1,
        le=9,
        description="Copies of a topic's partitions: 3 in production, 1 with a single broker.",
    )
    epoch_gap_days: int = Field(
        180,
        ge=31,
        description="Days after a parcel's ending after which its number, scanned again, is another parcel.",
    )
    epoch_gap_days_by_carrier: GapsByCarrier = Field(
        "", description="The same of carriers that use their numbers again sooner or later: ghn=90,s10=365."
    )
    host: Host = Field("127.0.0.1", description="Address of the service's public HTTP port.")
    port: Port = Field(0, description=PUBLIC_PORT)
    operations_host: Host = Field("127.0.0.1", description="Address of the service's operations port.")
    operations_port: Port = Field(0, description=OPERATIONS_PORT)
    public_docs: bool = Field(False, description="Whether the public port has the API's pages, too.")
    trusted_proxies: Networks = Field(
        "",
        description="Networks of proxies whose X-Forwarded-For is believed, with commas; none by default.",
    )
    master_key: SecretStr = Field(
        SecretStr(""),
        description="32 bytes in hex that wrap every person's key (`buuta keys new`), or @PATH of a file.",
        json_schema_extra={"only_with": None},  # who needs it does not start without
    )
    master_key_previous: SecretStr = Field(
        SecretStr(""),
        description="Another master key that opens, too, while `buuta keys rotate` takes its place.",
        json_schema_extra={"only_with": None},
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="From which level on log lines are written."
    )

    def doubts(self) -> Iterator[str]:
        """Sentences on values that fit each alone and may be a mistake all the same, wherever it runs."""
        if self.partitions & (self.partitions - 1):
            yield (
                f"BUUTA_PARTITIONS is {self.partitions} and no power of two: a log that grows by doubling "
                "stays evenly spread only from one."
            )

    @property
    def epoch_gaps(self) -> Gaps:
        """How long numbers rest before they are other parcels'."""
        return read_gaps(self.epoch_gap_days, self.epoch_gap_days_by_carrier)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What stands in a `repr`, and so in tracebacks: addresses without their passwords."""
        for name, value in super().__repr_args__():
            yield name, masked(str(value)) if isinstance(value, str | PostgresDsn | Path) else value


def load(kind: type[Settings]) -> Settings:
    """Read settings from the environment.

    Raises:
        BadSettings: names each wrong variable and what it wants, and the value where that is a number or a choice.
    """
    try:
        return kind()
    except ValidationError as wrong:
        raise BadSettings("\n".join(_sentence(kind, error) for error in wrong.errors())) from None


def _sentence(kind: type[SharedSettings], error: Any) -> str:
    name = str(error["loc"][0])
    field = kind.model_fields.get(name)
    got = _shown(field and field.annotation, os.environ.get(_variable(name), error.get("input")))
    wants = said_of(error)
    meaning = field.description if field else ""
    return f"{_variable(name)} is {got}: {wants}. {meaning}"


def _shown(annotation: Any, value: Any) -> str:
    """A wrong value as a message may show it: a number or a choice, never an address or a secret."""
    is_choice = get_origin(annotation) is Literal or (isclass(annotation) and issubclass(annotation, Enum))
    if not (is_choice or annotation in NUMBERS) or not PLAIN.fullmatch(str(value)):
        return "wrong (its value is not shown)"
    return repr(value)


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def describe(settings: SharedSettings) -> dict[str, str]:
    """Every variable with its present value, secrets masked, passwords in addresses too."""
    return {
        _variable(name): "" if value is None else masked(str(value))
        for name, value in settings.model_dump().items()
    }


def doubts(settings: SharedSettings, environ: Mapping[str, str]) -> list[str]:
    """Sentences on what may be a mistake: names of no setting, what does not go together, in production more."""
    found = [*strangers(environ), *settings.doubts()]
    if settings.environment is Environment.PRODUCTION:
        found += [*_loopback(settings), *_random_ports(settings), *_unset(settings)]
    elif _variable("environment") not in environ:
        found.append(
            "BUUTA_ENVIRONMENT is development: set it to production where it is that, and more is checked."
        )
    return found


def strangers(environ: Mapping[str, str]) -> list[str]:
    """Sentences on names of no service's setting: what was meant by them has its default, and is elsewhere."""
    return [
        f"{name} is no setting; did you mean {near}?" if near else f"{name} is no setting of any service."
        for name, near in unknown_names(environ).items()
    ]


def unknown_names(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Variables with our prefix that are no setting of any service, each with the one that resembles it."""
    known = {name.upper() for name in (*SharedSettings.model_fields, *OF_SERVICES)}
    return {
        name: _resembled(name.upper().removeprefix(PREFIX), known)
        for name in sorted(environ)
        if name.upper().startswith(PREFIX) and name.upper().removeprefix(PREFIX) not in known
    }


def _resembled(name: str, known: Collection[str]) -> str | None:
    """What is known that this name resembles; without the prefix, which all names have in common."""
    near = get_close_matches(name, sorted(known), 1, LIKE)
    return _variable(near[0]) if near else None


def is_loopback(address: str) -> bool:
    """Whether an address, or one of several, is this machine's own."""
    return LOOPBACK.search(address) is not None


def _loopback(settings: SharedSettings) -> Iterator[str]:
    """Parts that are looked for on this machine; where we listen is another matter."""
    for name, value in settings.model_dump().items():
        if name not in LISTENING and isinstance(value, str | PostgresDsn) and is_loopback(str(value)):
            yield f"{_variable(name)} is a loopback address in production: {masked(str(value))}"


def _random_ports(settings: SharedSettings) -> Iterator[str]:
    """Ports that are others after each start."""
    for name in settings.listening_ports:
        if getattr(settings, name) == 0:
            yield (
                f"{_variable(name)} is 0 in production: the system chooses another port at each start, "
                "which nobody knows to ask."
            )


def _unset(settings: SharedSettings) -> Iterator[str]:
    """Secrets that are not set, or that everybody knows."""
    for name, field in type(settings).model_fields.items():
        value, extra = getattr(settings, name), field.json_schema_extra
        if not isinstance(value, SecretStr) or not _is_needed(settings, extra):
            continue
        if value == field.default or not value.get_secret_value():
            yield f"{_variable(name)} is not set in production. {field.description}"


def _is_needed(settings: SharedSettings, extra: Any) -> bool:
    """Whether a secret is needed: `only_with` names the setting without which it is not; None is never."""
    if not isinstance(extra, dict) or "only_with" not in extra:
        return True
    return extra["only_with"] is not None and bool(getattr(settings, extra["only_with"]))
