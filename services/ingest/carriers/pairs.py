"""Holding a recipe against its golden pairs: what comes in, and what must become of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from pydantic import Field, TypeAdapter, ValidationError

from buuta.errors import BadItem
from buuta.model.scan import Scan
from services.ingest.carriers.faults import sentences
from services.ingest.carriers.tables import Strict
from services.ingest.domain import paths
from services.ingest.domain.bodies import assembled
from services.ingest.domain.fitting import fitted
from services.ingest.domain.origins import Origin
from services.ingest.domain.recipe import Receipt, Recipe, UnknownCode, to_scan
from services.ingest.domain.webhook import Webhook
from services.ingest.domain.xml import read_xml

RECEIVED: Final = Receipt("golden", "webhook", 1_795_000_000_000)
Becomes = Literal["accepted", "ignored", "quarantined", "rejected"]


class Expected(Strict):
    """What must become of one event: a scan that says so, or an answer of that kind and code."""

    scan: Mapping[str, Any] = Field(default_factory=dict)
    becomes: Becomes = "accepted"
    code: str | None = None


class Pair(Expected):
    """One request, and what becomes of it; `events` where it holds several, in their order."""

    name: Annotated[str, Field(min_length=1)]
    payload: dict[str, Any] | list[Any] = Field(default_factory=dict)
    body: str = ""
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)
    events: tuple[Expected, ...] | None = None
    reply: Any = None
    same_event_as: str | None = None

    @property
    def expected(self) -> Sequence[Expected]:
        """What becomes of each event."""
        return (self,) if self.events is None else self.events


class Became(NamedTuple):
    """What became of one event."""

    becomes: Becomes
    scan: Scan | None = None
    code: str | None = None


PAIRS: Final = TypeAdapter(tuple[Pair, ...])


def read_pairs(path: Path) -> Sequence[Pair]:
    """The pairs of a folder; none where it has no such file.

    Raises:
        ValueError: it is no list of pairs.
    """
    return PAIRS.validate_python(json.loads(path.read_bytes())) if path.exists() else ()


def faults_of_pairs(
    path: Path, recipe: Recipe, origins: Mapping[str, Origin], known: Sequence[paths.Path]
) -> list[str]:
    """What is wrong with the pairs, or with the recipe that they are held against."""
    try:
        pairs = read_pairs(path)
    except ValidationError as wrong:
        return [f"{path}: {each}" for each in sentences(wrong)]
    except ValueError as wrong:
        return [f"{path}: it is no JSON in UTF-8: {wrong}"]
    faults = [f"{path}: {pair.name}: {fault}" for pair in pairs for fault in _faults(recipe, pair, pairs)]
    unseen = _unseen(recipe, pairs, origins, known) if pairs else ()
    return [*(f"{path}: {fault}" for fault in unseen), *faults]


def payloads_of(recipe: Recipe, pair: Pair) -> list[Any]:
    """The payloads of a pair, as its door would have them.

    Raises:
        BadItem: its body cannot be read.
    """
    webhook = recipe.webhook or Webhook()
    body = _body(webhook, pair)
    headers = {name.lower(): value for name, value in pair.headers.items()}
    fields = {name: headers[name.lower()] for name in webhook.headers if name.lower() in headers}
    return recipe.unfold(assembled(webhook, body, fields, pair.query, json.loads))


def became(recipe: Recipe, payload: Any) -> Became:
    """What becomes of one event."""
    try:
        report = recipe.parse(payload)
        scan = None if report is None else to_scan(recipe, fitted(report), RECEIVED)
    except UnknownCode as unknown:
        return Became("quarantined", None, unknown.code)
    except BadItem as bad:
        return Became("rejected", None, bad.code)
    return Became("ignored" if scan is None else "accepted", scan)


def _body(webhook: Webhook, pair: Pair) -> Any:
    if pair.method == "GET":
        return pair.query
    if not pair.body:
        return pair.payload
    if webhook.body == "xml":
        return read_xml(pair.body.encode())
    if webhook.body == "form" and pair.body.lstrip()[:1] not in ("{", "["):
        return dict(parse_qsl(pair.body, keep_blank_values=True))
    return json.loads(pair.body)


def _faults(recipe: Recipe, pair: Pair, pairs: Sequence[Pair]) -> Iterator[str]:
    try:
        found = [became(recipe, payload) for payload in payloads_of(recipe, pair)]
    except (BadItem, ValueError) as bad:
        found = [Became("rejected", None, getattr(bad, "code", "body_not_json"))]
    if not found and pair.becomes == "ignored":
        return
    if len(found) != len(pair.expected):
        yield f"it holds {len(found)} events, and the pair names {len(pair.expected)}"
    for place, (expected, said) in enumerate(zip(pair.expected, found, strict=False), 1):
        of = f"event {place}: " if len(pair.expected) > 1 else ""
        yield from (of + each for each in _differs(expected, said))
    if pair.same_event_as is not None:
        yield from _same(recipe, pair, pairs, found)


def _differs(expected: Expected, said: Became) -> Iterator[str]:
    code = expected.code if expected.becomes == "rejected" else None
    if said.becomes != expected.becomes or code not in (None, said.code):
        wanted, got = (" ".join(filter(None, (each.becomes, each.code))) for each in (expected, said))
        yield f"it becomes {got}, and the pair says {wanted}"
        return
    for name, value in expected.scan.items():
        if name not in Scan._fields:
            yield f"a scan has no field {name}; it has {', '.join(Scan._fields)}"
        elif said.scan is None or getattr(said.scan, name) != value:
            yield f"{name} is {getattr(said.scan, name, None)!r}, and the pair says {value!r}"


def _same(recipe: Recipe, pair: Pair, pairs: Sequence[Pair], found: Sequence[Became]) -> Iterator[str]:
    others = [each for each in pairs if each.name == pair.same_event_as]
    if not others:
        yield f"there is no pair {pair.same_event_as!r} of which it could be the same event"
        return
    first = [became(recipe, payload) for payload in payloads_of(recipe, others[0])]
    ids = [[each.scan and each.scan.event_id for each in side] for side in (found, first)]
    if ids[0] != ids[1]:
        yield f"it is another event than {pair.same_event_as!r}"


def _unseen(
    recipe: Recipe, pairs: Sequence[Pair], origins: Mapping[str, Origin], known: Sequence[paths.Path]
) -> Iterator[str]:
    """Paths at which no pair has anything: they are misspelt, or nobody has seen them."""
    payloads = []
    for pair in pairs:
        try:
            payloads += payloads_of(recipe, pair)
        except (BadItem, ValueError):
            continue
    for path in known:
        if not any(path.get(payload) not in (None, "") for payload in payloads):
            names = [name for name, origin in origins.items() if path in origin.paths] or ["ignore"]
            yield (
                f"{', '.join(names)}: nothing lies at {path.text} in any pair: mend the path, or add a pair "
                "that has it"
            )
