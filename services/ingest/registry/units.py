"""Communes before 1 July 2025, brought to those since, by a table of our own (`tools/communes.py` wrote it).

A commune that was divided became several, and which one is not guessed.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from buuta.errors import BadItem
from buuta.model.units import read_table

DIVIDED: Final = "divided"


@cache
def _since_2025() -> Mapping[str, str]:
    """What became of each old commune: today's code, `divided`, or nothing where that is not known."""
    return {
        row["old"]: row["commune"] for row in read_table("services.ingest.registry", "old_communes.csv")
    }


@cache
def commune_since_2025(old: str) -> str:
    """The code of the commune that an old one belongs to now.

    Raises:
        BadItem: no such old commune, or one that was divided or cannot be found again.
    """
    code = _since_2025().get(old)
    if code is None:
        raise BadItem("old_commune_unknown", "no commune had this code before 1 July 2025", "old_commune")
    if code == DIVIDED:
        raise BadItem(
            "old_commune_divided", "this commune became several; name the new one as commune", "old_commune"
        )
    if not code:
        raise BadItem(
            "old_commune_lost", "its commune of today is not known; name it as commune", "old_commune"
        )
    return code
