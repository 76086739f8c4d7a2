"""A wrong recipe is refused when it loads, with a sentence that says what to fix, and all of it at once."""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from buuta.cli.main import main
from buuta.errors import BadSettings
from services.ingest.carriers import FOLDER, RECIPES
from services.ingest.carriers.loading import golden, load_recipes, read_folder
from services.ingest.carriers.tables import RecipeTable
from services.ingest.domain.recipe import Recipe
from tests.golden import named

RECIPE = """\
title = "A carrier"
version = "1"
identity = ["number", "code", "time"]

[fields]
number = "parcels[].id"
code = "parcels[].events[].code"
time = "parcels[].events[].at"

[webhook]
"""
CODES = "code,status,reason,mode,provisional\n1,accepted,,,\n2,delivered,,address,\n"
BODY = {"parcels": [{"id": "Z82BS", "events": [{"code": 1, "at": "2026-11-24T09:30:00+07:00"}]}]}
PAIRS = [{"name": "one", "payload": BODY, "scan": {"number": "Z82BS", "status": "accepted"}}]


def folder_of(
    path: Path, recipe: str = RECIPE, codes: str | bytes | None = CODES, pairs: Any = PAIRS, **more: str
) -> Path:
    folder = path / "acarrier"
    folder.mkdir(exist_ok=True)
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    if codes is not None:
        (folder / "codes.csv").write_bytes(codes if isinstance(codes, bytes) else codes.encode())
    if pairs is not None:
        (folder / "golden.json").write_text(pairs if isinstance(pairs, str) else json.dumps(pairs))
    for name, text in more.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def faults(folder: Path) -> str:
    return "\n".join(read_folder(folder).faults)


def test_a_right_one_is_read(tmp_path: Path) -> None:
    assert faults(folder_of(tmp_path)) == ""
    assert load_recipes(tmp_path, None)["acarrier"].chain == ("parcels", None, "events", None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('title = "A carrier"', "title = 5"), "title: it must be a text"),
        (('title = "A carrier"\n', ""), "title: it is missing"),
        (('title = "A carrier"', 'title = "A carrier"\ntitel = "x"'), "titel: there is no such key"),
        (("[webhook]", "[webhook]\nbodi = 'json'"), "webhook.bodi: there is no such key"),
        (
            ("[webhook]", "[webhook]\nbody = 'yaml'"),
            "webhook.body: it must be 'json', 'form' or 'xml'",
        ),
        (("[webhook]", "[webhook]\nmethods = ['PATCH']"), "webhook.methods.0: it must be"),
        (("[webhook]", "[webhok]"), "webhok: there is no such key"),
        (("[webhook]", "[webhook"), "recipe.toml: "),
        (('"number", "code"', '"code"'), "identity: it must hold number"),
        (('"code", "time"', '"code"'), "identity: it must hold time or natural_id"),
        (('"number", "code"', '"number", "place"'), "it holds place, and fields do not say where that is"),
        (('"number", "code"', '"nubmer", "code"'), "no such field: nubmer"),
        (('number = "parcels[].id"', 'nummer = "parcels[].id"'), "no such field: nummer"),
        (('number = "parcels[].id"\n', ""), "fields must say where these are: number"),
        (('"parcels[].id"', '"lines[].id"'), "go through two lists"),
        (('"parcels[].id"', '"[].id"'), "begin with a name"),
        (('"parcels[].id"', '"parcels[x].id"'), "a path is names with dots between"),
        (('"parcels[].id"', '"parcels[].ident"'), "number: nothing lies at parcels[].ident in any pair"),
        (('"parcels[].id"', "5"), "fields.number: write a path"),
        (('"parcels[].id"', "[]"), "fields.number.first: tuple should have at least 1 item"),
        (('"parcels[].id"', "{}"), "fields.number: a field has one of path, first, join, constant"),
        (('"parcels[].id"', '{ path = "a", constant = "b" }'), "a field has one of"),
        (('"parcels[].id"', '{ path = "a", patern = "b" }'), "fields.number.patern: there is no such key"),
        (('"parcels[].id"', '{ path = "parcels[].id", pattern = "(" }'), "no pattern of RE2: missing )"),
        (('"parcels[].id"', '{ path = "parcels[].id", pattern = "(?=a)" }'), "no pattern of RE2"),
        (('"parcels[].id"', '{ path = "parcels[].id", pattern = "a(b)" }'), "name the part that is meant"),
        (("[webhook]", "[times]\nforms = ['DD/MM/YYYY']\n[webhook]"), "times"),
        (("[webhook]", "[times]\nzone = 'Hanoi'\n[webhook]"), "times: the zone is no IANA name"),
        (("[webhook]", "file = true\n[webhook]"), "fields.file: write a path, a list of which"),
        (('version = "1"', 'version = "1"\nfile = true'), "a line of a file has no lists"),
        (("[webhook]", "[webhook]\nreply_text = 'ok'"), "webhook: reply_text wants a reply_type"),
        (("[webhook]", "[webhook]\nreply = { a = '$b[x]' }"), "webhook.reply: b[x]: a path is"),
        (("[webhook]", "[webhook.signature]\nkind = 'hmac'"), "it names one of header, query, field"),
        (("[webhook]", "[webhook.signature]\nkind = 'md5'\nheader = 'x'"), "webhook.signature.kind"),
        (
            ("[webhook]", "[webhook.signature]\nkind = 'digest'\nheader = 'x'"),
            "webhook.signature.over: a digest holds the secret",
        ),
        (("[webhook]", "[[ignore]]\nfield = 'parcels[].kind'\nvalues = ['x']"), "ignore: nothing lies at"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    assert change[0] in RECIPE
    assert says in faults(folder_of(tmp_path, RECIPE.replace(*change)))


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        (None, "codes.csv is missing: a line for each code, with the columns code, status"),
        ("", "there is no column code and no column status; the first line is code,status"),
        ("code,status\n", "it has no line but its first"),
        (CODES + "1,lost,,,\n", "1 stands twice"),
        ("code,status\nDone,delivered\nDONE,delivered\n", "Done and DONE differ only in case"),
        ("code;status;reason\n1;accepted;\n", "parted by something else than commas"),
        ("code,state\n1,accepted\n", "there is no column 'state' in such a table"),
        ("code,status,status\n1,accepted,lost\n", "a column stands twice"),
        ("code,status\n1,delivred\n", "1 status: it must be 'info_received'"),
        ("code,status\n,delivered\n", "code: it is missing (line 2)"),
        ("code,status\n1,delivered,,,,,x\n", "line 2 has more cells than the first line"),
        ("code,status,provisional\n1,delivered,maybe\n", "1 provisional: it must be true or false"),
        ("code,status,mode\n1,delivered,drone\n", "1 mode: it must be 'address'"),
        ("code,status\n1,Đã giao\n".encode("utf-16"), "it is not UTF-8 at byte 0, but UTF-16"),
        (b"code,status\n1,accepted\n\xd0\xe3 giao,delivered\n", "it is not UTF-8 at byte 23"),
    ],
)
def test_what_is_wrong_in_the_table_of_codes_is_said(tmp_path: Path, codes: Any, says: str) -> None:
    assert says in faults(folder_of(tmp_path, codes=codes))


def test_a_byte_order_mark_and_empty_lines_are_nothing_wrong(tmp_path: Path) -> None:
    assert faults(folder_of(tmp_path, codes=b"\xef\xbb\xbf" + CODES.encode() + b",,,,\n\n")) == ""


def test_codes_whose_case_matters_are_said_to_be_such(tmp_path: Path) -> None:
    recipe = RECIPE.replace('version = "1"', 'version = "1"\ncase_matters = true')
    assert faults(folder_of(tmp_path, recipe, CODES + "a,lost,,,\nA,accepted,,,\n")) == ""


def pair(**more: Any) -> list[dict[str, Any]]:
    return [{**PAIRS[0], **more}]


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ("{", "it is no JSON in UTF-8"),
        ({"name": "x"}, "golden.json: it must be a list"),
        (pair(scna={}), "0.scna: there is no such key"),
        (pair(scan={"status": "delivered"}), "one: status is 'accepted', and the pair says 'delivered'"),
        (pair(scan={"state": "x"}), "one: a scan has no field state"),
        (pair(becomes="ignored", scan={}), "one: it becomes accepted, and the pair says ignored"),
        (pair(events=[{}, {}]), "one: it holds 1 events, and the pair names 2"),
        (pair(same_event_as="two"), "one: there is no pair 'two'"),
        (pair(body="{"), "one: it becomes rejected body_not_json, and the pair says accepted"),
        (
            pair(payload=[PAIRS[0]["payload"]] * 2, events=[{}, {"becomes": "ignored"}]),
            "one: event 2: it becomes accepted, and the pair says ignored",
        ),
        (pair(payload={}), "one: it becomes rejected field_missing, and the pair says accepted"),
    ],
)
def test_what_a_golden_pair_says_otherwise_is_said(tmp_path: Path, pairs: Any, says: str) -> None:
    assert says in faults(folder_of(tmp_path, pairs=pairs))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_every_path_of_our_own_recipes_finds_something_in_their_pairs(recipe: Recipe) -> None:
    table = RecipeTable.model_validate(tomllib.loads((FOLDER / recipe.format / "recipe.toml").read_text()))
    payloads = [{**pair.get("payload", {}), **pair.get("headers", {})} for pair in golden(recipe.format)]
    unseen = [
        path.text
        for path in table.paths
        if not any(path.get(payload) not in (None, "") for payload in payloads)
    ]
    assert unseen == []


def test_no_folder_is_passed_over(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "recipe.toml").rename(folder / "recipe.tml")
    with pytest.raises(BadSettings, match=r"recipe\.toml is missing"):
        load_recipes(tmp_path, None)
    (folder / "recipe.tml").rename(folder / "recipe.toml")
    with pytest.raises(BadSettings, match="name the folder that holds such folders"):
        load_recipes(folder, None)
    folder.rename(tmp_path / "A Carrier")
    with pytest.raises(BadSettings, match="its name is the format's"):
        load_recipes(tmp_path, None)


def test_reasons_are_checked_likewise(tmp_path: Path) -> None:
    assert "9 reason: it must be" in faults(folder_of(tmp_path, reasons="code,reason\n9,hungry\n"))
    assert "9 stands twice" in faults(folder_of(tmp_path, reasons="code,reason\n9,other\n9,lost\n"))


def test_everything_is_said_at_once_and_by_the_command_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = RECIPE.replace('"number", "code", "time"', '"code"').replace("events[].at", "evens[].at")
    folder = folder_of(tmp_path, wrong, "code,status\n1,acepted\n1,accepted\n1,lost\n")
    said = faults(folder)
    for part in ("it must hold number", "it must hold time", "two lists", "1 status", "1 stands twice"):
        assert part in said
    with pytest.raises(BadSettings) as refused:
        load_recipes(tmp_path, None)
    assert str(refused.value) == said
    assert _lint(monkeypatch, folder) == 2
    assert capsys.readouterr().out.strip() == said
    folder_of(tmp_path)
    assert _lint(monkeypatch, tmp_path) == 0
    assert "acarrier: 2 codes, 1 golden pairs" in capsys.readouterr().out


def _lint(monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    monkeypatch.setattr(sys, "argv", ["buuta", "carrier", "lint", str(folder)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)
