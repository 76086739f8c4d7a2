"""Settings that every service shares, read from `BUUTA_` variables; secrets are masked in print."""

import os
from typing import Annotated, Any, TypeVar

from pydantic import Field, PostgresDsn, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from buuta.errors import BadSettings

Settings = TypeVar("Settings", bound="SharedSettings")
Port = Annotated[int, Field(ge=0, le=65535)]


class SharedSettings(BaseSettings):
    """Kafka, PostgreSQL, the registry, and the service's own HTTP port."""

    model_config = SettingsConfigDict(env_prefix="BUUTA_", extra="ignore", frozen=True)

    kafka: str = Field("127.0.0.1:9092", description="Bootstrap servers, host:port with commas.")
    kafka_idempotence: bool = Field(
        True, description="Idempotent producer; only the embedded broker wants it off."
    )
    kafka_timeout: float = Field(5.0, gt=0, description="Seconds until Kafka counts as away.")
    kafka_session_timeout: float = Field(
        6.0, ge=1, description="Seconds after which a silent worker's partitions go to others."
    )
    database: PostgresDsn = Field(
        PostgresDsn("postgresql://postgres@127.0.0.1:5432/buuta"), description="PostgreSQL DSN."
    )
    database_timeout: float = Field(
        2.0, gt=0, description="Seconds that a request waits for PostgreSQL; then its sender hears 503."
    )
    database_pool: int = Field(8, ge=1, le=200, description="Connections a process may hold.")
    schema_registry_url: str | None = Field(
        None, description="Confluent-compatible schema registry; none: single-object encoding."
    )
    events_topic: str = Field("parcel-events", description="The log of all parcels.")
    milestones_topic: str = Field("milestones", description="What the tracker tells.")
    notifications_topic: str = Field("notifications", description="What became of messages.")
    rates_topic: str = Field("delivery-rates", description="Latest counts of every cell; compacted.")
    parcels_topic: str = Field("parcels", description="Latest state of every parcel; compacted.")
    publish_parcels: bool = Field(
        False, description="Whether every parcel's latest state goes to the parcels topic, too."
    )
    quarantine_topic: str = Field(
        "quarantine", description="Encrypted reports that were set aside while PostgreSQL was away."
    )
    dead_letters_topic: str = Field("dead-letters", description="Bytes that nobody can read.")
    dead_letter_run: int = Field(
        500, ge=1, description="Undecodable records in a row from which on a partition is paused."
    )
    dead_letter_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Undecodable share of a large chunk from which on a partition is paused.",
    )
    partitions: int = Field(4, ge=1, le=4096, description="Partitions of a topic; a power of two.")
    replication: int = Field(1, ge=1, le=9, description="Copies of a partition.")
    epoch_gap_days: int = Field(
        180,
        ge=31,
        description="Days after a parcel's ending after which its number, scanned again, is another parcel.",
    )
    host: str = Field("127.0.0.1", description="Address of the service's HTTP port.")
    port: Port = Field(0, description="The service's HTTP port; 0 lets the system choose.")
    master_key: SecretStr = Field(
        SecretStr(""),
        description="32 bytes in hex that wrap every person's key; or a file's @PATH.",
    )
    master_key_previous: SecretStr = Field(
        SecretStr(""),
        description="Another master key that opens, too, while `buuta keys rotate` takes its place.",
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Log level.")


def load(kind: type[Settings]) -> Settings:
    """Read settings from the environment.

    Raises:
        BadSettings: names each wrong variable, the value it got and what it wants.
    """
    try:
        return kind()
    except ValidationError as wrong:
        raise BadSettings("\n".join(_sentence(kind, error) for error in wrong.errors())) from None


def _sentence(kind: type[SharedSettings], error: Any) -> str:
    name = str(error["loc"][0])
    variable = f"BUUTA_{name.upper()}"
    field = kind.model_fields.get(name)
    secret = field is not None and field.annotation is SecretStr
    got = "(secret)" if secret else repr(os.environ.get(variable, error.get("input")))
    wants = error["msg"][0].lower() + error["msg"][1:]
    meaning = field.description if field else ""
    return f"{variable} is {got}: {wants}. {meaning}"


def describe(settings: SharedSettings) -> dict[str, str]:
    """Every variable with its present value, secrets masked."""
    return {
        f"BUUTA_{name.upper()}": "" if value is None else str(value)
        for name, value in settings.model_dump().items()
    }
