"""Settings of the portal."""

from buuta.settings import SharedSettings


class PortalSettings(SharedSettings):
    """The portal needs nothing beyond what all services share."""
