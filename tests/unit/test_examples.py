"""Formats that carriers and aggregators publish fit by tables alone, as they come."""

import json
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest

from buuta.errors import BadItem
from services.ingest.carriers.loading import read_folder
from services.ingest.carriers.pairs import became, payloads_of, read_pairs
from services.ingest.domain.personal import without_personal
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


ODD: Sequence[Any] = (
    None, True, 0, -1, 1.5, float("inf"), float("nan"), 10**400, "", "\x00", "\ud800", "x" * 301, [], {}, [[]],
    [None], {"a": {}}, "٣", {"#text": None}, {"#text": []},
)  # fmt: skip


def changed(value: Any, chance: Random) -> Any:
    """The value with some of it replaced, and some of it missing."""
    if chance.random() < 0.12:
        return deepcopy(chance.choice(ODD))
    if isinstance(value, dict):
        return {name: changed(each, chance) for name, each in value.items() if chance.random() > 0.03}
    return [changed(each, chance) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("recipe", EXAMPLES.values(), ids=named)
def test_whatever_a_body_holds_it_is_read_or_refused(recipe: Recipe) -> None:
    chance = Random(1)
    for pair in read_pairs(FOLDER / recipe.format / "golden.json"):
        if pair.becomes == "rejected":
            continue
        [*events] = payloads_of(recipe, pair)
        for event in [changed(event, chance) for event in events for _ in range(100)]:
            with suppress(BadItem):
                for payload in recipe.unfold(event):
                    assert became(recipe, payload).becomes in (
                        "accepted",
                        "ignored",
                        "quarantined",
                        "rejected",
                    )
                    json.dumps(without_personal(payload, recipe.personal))


@pytest.mark.parametrize("recipe", EXAMPLES.values(), ids=named)
def test_an_example_names_its_source_and_shows_an_unknown_code(recipe: Recipe) -> None:
    text = (FOLDER / recipe.format / "recipe.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "(" in text.split("title =")[0], "its comment says where it is from"
    pairs = read_pairs(FOLDER / recipe.format / "golden.json")
    assert any(pair.becomes == "quarantined" for pair in pairs)
    assert any(pair.becomes == "accepted" for pair in pairs)
