"""How fast a parcel can be in another province: what is faster than a flight did not happen so.

Positions are those of the provinces' centres of administration since 1 July 2025, to a tenth of a
degree; a province reaches some 100 km around its centre, so 200 km of every way cost nothing.
"""

from itertools import combinations
from math import asin, cos, radians, sin, sqrt
from typing import Final

CENTRES: Final[dict[str, tuple[float, float]]] = {
    "01": (21.0, 105.8), "04": (22.7, 106.3), "08": (21.8, 105.2), "11": (21.4, 103.0),
    "12": (22.4, 103.5), "14": (21.3, 103.9), "15": (21.7, 104.9), "19": (21.6, 105.8),
    "20": (21.9, 106.8), "22": (21.0, 107.1), "24": (21.3, 106.2), "25": (21.3, 105.4),
    "31": (20.9, 106.7), "33": (20.6, 106.1), "37": (20.3, 106.0), "38": (19.8, 105.8),
    "40": (18.7, 105.7), "42": (18.3, 105.9), "44": (17.5, 106.6), "46": (16.5, 107.6),
    "48": (16.1, 108.2), "51": (15.1, 108.8), "52": (13.8, 109.2), "56": (12.2, 109.2),
    "66": (12.7, 108.0), "68": (11.9, 108.4), "75": (10.9, 106.8), "79": (10.8, 106.7),
    "80": (10.5, 106.4), "82": (10.4, 106.3), "86": (10.3, 106.0), "91": (10.0, 105.1),
    "92": (10.0, 105.8), "96": (9.2, 105.2),
}  # fmt: skip
"""Latitude and longitude by province code."""
FREE_KM: Final = 200
KM_AN_HOUR: Final = 800
EARTH_KM: Final = 6371


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance of two positions (haversine)."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, place)) for place in (one, other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(half))


def _least_ms(one: str, other: str) -> int:
    way = distance_km(CENTRES[one], CENTRES[other]) - FREE_KM
    return max(0, round(way / KM_AN_HOUR * 3_600_000))


_LEAST: Final = {
    pair: least
    for one, other in combinations(CENTRES, 2)
    if (least := _least_ms(one, other))
    for pair in ((one, other), (other, one))
}


def least_ms(one: str, other: str) -> int:
    """The least time in milliseconds from one province to the other; 0 for codes we do not know."""
    return _LEAST.get((one, other), 0)
