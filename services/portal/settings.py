"""Settings of the portal."""

from pydantic import Field

from buuta.settings import SharedSettings


class PortalSettings(SharedSettings):
    """What the portal needs beyond what all services share."""

    cohort_window_days: int = Field(
        45,
        ge=1,
        le=400,
        description="Days after acceptance from which on a cohort is closed and may be published.",
    )
    smallest_cell: int = Field(
        5, ge=1, description="Published figures of fewer parcels are not shown (k-anonymity)."
    )
