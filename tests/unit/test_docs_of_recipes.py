"""docs/recipes.md names every key of the reader, and its own recipe is read."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from buuta.model.statuses import DeliveryMode, Status
from services.ingest.carriers import tables
from services.ingest.carriers.loading import read_folder
from services.ingest.carriers.pairs import Pair
from services.ingest.domain.table import OPTIONAL, REQUIRED
from services.ingest.domain.vendor_signature import ENCODINGS, SECRETS

TEXT = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[BaseModel]] = {
    "`recipe.toml`": tables.RecipeTable,
    "`[fields]`": tables.FieldTable,
    "`[times]`": tables.TimesTable,
    "`[[ignore]]`": tables.IgnoredTable,
    "`[webhook]`": tables.WebhookTable,
    "`[webhook.signature]`": tables.SignatureTable,
    "`[[facts]]`": tables.FactTable,
    "`[polling]`": tables.PollingTable,
    "`codes.csv` and `reasons.csv`": tables.CodeLine,
    "`golden.json`": Pair,
}
INNER = {"fields", "times", "ignore", "webhook", "signature", "facts", "polling"}
"""Keys that are sections of their own."""


def section(title: str) -> str:
    """What stands below a heading, up to the next one."""
    return re.split(r"\n#+ ", TEXT.split(f"# {title}\n", 1)[1], maxsplit=1)[0]


def keys() -> Iterator[tuple[str, str]]:
    for title, model in SECTIONS.items():
        for key in model.model_fields:
            if key not in INNER:
                yield title, key


@pytest.mark.parametrize(("title", "key"), [*keys()])
def test_every_key_of_the_reader_stands_in_its_section(title: str, key: str) -> None:
    assert f"`{key}`" in section(title)


def test_every_model_of_the_reader_is_a_section() -> None:
    models: set[type[BaseModel]] = {
        each for each in vars(tables).values() if isinstance(each, type) and issubclass(each, BaseModel)
    }
    inner = {BaseModel, tables.Strict, tables.PlaceTable, tables.StampTable, tables.ReasonLine}
    assert models - inner == {*SECTIONS.values()} - {Pair}
    for model in (tables.StampTable, tables.ReasonLine):
        assert all(f"`{key}`" in TEXT for key in model.model_fields)


ALGORITHMS = get_args(tables.SignatureTable.model_fields["algorithm"].annotation)


MODES = [each for each in DeliveryMode if each != "unknown"]


@pytest.mark.parametrize("word", [*REQUIRED, *OPTIONAL, *Status, *ALGORITHMS, *ENCODINGS, *SECRETS, *MODES])
def test_every_word_that_may_be_written_is_named(word: str) -> None:
    assert f"`{word}`" in TEXT


def test_the_recipe_of_the_page_is_read_and_its_pairs_hold(tmp_path: Path) -> None:
    found = re.findall(r"```\w+ (\S+)\n(.*?)```", TEXT, re.DOTALL)
    folder = tmp_path / "mycarrier"
    folder.mkdir()
    for name, text in found:
        (folder / name).write_text(text, encoding="utf-8")
    assert [name for name, _ in found] == ["golden.json", "recipe.toml", "codes.csv"]
    assert read_folder(folder).faults == []
