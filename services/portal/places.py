"""Names of provinces and communes since 1 July 2025, from the `vietnam-provinces` data."""

import json
from functools import cache

import vietnam_provinces


@cache
def _names() -> dict[str, str]:
    nested = json.loads(vietnam_provinces.NESTED_DIVISIONS_JSON_PATH.read_text(encoding="utf-8"))
    names = {}
    for province in nested:
        names[f"{province['code']:02}"] = province["name"]
        for ward in province["wards"]:
            names[f"{ward['code']:05}"] = ward["name"]
    return names


def place_name(commune: str | None, province: str | None) -> str:
    """`Phường Hoàn Kiếm, Thành phố Hà Nội`; a code that the data lack is shown as it is."""
    parts = [unit_name(code) for code in (commune, province) if code]
    return ", ".join(parts)


def unit_name(code: str) -> str:
    """The name of a unit, or its code where the data lack it."""
    return _names().get(code, code)
