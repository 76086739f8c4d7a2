"""Formats by name, for every command alike: Buuta's own, and those of the folder that a setting names."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from buuta.errors import BadItem
from buuta.settings import load
from services.ingest.carriers import all_recipes
from services.ingest.domain.recipe import Recipe
from services.ingest.settings import IngestSettings


def format_named(name: str) -> Recipe:
    """The recipe of a format.

    Raises:
        BadItem: there is none of that name; the message names what resembles it, and where others are looked for.
        BadSettings: the folder of recipes is not there, or one in it is wrong.
    """
    folder = load(IngestSettings).ingest_recipes
    recipes = all_recipes(folder)
    if name in recipes:
        return recipes[name]
    where = "set BUUTA_INGEST_RECIPES to the folder that holds its folder"
    looked = where if folder is None else f"make a folder of it in {folder}"
    raise BadItem(
        "format_unknown",
        f"there is no format {name!r}; {_known(name, recipes)}; for one of your own {looked}",
    )


def _known(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def folder_of(name: str) -> Path | None:
    """The folder of a format of one's own; None where the format is Buuta's."""
    more = load(IngestSettings).ingest_recipes
    return more / name if more is not None and (more / name).is_dir() else None
