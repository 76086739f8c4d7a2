"""Readiness: a service is ready when it waits for nothing, and says what it waits for."""

from buuta.telemetry import metrics


class Readiness:
    """The parts that a service still waits for, each with a sentence for a person."""

    def __init__(self, *parts: str) -> None:
        self._waiting: dict[str, str] = {}
        for part in parts:
            self.waits(part, "not yet reached")

    def waits(self, part: str, why: str) -> None:
        """The service waits for this part."""
        self._waiting[part] = why
        metrics.WAITING.labels(part).set(1)

    def reached(self, part: str) -> None:
        """The service no longer waits for this part."""
        self._waiting.pop(part, None)
        metrics.WAITING.labels(part).set(0)

    @property
    def waiting(self) -> dict[str, str]:
        """Parts and reasons; empty means ready."""
        return dict(self._waiting)
