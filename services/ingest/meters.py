"""What is counted of what comes in: of production in its metrics and the tally, of the sandbox apart from both.

Whoever tries things out sends unknown codes and wrong reports on purpose; nobody is to be woken for them.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from buuta.telemetry import metrics
from services.ingest.domain.recipe import Receipt
from services.ingest.registry.tally import Tally

QUARANTINED: Final = "quarantined"


class Meter(Protocol):
    """Counts for one world."""

    def items(self, receipt: Receipt, results: Mapping[str, int]) -> None:
        """So many items came in for good, by what became of them."""

    def noted(self, receipt: Receipt, notes: Mapping[str, int]) -> None:
        """So many things were left out of items that came in, or cannot be believed, by their codes."""

    def ahead(self, receipt: Receipt, by_ms: Sequence[int]) -> None:
        """Scans came so much before their own time."""

    def refused(self, carrier: str, why: str) -> None:
        """A request of a known carrier was refused."""

    def taken(self, door: str, seconds: float) -> None:
        """A request was answered, so long after its body was there."""


class RealMeter:
    """Counts in the metrics of production, and what each carrier reports in its tally."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def items(self, receipt: Receipt, results: Mapping[str, int]) -> None:
        """Count them; one is quarantined for a code that nobody knows."""
        for result, count in results.items():
            metrics.INGEST_ITEMS.labels(receipt.carrier, receipt.door, result).inc(count)
        if results.get(QUARANTINED):
            metrics.INGEST_UNKNOWN_CODES.labels(receipt.carrier).inc(results[QUARANTINED])
        self._tally.note(receipt.carrier, receipt.received_at, results)

    def noted(self, receipt: Receipt, notes: Mapping[str, int]) -> None:
        """Count them."""
        for code, count in notes.items():
            metrics.INGEST_NOTES.labels(receipt.carrier, code).inc(count)

    def ahead(self, receipt: Receipt, by_ms: Sequence[int]) -> None:
        """Measure it."""
        for each in by_ms:
            metrics.INGEST_AHEAD_SECONDS.labels(receipt.carrier).observe(each / 1000)

    def refused(self, carrier: str, why: str) -> None:
        """Count it."""
        metrics.INGEST_REFUSED.labels(carrier, why).inc()

    def taken(self, door: str, seconds: float) -> None:
        """Measure it."""
        metrics.INGEST_ACCEPT_SECONDS.labels(door).observe(seconds)


class SandboxMeter:
    """Counts items under a name of their own; refusals are in the use of the key."""

    def items(self, receipt: Receipt, results: Mapping[str, int]) -> None:
        """Count them."""
        for result, count in results.items():
            metrics.INGEST_SANDBOX_ITEMS.labels(receipt.carrier, receipt.door, result).inc(count)

    def noted(self, receipt: Receipt, notes: Mapping[str, int]) -> None:
        """Leave them to the answers."""

    def ahead(self, receipt: Receipt, by_ms: Sequence[int]) -> None:
        """Leave it to the answers."""

    def refused(self, carrier: str, why: str) -> None:
        """Leave it to the use of the key."""

    def taken(self, door: str, seconds: float) -> None:
        """Measure nothing: no Kafka has acknowledged it."""
