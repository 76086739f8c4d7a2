"""Reading carriers' folders; what is wrong in one is said with file and place, and all of it at once."""

import importlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from buuta.errors import BadSettings
from services.ingest.carriers.faults import sentences
from services.ingest.carriers.lines import read_lines
from services.ingest.carriers.pairs import faults_of_pairs
from services.ingest.carriers.tables import (
    CodeLine,
    PlaceTable,
    ReasonLine,
    RecipeTable,
    SignatureTable,
    WebhookTable,
)
from services.ingest.domain.codes import CodeRow, Source, folded
from services.ingest.domain.facts import FactRule, Facts, facts_by
from services.ingest.domain.origins import Joined
from services.ingest.domain.paths import BadPath
from services.ingest.domain.polling import Polling
from services.ingest.domain.recipe import Recipe
from services.ingest.domain.replies import placeholders
from services.ingest.domain.table import REQUIRED, Ignored, Table
from services.ingest.domain.times import Times
from services.ingest.domain.unfolding import chain_of
from services.ingest.domain.vendor_signature import PLACES, Stamp, VendorSignature, Where, faults_of
from services.ingest.domain.webhook import Reply, Webhook

PACKAGE: Final = "services.ingest.carriers"
REPLIES: Final = frozenset({"reply", "reply_text", "reply_status", "reply_headers"})
FILES: Final = ("recipe.toml", "codes.csv", "golden.json")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
NAMED: Final = "1 to 40 small letters, digits, _ or -"
Parse = Callable[[Any], Any]


class Read(NamedTuple):
    """A folder as it was read: its recipe, if there is one, and all that is wrong with it."""

    recipe: Recipe | None
    faults: Sequence[str]


def load_recipes(folder: Path, package: str | None = PACKAGE) -> dict[str, Recipe]:
    """The recipes of all folders in `folder`, by format; outside the package by tables alone.

    Raises:
        BadSettings: names the file, the place in it and what is wrong, for everything that is.
    """
    if not folder.is_dir():
        raise BadSettings(f"{folder} is no folder: recipes are looked for there")
    if (folder / "recipe.toml").exists():
        raise BadSettings(f"{folder} is a carrier's folder: name the folder that holds such folders")
    read = {each.name: read_folder(each, package) for each in folders_in(folder)}
    faults = [fault for each in read.values() for fault in each.faults]
    if faults:
        raise BadSettings("\n".join(faults))
    return {name: each.recipe for name, each in read.items() if each.recipe is not None}


def folders_in(folder: Path) -> list[Path]:
    """The carriers' folders in a folder: whatever holds one of a carrier's files, so that none is passed over."""
    return sorted({path.parent for name in FILES for path in folder.glob(f"*/{name}")})


def read_folder(folder: Path, package: str | None = None) -> Read:
    """The recipe of one folder; of those outside the package the golden pairs are held against it as well."""
    table, faults = _table(folder / "recipe.toml")
    case_matters = table is not None and table.case_matters
    codes = read_lines(folder / "codes.csv", CodeLine, case_matters=case_matters)
    has_reasons = (folder / "reasons.csv").exists()
    reasons = read_lines(folder / "reasons.csv", ReasonLine, case_matters=True) if has_reasons else None
    faults += [*codes.faults, *(reasons.faults if reasons else ())]
    if not NAME.fullmatch(folder.name):
        faults.append(f"{folder}: its name is the format's, and part of addresses: {NAMED}")
    if table is None:
        return Read(None, faults)
    code = _code(folder, package)
    for name, rows in (("codes.csv", codes.rows), ("reasons.csv", reasons.rows if reasons else ())):
        unsourced = _unsourced(rows, table, must_name_one=package is not None)
        faults += [f"{folder / name}: {fault}" for fault in unsourced]
    faults += [f"{folder / 'recipe.toml'}: {fault}" for fault in _crossed(table, code)]
    if faults:
        return Read(None, faults)
    recipe = _recipe(folder.name, table, _parse(table, code), codes.rows, reasons.rows if reasons else ())
    if package is None:
        faults += faults_of_pairs(folder / "golden.json", recipe, table.origins, table.paths)
    return Read(recipe, faults)


def golden(format_name: str, folder: Path | None = None) -> list[dict[str, Any]]:
    """The golden pairs of a format of ours, or of the carrier's folder that is named; none where it has none."""
    path = (folder or Path(__file__).parent / format_name) / "golden.json"
    if not path.exists():
        return []
    pairs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return pairs


def _table(path: Path) -> tuple[RecipeTable | None, list[str]]:
    try:
        return RecipeTable.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig"))), []
    except ValidationError as wrong:
        return None, [f"{path}: {each}" for each in sentences(wrong)]
    except UnicodeDecodeError as wrong:
        return None, [f"{path}: it is not UTF-8 at byte {wrong.start}: save it in UTF-8"]
    except FileNotFoundError:
        return None, [f"{path} is missing: it says where the fields stand (docs/recipes.md)"]
    except (OSError, ValueError) as wrong:
        return None, [f"{path}: {wrong}"]


def _crossed(table: RecipeTable, code: Any) -> Iterator[str]:
    """What is wrong with parts of a recipe that are right each by itself."""
    if "number" not in table.identity:
        yield "identity: it must hold number, or events of two parcels would be one"
    if not {"time", "natural_id"} & {*table.identity}:
        yield "identity: it must hold time or natural_id, or what happens twice to a parcel would be one event"
    if not hasattr(code, "parse"):
        yield from _crossed_fields(table)
    if table.webhook is not None:
        yield from _crossed_webhook(table.webhook)


def _crossed_fields(table: RecipeTable) -> Iterator[str]:
    if not table.fields:
        yield "it wants a section [fields]"
        return
    missing = [name for name in REQUIRED if name not in table.fields]
    if missing:
        yield f"fields must say where these are: {', '.join(missing)}"
    for name in ("natural_id", "place"):
        if name in table.identity and name not in table.fields:
            yield f"identity: it holds {name}, and fields do not say where that is"
    try:
        chain = chain_of(table.paths)
    except ValueError as wrong:
        yield f"fields: {wrong}"
    else:
        if chain and table.file:
            yield "fields: a line of a file has no lists, so that file = true and [] do not go together"


def _crossed_webhook(webhook: WebhookTable) -> Iterator[str]:
    if webhook.signature is not None:
        yield from (f"webhook.signature.{fault}" for fault in faults_of(_signature(webhook.signature)))
    try:
        placeholders(_reply(webhook))
    except BadPath as wrong:
        yield f"webhook.reply: {wrong}"


def _code(folder: Path, package: str | None) -> Any:
    """The module of a format of ours that has one."""
    if package is None or not (folder / "parser.py").exists():
        return None
    return importlib.import_module(f"{package}.{folder.name}.parser")


def _recipe(
    name: str, table: RecipeTable, parse: Parse, codes: Sequence[CodeLine], reasons: Sequence[ReasonLine]
) -> Recipe:
    origins = table.origins
    return Recipe(
        format=name,
        title=table.title,
        version=table.version,
        codes={row.code: _code_row(row) for row in codes},
        parse=parse,
        reasons={row.code: row.reason for row in reasons},
        identity=table.identity,
        webhook=None if table.webhook is None else _webhook(table.webhook),
        columns=[[path.last for path in origins[name].paths] for name in REQUIRED] if table.file else (),
        personal=frozenset(map(str.casefold, [*table.personal, *_secret_fields(table.webhook)])),
        facts=_facts(table) if table.facts else None,
        polling=None if table.polling is None else Polling(**table.polling.model_dump()),
        chain=chain_of(table.paths),
        joined_by=_joined_by(table),
        case_matters=table.case_matters,
        sources=table.sources,
        times=Times(**table.times.model_dump()),
    )


def _code_row(row: CodeLine) -> CodeRow:
    return CodeRow(
        row.status, row.reason, row.provisional, row.mode, row.direction, row.source, row.words or ""
    )


def _unsourced(
    rows: Sequence[CodeLine | ReasonLine], table: RecipeTable, *, must_name_one: bool
) -> Iterator[str]:
    """Of our own tables every row names where it is from; whatever a row names is said in `[sources]`."""
    for row in rows:
        if row.source is None and must_name_one:
            yield f"{row.code} source: names none of {', '.join(Source)}"
        if row.source is not None and row.source not in table.sources:
            yield f"{row.code} source: {row.source} is not in [sources] of recipe.toml"


def _joined_by(table: RecipeTable) -> str | None:
    origin = table.origins.get("code")
    return origin.by if isinstance(origin, Joined) else None


def _webhook(table: WebhookTable) -> Webhook:
    return Webhook(
        table.body, table.methods, table.headers, table.query, table.json_in, _reply(table), table.never_refuse,
        None if table.signature is None else _signature(table.signature),
    )  # fmt: skip


def _reply(table: WebhookTable) -> Reply | None:
    if not table.model_fields_set & REPLIES:
        return None
    return Reply(
        table.reply, table.reply_text, table.reply_type or "application/json", table.reply_status,
        table.reply_headers,
    )  # fmt: skip


def _signature(table: SignatureTable) -> VendorSignature:
    stamp = table.timestamp
    return VendorSignature(
        table.kind, _where(table), table.over, table.algorithm, table.encoding, table.secret_as,
        None if stamp is None else Stamp(_where(stamp), stamp.unit, stamp.seconds),
    )  # fmt: skip


def _where(table: PlaceTable) -> Where:
    [place] = [place for place in PLACES if getattr(table, place) is not None]
    return Where(place, getattr(table, place), table.compiled)


def _secret_fields(webhook: WebhookTable | None) -> Sequence[str]:
    """The field in which a vendor's secret comes: no payload is kept with it."""
    signature = None if webhook is None else webhook.signature
    if signature is None:
        return ()
    where = _where(signature)
    return (where.path.last if where.place == "field" else where.name,)


def _parse(table: RecipeTable, code: Any) -> Parse:
    """How a payload is read: by the table, which `refine` of `parser.py` may refine, or all by its `parse`."""
    if hasattr(code, "parse"):
        parse: Parse = code.parse
        return parse
    by_table = _by_table(table)
    if code is None:
        return by_table

    def refined(payload: Any) -> Any:
        report = by_table(payload)
        return None if report is None else code.refine(payload, report)

    return refined


def _by_table(table: RecipeTable) -> Parse:
    ignored = [Ignored(each.field.origin, frozenset(map(folded, each.values))) for each in table.ignore]
    return Table(table.origins, Times(**table.times.model_dump()), ignored).parse


def _facts(table: RecipeTable) -> Facts:
    rules = [
        FactRule(each.kind, each.field, frozenset(map(folded, each.values)), each.amount)
        for each in table.facts
    ]
    return facts_by(rules, _by_table(table))
