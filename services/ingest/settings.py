"""Settings of ingest."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from buuta.settings import OPERATIONS_PORT, PUBLIC_PORT, Port, SharedSettings


class IngestSettings(SharedSettings):
    """Limits of the doors, beside what all services share."""

    listening_ports: ClassVar[tuple[str, ...]] = ("port", "operations_port")

    port: Port = Field(8081, description=PUBLIC_PORT)
    operations_port: Port = Field(9081, description=OPERATIONS_PORT)

    ingest_body_bytes: int = Field(5_000_000, gt=0, description="Largest body of a batch.")
    ingest_items: int = Field(5_000, gt=0, description="Most items of a batch.")
    ingest_patience: float = Field(
        1.0, gt=0, description="Seconds until a scan that Kafka does not acknowledge goes into the spool."
    )
    ingest_spool: int = Field(
        10_000_000, ge=0, description="Most scans in the spool; beyond, carriers hear 503."
    )
    ingest_kafka_door: bool = Field(
        False, description="Whether carriers' own topics, carrier.CODE.scans, are taken in."
    )
    ingest_recipes: Path | None = Field(
        None,
        description="A folder with more formats, a folder each: tables alone. Same names take precedence.",
    )
    ingest_inside_bytes: int = Field(
        64_000_000, gt=0, description="Bytes under way at once; above, 503 with Retry-After."
    )
    ingest_poll_near: bool = Field(
        False,
        description="Whether carriers may be asked at addresses of this machine and of private networks.",
    )
