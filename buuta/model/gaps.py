"""How long after its parcel's end a number rests, until whatever is scanned of it is another parcel."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from buuta.model.times import DAY_MS

LEAST_DAYS: Final = 31
GAP_DAYS: Final = 180
NO_CARRIERS: Final[Mapping[str, int]] = {}


class Gaps(NamedTuple):
    """The gap in milliseconds, and that of carriers which use their numbers again sooner or later."""

    usual_ms: int = GAP_DAYS * DAY_MS
    by_carrier: Mapping[str, int] = NO_CARRIERS

    def of(self, carrier: str) -> int:
        """The gap of a carrier, or of what posts share (`s10`)."""
        return self.by_carrier.get(carrier, self.usual_ms)

    def of_key(self, key: str) -> int:
        """The gap of a parcel's key."""
        return self.of(key.partition(":")[0]) if self.by_carrier else self.usual_ms

    @property
    def longest_days(self) -> int:
        """The longest gap of all."""
        return max(self.usual_ms, *self.by_carrier.values(), 0) // DAY_MS


def read_gaps(usual_days: int, by_carrier: str) -> Gaps:
    """Gaps from settings: days, and `ghn=90,s10=365`.

    Raises:
        ValueError: it is not written so, or less than 31 days.
    """
    found = dict[str, int]()
    for each in filter(None, map(str.strip, by_carrier.split(","))):
        carrier, _, days = each.partition("=")
        if not (days.strip().isdecimal() and int(days) >= LEAST_DAYS):
            raise ValueError(f"write carriers with days, {LEAST_DAYS} at least, such as ghn=90,s10=365")
        found[carrier.strip().lower()] = int(days) * DAY_MS
    return Gaps(usual_days * DAY_MS, found)
