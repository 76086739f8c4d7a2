"""Settings of the portal."""

from pydantic import Field

from buuta.settings import SharedSettings
from services.portal.domain.rates import Choice


class PortalSettings(SharedSettings):
    """What the portal needs beyond what all services share."""

    cohort_window_days: int = Field(
        45,
        ge=1,
        le=400,
        description="Days after acceptance from which on a cohort is closed and may be published.",
    )
    redirect_counts: bool = Field(
        False,
        description="Whether a parcel handed over elsewhere as its user asked counts as delivered to the "
        "address; Postal Law 49/2010/QH12, Art. 11(3)(c), names it apart.",
    )
    locker_counts: bool = Field(
        False,
        description="Whether a parcel laid into a locker counts as delivered to the address, as into a "
        "building's mailbox (Postal Law, Art. 11(3)(a)), and not as at a point (11(3)(b)).",
    )
    smallest_cell: int = Field(
        5, ge=1, description="Published figures of fewer parcels are not shown (k-anonymity)."
    )

    @property
    def choices(self) -> frozenset[Choice]:
        """What else counts as delivered to the address."""
        return frozenset(each for each in Choice if getattr(self, each.value))
