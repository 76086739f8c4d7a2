"""Every carrier's golden pairs, and that its folder is whole."""

import json
from typing import Any

import pytest

from buuta.errors import BadItem
from buuta.model.scan import Scan
from services.ingest.carriers import FOLDER, RECIPES
from services.ingest.domain.fitting import fitted
from services.ingest.domain.recipe import Receipt, Recipe, UnknownCode, to_scan
from services.ingest.domain.webhook import Webhook
from services.ingest.doors.forms import read_text_body
from tests.golden import PAIRS, Pair, named


def became(recipe: Recipe, pair: Pair) -> Scan | str:
    """The scan of a pair, or what became of it instead."""
    payload: Any = (
        read_text_body(recipe.webhook or Webhook(), pair.body.encode()) if pair.body else pair.payload
    )
    try:
        report = recipe.parse({**payload, **pair.headers})
        receipt = Receipt(recipe.format, "webhook", 9)
        scan = None if report is None else to_scan(recipe, fitted(report), receipt)
    except UnknownCode:
        return "quarantined"
    except BadItem as bad:
        return f"rejected {bad.code}"
    return scan or "ignored"


@pytest.mark.parametrize(("recipe", "pair"), PAIRS, ids=named)
def test_a_golden_pair(recipe: Recipe, pair: Pair) -> None:
    found = became(recipe, pair)
    if isinstance(found, str):
        assert found == " ".join(filter(None, (pair.becomes, pair.code)))
        return
    assert pair.becomes == "accepted"
    assert {name: getattr(found, name) for name in pair.scan} == dict(pair.scan)
    if pair.same_event_as is not None:
        [other] = [each for own, each in PAIRS if own is recipe and each.name == pair.same_event_as]
        first = became(recipe, other)
        assert isinstance(first, Scan)
        assert found.event_id == first.event_id


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_a_folder_is_whole(recipe: Recipe) -> None:
    golden = json.loads((FOLDER / recipe.format / "golden.json").read_text(encoding="utf-8"))
    names = [pair["name"] for pair in golden]
    assert len(names) == len(set(names)) > 0
    assert any(pair.get("becomes") == "quarantined" for pair in golden)
    assert recipe.codes
    assert recipe.title
