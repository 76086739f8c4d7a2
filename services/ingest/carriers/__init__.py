"""The formats that carriers speak: one folder each, found by itself.

A folder holds `recipe.toml` (fields, times, identity, doors, sources), `codes.csv` (raw code: status, reason, mode,
provisional; an empty status is known and no movement; where the code is from, and what it means there), where there
is one `reasons.csv`, and `golden.json`: payloads and what becomes of them. What no table can say stands in
`parser.py`: `refine` takes what the table read and the payload, `parse` reads everything by itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.ingest.carriers.loading import load_recipes
from services.ingest.domain.recipe import Recipe

FOLDER: Final = Path(__file__).parent
RECIPES: Final[Mapping[str, Recipe]] = load_recipes(FOLDER)


def all_recipes(more: Path | None) -> Mapping[str, Recipe]:
    """Ours, and those of a folder of somebody else's, which win where names are the same.

    Raises:
        BadSettings: there is no such folder, or a recipe in it is wrong.
    """
    return RECIPES if more is None else {**RECIPES, **load_recipes(more, package=None)}
