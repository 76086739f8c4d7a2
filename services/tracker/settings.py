"""Settings of the tracker."""

from pydantic import Field

from buuta.settings import OPERATIONS_PORT, Port, SharedSettings


class TrackerSettings(SharedSettings):
    """What the tracker needs beyond what all services share."""

    operations_port: Port = Field(9083, description=OPERATIONS_PORT)
    sweep_interval: float = Field(
        60.0, gt=0, description="Seconds between two looks for deadlines that have passed."
    )
    keep_parcels_days: int = Field(
        600,
        ge=365,
        description="Days after its last scan in which a parcel is kept with its scans; then the archive has them.",
    )
