"""Settings of the tracker."""

from pydantic import Field

from buuta.settings import SharedSettings


class TrackerSettings(SharedSettings):
    """What the tracker needs beyond what all services share."""

    parcel_cache: int = Field(
        25_000, ge=0, description="Parcels kept in memory per partition, some 600 bytes each; 0 keeps none."
    )
