"""Reading carriers' folders; what is wrong in one is said with file and place."""

import csv
import importlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from buuta.errors import BadSettings
from buuta.model.statuses import DeliveryMode, Reason, Status
from services.ingest.domain.facts import FactKind, FactRule, Facts, facts_by
from services.ingest.domain.polling import Polling
from services.ingest.domain.recipe import IDENTITY, CodeRow, Recipe, Source, Webhook
from services.ingest.domain.table import OPTIONAL, REQUIRED, Table

PACKAGE: Final = "services.ingest.carriers"
Paths = Annotated[tuple[str, ...], BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw)]
Minutes = Annotated[int, Field(ge=-720, le=840)]
Parse = Callable[[Mapping[str, Any]], Any]


class Strict(BaseModel):
    """A part of `recipe.toml`; a misspelt name is an error and no default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Times(Strict):
    """How times are written."""

    forms: tuple[str, ...] = ("iso",)
    assumed_minutes: Minutes = 420


class WebhookTable(Strict):
    """As `Webhook`."""

    body: Literal["json", "form"] = "json"
    headers: tuple[str, ...] = ()
    reply: dict[str, str] | None = None
    never_refuse: bool = False


class PollingTable(Strict):
    """As `Polling`."""

    items: str = "items"
    next: str = "next"
    after: str = "after"
    limit: str = "limit"
    page: Annotated[int, Field(ge=1, le=5_000)] = 500
    per_second: Annotated[float, Field(gt=0, le=100)] = 1.0


class FactTable(Strict):
    """As `FactRule`."""

    kind: FactKind
    field: str
    values: frozenset[str]
    amount: str


class RecipeTable(Strict):
    """A `recipe.toml`."""

    title: str
    version: str
    identity: tuple[str, ...]
    fields: dict[str, Paths] = {}
    times: Times = Times()
    webhook: WebhookTable | None = None
    file: bool = False
    personal: frozenset[str] = frozenset()
    facts: tuple[FactTable, ...] = ()
    polling: PollingTable | None = None
    sources: dict[Source, str] = {}

    @model_validator(mode="after")
    def known_names(self) -> "RecipeTable":
        """Fields and columns of the identity are those that there are."""
        unknown = {*self.fields} - {*REQUIRED, *OPTIONAL} | {*self.identity} - {*IDENTITY}
        if unknown:
            raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
        missing = [name for name in REQUIRED if name not in self.fields]
        if self.fields and missing:
            raise ValueError(f"fields must say where these are: {', '.join(missing)}")
        return self


class CodeLine(Strict):
    """A line of `codes.csv`."""

    code: Annotated[str, Field(min_length=1)]
    status: Status | None
    reason: Reason | None
    mode: DeliveryMode | None
    provisional: bool
    source: Source | None = None
    words: str | None = None


class ReasonLine(Strict):
    """A line of `reasons.csv`."""

    code: Annotated[str, Field(min_length=1)]
    reason: Reason
    source: Source | None = None
    words: str | None = None


def load_recipes(folder: Path, package: str | None = PACKAGE) -> dict[str, Recipe]:
    """The recipes of all folders in `folder`, by format; outside the package by tables alone.

    Raises:
        BadSettings: names the file, the place in it and what is wrong.
    """
    if not folder.is_dir():
        raise BadSettings(f"{folder} is no folder: recipes are looked for there")
    found = sorted(path.parent for path in folder.glob("*/recipe.toml"))
    return {each.name: _recipe(each, package) for each in found}


def golden(format_name: str) -> list[dict[str, Any]]:
    """The golden pairs of a format of ours."""
    path = Path(__file__).parent / format_name / "golden.json"
    pairs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return pairs


def _recipe(folder: Path, package: str | None) -> Recipe:
    table = _checked(folder / "recipe.toml", RecipeTable, _toml(folder / "recipe.toml"))
    codes = [_checked(folder / "codes.csv", CodeLine, row) for row in _lines(folder / "codes.csv")]
    reasons = [_checked(folder / "reasons.csv", ReasonLine, row) for row in _lines(folder / "reasons.csv")]
    for name, rows in (("codes.csv", codes), ("reasons.csv", reasons)):
        _check_sources(folder / name, rows, table.sources, must_name_one=package is not None)
    return Recipe(
        format=folder.name,
        title=table.title,
        version=table.version,
        codes={row.code: _code_row(row) for row in codes},
        parse=_parse(folder, table, package),
        reasons={row.code: row.reason for row in reasons},
        identity=table.identity,
        webhook=None if table.webhook is None else Webhook(**table.webhook.model_dump()),
        columns=tuple(table.fields[name] for name in REQUIRED) if table.file else (),
        personal=frozenset(name.casefold() for name in table.personal),
        facts=_facts(table) if table.facts else None,
        polling=None if table.polling is None else Polling(**table.polling.model_dump()),
        sources=table.sources,
    )


def _code_row(row: CodeLine) -> CodeRow:
    return CodeRow(row.status, row.reason, row.provisional, row.mode, row.source, row.words or "")


def _check_sources(
    path: Path, rows: Sequence[CodeLine | ReasonLine], known: Mapping[Source, str], *, must_name_one: bool
) -> None:
    """Of our own tables every row names where it is from; whatever a row names is said in `[sources]`.

    Raises:
        BadSettings: names the row.
    """
    for row in rows:
        if row.source is None and must_name_one:
            raise BadSettings(f"{path}: {row.code} source: names none of {', '.join(Source)}")
        if row.source is not None and row.source not in known:
            raise BadSettings(f"{path}: {row.code} source: {row.source} is not in [sources] of recipe.toml")


def _parse(folder: Path, table: RecipeTable, package: str | None) -> Parse:
    """How a payload is read: by the table, which `refine` of `parser.py` may refine, or all by its `parse`."""
    code: Any = None
    if (folder / "parser.py").exists() and package is not None:
        code = importlib.import_module(f"{package}.{folder.name}.parser")
    if hasattr(code, "parse"):
        parse: Parse = code.parse
        return parse
    if not table.fields:
        raise BadSettings(f"{folder / 'recipe.toml'}: it wants a section [fields]")
    by_table = _by_table(table)
    return by_table if code is None else lambda payload: code.refine(payload, by_table(payload))


def _by_table(table: RecipeTable) -> Parse:
    # The date cells of a spreadsheet come as ISO.
    forms = (*table.times.forms, *(("iso",) if table.file else ()))
    return Table(table.fields, forms, table.times.assumed_minutes).parse


def _facts(table: RecipeTable) -> Facts:
    rules = [
        FactRule(each.kind, each.field, frozenset(map(str.casefold, each.values)), each.amount)
        for each in table.facts
    ]
    return facts_by(rules, _by_table(table))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise BadSettings(f"{path}: {wrong}") from None


def _lines(path: Path) -> Sequence[dict[str, Any]]:
    """The lines of a table; an empty cell says nothing. No file: no lines."""
    if not path.exists():
        return ()
    with path.open(encoding="utf-8", newline="") as source:
        return [
            {name: value or (name == "provisional" and "no") or None for name, value in row.items()}
            for row in csv.DictReader(source)
        ]


def _checked(path: Path, kind: type[Any], raw: dict[str, Any]) -> Any:
    try:
        return kind(**raw)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise BadSettings(f"{path}: {raw.get('code', '')} {place}: {first['msg']}") from None
