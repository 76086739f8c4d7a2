"""Numbers, shares and days as people write them: in Vietnamese 1.234, 60,3 % and 24/11/2026."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from buuta.wording.words import Language

SWAPPED: Final = str.maketrans(",.", ".,")
NOTHING: Final = "–"


class Bounds(Protocol):
    """A share between two bounds, 0 to 1; None where there is nothing to take a share of."""

    @property
    def at_least(self) -> float | None:
        """What is known."""

    @property
    def at_most(self) -> float | None:
        """What may be."""


@dataclass(frozen=True)
class Spoken:
    """Says figures in a language."""

    language: Language

    def number(self, count: int | None) -> str:
        """A count, its thousands apart."""
        return NOTHING if count is None else self._written(f"{count:,}")

    def percent(self, share: float | None) -> str:
        """A share to a tenth of a per cent; only all is said as 100 %, and only nothing as 0 %."""
        return NOTHING if share is None else f"{self._tenth(share)} %"

    def range(self, bounds: Bounds) -> str:
        """A share that is known, or from what it is at least to what it is at most."""
        least, most = bounds.at_least, bounds.at_most
        if least is None or most is None:
            return NOTHING
        return self.percent(least) if least == most else f"{self._tenth(least)} – {self._tenth(most)} %"

    def day(self, day: date) -> str:
        """A day."""
        return f"{day:%d/%m/%Y}" if self.language == "vi" else f"{day.day} {day:%b %Y}"

    def days(self, first: date, last: date) -> str:
        """A day, or from the first to the last."""
        return self.day(first) if first == last else f"{self.day(first)} – {self.day(last)}"

    def _tenth(self, share: float) -> str:
        tenths = round(share * 1000)
        if 0 < share < 1:
            tenths = min(max(tenths, 1), 999)
        return self._written(f"{tenths / 10:.1f}")

    def _written(self, text: str) -> str:
        return text.translate(SWAPPED) if self.language == "vi" else text
