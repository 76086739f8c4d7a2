"""Samples with times of now: a carrier's own report, made from a golden pair of its format.

What is made is read by the format's own recipe before it is given out, so that it says what it should.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from buuta.audit.conformance import Sample, check
from buuta.errors import BadItem
from buuta.model.identifiers import one_spelling
from buuta.model.scan import Scan
from buuta.model.statuses import Status
from services.ingest.carriers.loading import golden
from services.ingest.domain.recipe import Receipt, Recipe

MINUTE_MS: Final = 60_000
TIME: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4})(?P<between>[T ]+)(?P<clock>\d\d:\d\d(?::\d\d)?)(?![0-9])",
    re.ASCII,
)
Leaf = Callable[[Any], Any]


@dataclass(frozen=True)
class Wanted:
    """What a sample is to say: when (UTC milliseconds), and the number and the status where they matter."""

    at: int
    number: str | None = None
    status: Status | None = None


def sample(recipe: Recipe, wanted: Wanted, folder: Path | None = None) -> str:
    """A body as the carrier sends it: a form, or JSON; an array where the format is Buuta's own.

    `folder` is the carrier's, where the format is none of ours.

    Raises:
        BadItem: no golden pair of the format can be made to say that.
    """
    bases = [
        pair["payload"] for pair in golden(recipe.format, folder) if {"scan", "payload"} <= pair.keys()
    ]
    for payload in _candidates(recipe, wanted, bases):
        scan = _read(recipe, payload, wanted.at)
        if scan is not None and _says(scan, wanted):
            return _written(recipe, payload)
    if not bases:
        says = (
            f"{recipe.format} has no golden pair with a `payload` and one `scan`: samples are made of those"
        )
        raise BadItem("sample_unknown", says)
    raise BadItem(
        "sample_unknown", f"no sample of {recipe.format} can say that; is the number like theirs?"
    )


def _says(scan: Scan, wanted: Wanted) -> bool:
    at_the_time = 0 <= wanted.at - scan.occurred_at < MINUTE_MS
    as_wanted = wanted.status in (None, scan.status) and not scan.provisional
    return at_the_time and as_wanted and wanted.number in (None, scan.number)


def _candidates(recipe: Recipe, wanted: Wanted, payloads: Sequence[Any]) -> Iterator[Any]:
    """Payloads that may say it: first those that have the status, then others that are given one of its codes."""
    bases = [(each, scan) for each in payloads if (scan := _read(recipe, each, wanted.at))]
    for payload, scan in bases:
        yield _moved(payload, scan, wanted, scan.raw_code)
    for payload, scan in bases:
        for code, row in recipe.codes.items():
            if wanted.status is not None and row.status is wanted.status:
                yield _moved(payload, scan, wanted, code)


def _read(recipe: Recipe, payload: Any, now_ms: int) -> Scan | None:
    """What the recipe makes of a payload; None where that is no scan."""
    receipt = Receipt(recipe.format, "webhook", now_ms)
    [verdict] = check(recipe, receipt, [Sample("sample", payload, recipe.parse)]).verdicts
    return verdict.scan


def _moved(payload: Any, scan: Scan, wanted: Wanted, code: str) -> Any:
    """The payload at another time, by whole minutes, and with another number and code."""
    minutes = (wanted.at - scan.occurred_at) // MINUTE_MS

    def leaf(value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            return value
        if str(value) == scan.raw_code and code != scan.raw_code:
            return int(code) if isinstance(value, int) and code.isdigit() else code
        if isinstance(value, str):
            if wanted.number is not None and one_spelling(value) == scan.number:
                return wanted.number
            return TIME.sub(lambda found: _later(found, minutes), value)
        return _epoch(value, scan.occurred_at, minutes)

    return _mapped(payload, leaf)


def _later(found: re.Match[str], minutes: int) -> str:
    """A time so many minutes later, in its own form."""
    form = (
        ("%Y-%m-%d" if found["date"][4] == "-" else "%d/%m/%Y")
        + "T%H:%M"
        + ":%S" * found["clock"].count(":", 4)
    )
    moment = datetime.strptime(f"{found['date']}T{found['clock']}", form) + timedelta(minutes=minutes)  # noqa: DTZ007
    return f"{moment:{form}}".replace("T", found["between"])


def _epoch(value: int | float, at: int, minutes: int) -> int | float:
    """A number that is the time, in milliseconds or seconds, so many minutes later; another as it is."""
    for unit in (1, 1_000):
        if value == at // unit or value == at / unit:
            return value + minutes * MINUTE_MS // unit
    return value


def _mapped(value: Any, leaf: Leaf) -> Any:
    if isinstance(value, Mapping):
        return {name: _mapped(each, leaf) for name, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, leaf) for each in value]
    return leaf(value)


def form_of(payload: Mapping[str, Any]) -> str:
    """A form as carriers send it: GHTK does not escape the + of the offset."""
    return "&".join(f"{name}={quote(str(value), safe='+:')}" for name, value in payload.items())


def _written(recipe: Recipe, payload: Any) -> str:
    if recipe.webhook is not None and recipe.webhook.body == "form":
        return form_of(payload)
    whole = payload if recipe.webhook is not None else [payload]
    return json.dumps(whole, ensure_ascii=False)
