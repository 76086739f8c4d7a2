"""Provinces and communes since 1 July 2025: their codes and names, by a table of our own (`tools/communes.py`)."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

SOURCE: Final = "vietnamadminunits 1.0.4"
"""Where the table comes from, as the table itself says."""


class Unit(NamedTuple):
    """A unit's name, and the province of a commune; a province has no other."""

    name: str
    province: str | None


def read_table(package: str, name: str) -> list[dict[str, str]]:
    """The rows of a table that lies in a package; lines with a # say where it comes from."""
    lines = (resources.files(package) / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@cache
def units() -> Mapping[str, Unit]:
    """All units by their codes: 2 digits are a province, 5 a commune."""
    rows = read_table("buuta.model", "units.csv")
    return {row["code"]: Unit(row["name"], row["province"] or None) for row in rows}
