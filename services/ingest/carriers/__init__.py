"""The formats that carriers speak: one module each, listed here."""

from collections.abc import Mapping

from services.ingest.carriers import buuta, ghn, ghtk
from services.ingest.domain.recipe import Recipe

RECIPES: Mapping[str, Recipe] = {
    recipe.format: recipe for recipe in (buuta.RECIPE, ghn.RECIPE, ghtk.RECIPE)
}
