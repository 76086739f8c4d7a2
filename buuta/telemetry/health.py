"""Readiness: a service is ready when it waits for nothing, and says what it waits for."""

from buuta.telemetry import metrics


class Readiness:
    """The parts that a service still waits for, each with a sentence for a person."""

    def __init__(self, *parts: str) -> None:
        self._waiting: dict[str, str] = {}
        self._any_of: frozenset[str] = frozenset()
        for part in parts:
            self.waits(part, "not yet reached")

    @classmethod
    def any_of(cls, *parts: str) -> "Readiness":
        """Of a service that can do its job as long as one of these parts is there."""
        made = cls(*parts)
        made._any_of = frozenset(parts)
        return made

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
        """Parts and reasons."""
        return dict(self._waiting)

    @property
    def ready(self) -> bool:
        """Whether the service can do its job."""
        needed = self._waiting.keys() - self._any_of
        return not needed and not (self._any_of and self._any_of <= self._waiting.keys())
