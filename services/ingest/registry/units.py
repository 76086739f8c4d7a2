"""Communes before 1 July 2025, brought to those since (library `vietnamadminunits`).

Only by names of units: given a street the library asks a geocoder, and nothing is to leave this house. A commune
that was divided became several, and which one is not guessed.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from vietnamadminunits import convert_address
from vietnamadminunits.converter.converter_2025 import DICT_PROVINCE_WARD_DIVIDED
from vietnamadminunits.database import get_data

from buuta.errors import BadItem

NAMES = ["wardCode", "ward", "district", "province", "wardKey", "districtKey", "provinceKey"]


@cache
def _legacy() -> Mapping[str, Mapping[str, Any]]:
    """The communes of the three-level units by their codes."""
    return {row["wardCode"]: row for row in get_data(NAMES, table="admin_units_legacy") if row["wardCode"]}


@cache
def _divided() -> frozenset[str]:
    return frozenset(key for province in DICT_PROVINCE_WARD_DIVIDED.values() for key in province)


@cache
def commune_since_2025(old: str) -> str:
    """The code of the commune that an old one belongs to now.

    Raises:
        BadItem: no such old commune, or one that was divided or cannot be found again.
    """
    row = _legacy().get(old)
    if row is None:
        raise BadItem("old_commune_unknown", "no commune had this code before 1 July 2025", "old_commune")
    if f"{row['provinceKey']}_{row['districtKey']}_{row['wardKey']}" in _divided():
        raise BadItem(
            "old_commune_divided", "this commune became several; name the new one as commune", "old_commune"
        )
    code = convert_address(f"{row['ward']}, {row['district']}, {row['province']}").ward_code
    if code is None:
        raise BadItem(
            "old_commune_lost", "its commune of today is not known; name it as commune", "old_commune"
        )
    return str(code)
