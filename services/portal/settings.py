"""Settings of the portal."""

from typing import ClassVar

from pydantic import Field

from buuta.settings import OPERATIONS_PORT, PUBLIC_PORT, Port, SharedSettings
from services.portal.domain.rates import Choice


class PortalSettings(SharedSettings):
    """What the portal needs beyond what all services share."""

    listening_ports: ClassVar[tuple[str, ...]] = ("port", "operations_port")

    port: Port = Field(8082, description=PUBLIC_PORT)
    operations_port: Port = Field(9082, description=OPERATIONS_PORT)

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
    most_unknown_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of deliveries of unknown mode above which a rate is said to be not known enough.",
    )
    smallest_cell: int = Field(
        5, ge=1, description="Published figures of fewer parcels are not shown (k-anonymity)."
    )

    parcel_registrations: int = Field(
        5, ge=1, le=50, description="Registrations of one parcel that may hold without the carrier's word."
    )
    unconfirmed_per_day: int = Field(
        200, ge=0, description="Parcels a shipper may register in a day that others registered before."
    )
    registrations_per_hour: int = Field(
        50_000, ge=1, description="Registrations and changes of one shipper in an hour."
    )
    recipient_registrations_per_hour: int = Field(
        30, ge=1, description="Registrations of one shipper in an hour that name one phone or e-mail."
    )
    changes_per_day: int = Field(50, ge=1, description="Versions of one registration in a day.")
    recipient_changes_per_day: int = Field(
        5,
        ge=1,
        description="Versions of one registration in a day that name a recipient after the first one.",
    )
    figures_pool: int = Field(
        3, ge=2, le=50, description="Connections that figures are read on, beside those of everything else."
    )
    figures_seconds: float = Field(
        3.0,
        gt=0,
        le=60,
        description="Seconds after which reading figures ends, and those who wait hear 503.",
    )
    figures_temp_mb: int = Field(
        256,
        ge=1,
        description="Megabytes of temporary files that reading figures may make, where our role in PostgreSQL "
        "may set it (grant set on parameter temp_file_limit to it).",
    )

    @property
    def choices(self) -> frozenset[Choice]:
        """What else counts as delivered to the address."""
        return frozenset(each for each in Choice if getattr(self, each.value))
