"""A format of one's own is one for every command that takes a format's name, as docs/recipes.md says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from buuta.cli.main import app
from buuta.errors import BadItem

RECIPE = """
title = "Sao Việt"
version = "1"
identity = ["number", "code", "time"]
[fields]
number = "id"
code = "state"
time = "at"
[times]
forms = ["%d/%m/%Y %H:%M"]
[webhook]
"""
REPORT = {"id": "SV00991234", "state": "Đang giao", "at": "29/11/2026 09:05"}
SCAN = {"name": "one", "payload": REPORT, "scan": {"number": "SV00991234", "status": "out_for_delivery"}}
EVENTS = {"name": "many", "payload": [REPORT], "events": [{"scan": {"status": "out_for_delivery"}}]}


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recipes with one carrier, as BUUTA_INGEST_RECIPES names it."""
    folder = tmp_path / "recipes" / "saoviet"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "codes.csv").write_text("code,status\nĐang giao,out_for_delivery\n", encoding="utf-8")
    paired(folder, [SCAN])
    monkeypatch.setenv("BUUTA_INGEST_RECIPES", str(folder.parent))
    return folder


def paired(folder: Path, pairs: Sequence[Any]) -> None:
    """Write the golden pairs."""
    (folder / "golden.json").write_text(json.dumps(pairs), encoding="utf-8")


def ran(*arguments: str) -> Any:
    """What `buuta carrier` does with them."""
    return CliRunner().invoke(app, ["carrier", *arguments])


def test_a_sample_of_it_is_made_of_its_golden_pairs(recipes: Path) -> None:
    said = json.loads(ran("sample", "saoviet", "--number", "SV00991299").stdout)
    assert (said["id"], said["state"]) == ("SV00991299", "Đang giao")


def test_without_a_pair_of_one_scan_a_sample_says_so(recipes: Path) -> None:
    paired(recipes, [EVENTS])
    assert "golden pair with a `payload` and one `scan`" in str(ran("sample", "saoviet").exception)


@pytest.mark.parametrize("pairs", [[SCAN], [EVENTS], []])
def test_its_page_is_written_whatever_its_pairs_hold(recipes: Path, pairs: list[Any]) -> None:
    paired(recipes, pairs)
    said = ran("doc", "saoviet").stdout
    assert f"`{recipes}/`" in said
    assert "$INGEST/v1/webhooks/$TOKEN/saoviet" in said
    assert ("SV00991234" in said) == bool(pairs)


def test_an_unmapped_code_is_shown_with_its_accents(recipes: Path, tmp_path: Path) -> None:
    (tmp_path / "samples.json").write_text(json.dumps([{**REPORT, "state": "Mất hàng"}]), encoding="utf-8")
    said = ran("check", "--format", "saoviet", "--file", str(tmp_path / "samples.json")).stdout
    assert "unmapped  Mất hàng: 1 " in said


@pytest.mark.parametrize("command", [("doc",), ("sample",), ("add", "x1", "--name", "x", "--format")])
def test_a_format_that_is_not_there_is_said_with_its_neighbour_and_the_folder(
    recipes: Path, command: Sequence[str]
) -> None:
    said = str(ran(*command, "saovet").exception)
    assert "there is no format 'saovet'; did you mean saoviet?" in said
    assert str(recipes.parent) in said


def test_without_a_folder_the_setting_is_named(recipes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUUTA_INGEST_RECIPES")
    ended = ran("sample", "saoviet").exception
    assert isinstance(ended, BadItem)
    assert "set BUUTA_INGEST_RECIPES" in str(ended)
