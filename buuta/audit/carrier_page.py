"""`buuta carrier doc`: a format's page for its integrators, from its recipe and its first golden pair."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from buuta.model.zones import offset_name
from services.ingest.carriers.loading import golden
from services.ingest.domain.codes import CodeRow, Source
from services.ingest.domain.document import document_of
from services.ingest.domain.forms import NAMED
from services.ingest.domain.recipe import Recipe
from services.ingest.domain.times import Times
from services.ingest.jobs import FORMAT, MOST_ERRORS, MOST_WARNINGS

Pair = Mapping[str, Any]
JOBS: Final = (
    "`summary` counts events and scans. `skipped` names events that are right and move no parcel, and "
    "why: products, TransactionEvents, types of your own. `quarantine` says what waits for a code that "
    "nobody has mapped, and where you read it (`GET /v1/quarantine`, by a key with the scope `read`). A "
    "repeated `eventID` with other content is the error `event_id_conflict` (409), which names the "
    "fields: the first stands.",
    "Words of the CBV may be bare, urns (`urn:epcglobal:cbv:bizstep:departing`) or web URIs "
    "(`https://ref.gs1.org/cbv/BizStep-departing`); parcels are SSCCs (urn or GS1 Digital Link) or "
    "`urn:buuta:parcel:NUMBER`. Contexts are known by GS1's addresses and never fetched. Fields of your "
    "own, with a prefix, may stand in every part, and are not kept. A name that stands twice in an object "
    "is refused.",
)
"""What else is to be known of EPCIS here: answers, and forms."""
SOURCES: Final = {
    Source.VENDOR: "the vendor's document",
    Source.PUBLIC_CODE: "integrators' public code",
    Source.OBSERVED: "observed",
    Source.OWN: "our own",
}
"""Where a code is from, in words."""


def page(recipe: Recipe, folder: Path | None = None) -> str:
    """The page as Markdown; a test holds `docs/carriers/` to it and runs its commands.

    `folder` is the carrier's, where the format is none of ours.
    """
    tables = f"services/ingest/carriers/{recipe.format}" if folder is None else folder
    pairs = [pair for pair in golden(recipe.format, folder) if pair.keys() & {"scan", "events"}]
    parts = [
        f"# {recipe.title}\n\nFormat `{recipe.format}`, version {recipe.version}. This page is made from "
        f"`{tables}/` by `buuta carrier doc {recipe.format}`.",
        "## A first scan",
        "`$INGEST` is where ingest listens; the keys are those that `buuta carrier add` showed. A sandbox key "
        "(`buuta carrier key add CODE --sandbox`) hears the same and moves nothing.",
        *_doors(recipe, pairs),
        "## Before you send anything",
        f"`buuta carrier check --format {recipe.format} --file samples.json` shows what would become of your own "
        "samples: what is accepted, how it is mapped, what is unmapped, what the delivery-to-address rate misses.",
        "## What makes an event",
        f"Its id is made of {_list(recipe.identity)}, so that the same event through two doors, or sent twice, "
        "counts once. After a 503, a 429 or no answer, send the same again.",
        "## Times",
        *_times(recipe),
        *_readable(recipe),
        *_personal(recipe),
        "## Codes",
        "A code that is not here waits in quarantine until a person maps it; it is never guessed.",
        _codes(recipe.codes),
        *_reasons(recipe),
        *_sources(recipe),
    ]
    return "\n\n".join(parts) + "\n"


def _readable(recipe: Recipe) -> Iterator[str]:
    """What is refused and what costs itself alone; EPCIS has rules of GS1's own."""
    if recipe.format == FORMAT:
        return
    yield "## What is refused, and what is left out"
    yield (
        "A report without a number, a code or a time that can be read is refused. What else does not fit (a "
        "facility that is no code, a reason that is no text, a field that there is not) is left out: the report "
        "comes in, and the answer says in `notes` which field it was and what to fix. Numbers may be texts and "
        "texts numbers, codes are compared in any case, and `4.0` and `04` are `4`; a number that has lost digits "
        "(`1.68406E+12`) is refused."
    )
    if recipe.webhook is not None and recipe.webhook.body != "xml":
        yield (
            "A webhook's body is read as it begins, whatever its header says: JSON (one report, or an array), a "
            "form, a multipart form, packed by gzip, deflate or zstd, or not."
        )


def _sources(recipe: Recipe) -> Iterator[str]:
    if recipe.sources:
        yield "## Where the codes are from"
        yield "\n".join(f"- **{SOURCES[source]}**: {said}." for source, said in recipe.sources.items())


def _doors(recipe: Recipe, pairs: Sequence[Pair]) -> Iterator[str]:
    if recipe.webhook is not None:
        yield "By its webhook:"
        yield _webhook(recipe, pairs)
    if recipe.format == FORMAT:
        yield (
            "By GS1's own capture interface; `Location` names the job, which tells what is wrong with which "
            "event. One wrong event keeps all out, unless you send `GS1-Capture-Error-Behaviour: proceed`. "
            "A bag's events are events of the parcels in it, by its AggregationEvents, whichever come first."
        )
        yield (
            f"A job keeps its first {MOST_ERRORS} errors, each with the place of its event from 0 on (`event`). "
            "Where more are wrong, one more error of the code `more_errors` stands behind them: its `event` is the "
            "first of those that are not listed, its `detail` says how many they are. "
            f"Of `warnings` it keeps {MOST_WARNINGS}."
        )
        yield from JOBS
        yield _fenced(_document(pairs))
        yield (
            "As a file of up to 100 MB: `buuta ingest file events.json --carrier CODE`. "
            "What is wrong with which event, the first being 1, stands in `events.json.rejected.csv`."
        )
    yield "As an item of a batch (a JSON array, NDJSON or an Avro container; gzip or zstd), an answer for each:"
    code = next((code for code, row in recipe.codes.items() if row.status is not None), "CODE")
    item = {"number": "EJ012345678VN", "code": code, "occurred_at": "2026-11-24T09:30:00+07:00"}
    if "natural_id" in recipe.identity:
        item["natural_id"] = "5f2b6c1e"
    yield _fenced(
        "curl -s $INGEST/v1/scans -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\\n"
        f"  -d '{json.dumps([item], ensure_ascii=False)}'"
    )
    if recipe.columns:
        columns = ", ".join(" or ".join(f"`{name}`" for name in names) for names in recipe.columns)
        yield (
            f"As a file, CSV or XLSX, with the columns {columns} (number, code, time): "
            "`buuta ingest file scans.csv --carrier CODE`."
        )


def _webhook(recipe: Recipe, pairs: Sequence[Pair]) -> str:
    """A request by the first pair that shows one, or where requests go."""
    address = f"$INGEST/v1/webhooks/$TOKEN/{recipe.format}"
    pair = next((pair for pair in pairs if pair.keys() & {"body", "payload"}), None)
    if pair is None:
        return f"`{address}`"
    headers = "".join(f" -H '{name}: {value}'" for name, value in pair.get("headers", {}).items())
    body = pair.get("body") or json.dumps(pair["payload"], ensure_ascii=False)
    return _fenced(f"curl -s {address} -H 'Content-Type: application/json'{headers} \\\n  -d '{body}'")


def _document(pairs: Sequence[Pair]) -> str:
    events = [pair["payload"] for pair in pairs]
    return (
        "curl -si $INGEST/epcis/capture -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\\n"
        f"  -d '{json.dumps(document_of(events[:1]), ensure_ascii=False)}'"
    )


def _times(recipe: Recipe) -> Iterator[str]:
    own = [form for form in recipe.times.forms if form not in NAMED]
    forms = f"{_list(own)}, with or without seconds; or as ISO 8601" if own else "ISO 8601"
    yield (
        f"Times are written as {forms}; a count of seconds or milliseconds since 1970 is read, too. A date alone "
        "is a day: it comes after all else of that day and is told without a clock, never as midnight."
    )
    if recipe.format != FORMAT:
        yield f"{_offset(recipe.times)} A named zone in brackets (`[Asia/Tokyo]`) is read, too."
    yield (
        "What lies more than 10 minutes after its receipt counts from its receipt (`time_ahead`); what lies more "
        "than a year before it is kept and does not steer the parcel (`time_too_old`, `steers` is false). The "
        "answer says so."
    )


def _offset(times: Times) -> str:
    if times.zone is not None:
        return f"A time without an offset from UTC is read in the zone {times.zone}."
    if times.assumed_minutes is not None:
        return f"A time without an offset from UTC is read as {offset_name(times.assumed_minutes)}."
    return (
        "A time without an offset from UTC is read in the time zone of its facility, or else in yours, as the "
        "register has it (`time_zone`), with its summer time."
    )


def _personal(recipe: Recipe) -> Iterator[str]:
    if recipe.personal:
        yield "## What is dropped"
        yield (
            f"Personal fields are taken out before anything is kept: {_list(sorted(recipe.personal))} "
            "(in any case, at any depth). Free text goes nowhere."
        )


def _codes(codes: Mapping[str, CodeRow]) -> str:
    lines = ["| code | means | | there | from |", "| --- | --- | --- | --- | --- |"]
    for code, row in codes.items():
        means = "no movement" if row.status is None else row.status.value
        more = [row.reason and row.reason.value, row.mode and row.mode.value]
        if row.direction is not None:
            more.append(row.direction.value)
        if row.provisional:
            more.append("reported by the courier, not confirmed")
        source = "" if row.source is None else SOURCES[row.source]
        lines.append(f"| `{code}` | {means} | {', '.join(filter(None, more))} | {row.words} | {source} |")
    return "\n".join(lines)


def _reasons(recipe: Recipe) -> Iterator[str]:
    if recipe.reasons:
        yield "## Reasons"
        yield "A reason that is not here is `unknown`; the report comes in all the same."
        rows = (f"| `{code}` | {reason.value} |" for code, reason in recipe.reasons.items())
        yield "\n".join(["| code | means |", "| --- | --- |", *rows])


def _fenced(command: str) -> str:
    return f"```sh\n{command}\n```"


def _list(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
