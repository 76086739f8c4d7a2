"""What a scan says beyond its parcel's movement, and is nobody's business: where exactly, and what somebody wrote.

It never enters Kafka. Of the position only the distance to the registered destination goes on, in steps.
"""

import re
from math import asin, cos, radians, sin, sqrt
from typing import Final, NamedTuple

from buuta.model.statuses import DistanceBucket

EARTH_METRES: Final = 6_371_000
DIGITAL_ADDRESS: Final = re.compile(r"[0-9]{10}")
"""Decision 1178/QD-BTTTT: ten digits. No checksum is known, so what differs is flagged and kept."""
STEPS: Final = (
    (50, DistanceBucket.WITHIN_50_M), (200, DistanceBucket.WITHIN_200_M), (1_000, DistanceBucket.WITHIN_1_KM),
)  # fmt: skip
Position = tuple[float, float]
"""Latitude and longitude in degrees (WGS 84)."""


class Details(NamedTuple):
    """The fields; `plus_code` is an Open Location Code as a hint, `proof_links` lead to proofs of delivery."""

    digital_address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    plus_code: str | None = None
    note: str | None = None
    proof_links: tuple[str, ...] = ()

    @property
    def position(self) -> Position | None:
        """Where it was made, if that is said."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude

    @property
    def address_is_odd(self) -> bool:
        """Whether the digital address is none by its form."""
        return self.digital_address is not None and not DIGITAL_ADDRESS.fullmatch(self.digital_address)


def metres(one: Position, other: Position) -> float:
    """The distance over the ground of two positions (haversine)."""
    (north, east), (other_north, other_east) = (map(radians, each) for each in (one, other))
    half = sin((other_north - north) / 2) ** 2
    half += cos(north) * cos(other_north) * sin((other_east - east) / 2) ** 2
    return 2 * EARTH_METRES * asin(min(sqrt(half), 1.0))


def bucket(one: Position, other: Position) -> DistanceBucket:
    """The step that a distance lies within."""
    far = metres(one, other)
    return next((step for most, step in STEPS if far <= most), DistanceBucket.BEYOND_1_KM)
