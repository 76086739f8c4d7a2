"""Formats that carriers and aggregators publish fit by tables alone, as they come."""

from pathlib import Path

import pytest

from services.ingest.carriers.loading import read_folder
from services.ingest.carriers.pairs import read_pairs
from services.ingest.domain.recipe import Recipe
from tests.examples import EXAMPLES, FOLDER
from tests.golden import named


@pytest.mark.parametrize("folder", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_a_public_format_fits_by_tables_alone(folder: Path) -> None:
    assert read_folder(folder).faults == []
    assert not list(folder.glob("*.py"))


def test_there_are_enough_of_the_json_kind() -> None:
    json = [each for each in EXAMPLES.values() if each.webhook is not None and each.webhook.body != "xml"]
    assert len(json) >= 25


@pytest.mark.parametrize("recipe", EXAMPLES.values(), ids=named)
def test_an_example_names_its_source_and_shows_an_unknown_code(recipe: Recipe) -> None:
    text = (FOLDER / recipe.format / "recipe.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "(" in text.split("title =")[0], "its comment says where it is from"
    pairs = read_pairs(FOLDER / recipe.format / "golden.json")
    assert any(pair.becomes == "quarantined" for pair in pairs)
    assert any(pair.becomes == "accepted" for pair in pairs)
