"""Settings of the tracker."""

from buuta.settings import SharedSettings


class TrackerSettings(SharedSettings):
    """The tracker needs nothing beyond what all services share."""
