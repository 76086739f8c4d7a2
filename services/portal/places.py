"""Names of provinces and communes since 1 July 2025."""

from buuta.model.units import units


def place_name(commune: str | None, province: str | None) -> str:
    """`Phường Hoàn Kiếm, Thành phố Hà Nội`; a code that the data lack is shown as it is."""
    parts = [unit_name(code) for code in (commune, province) if code]
    return ", ".join(parts)


def unit_name(code: str) -> str:
    """The name of a unit, or its code where the data lack it."""
    unit = units().get(code)
    return code if unit is None else unit.name
