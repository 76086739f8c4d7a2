"""`buuta carrier check`: an integrator sees what would become of samples before anything is sent."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console

from buuta.audit.conformance import Conformance, Timeline, Verdict, as_json, check, read_samples
from buuta.causes import because
from buuta.cli.formats import format_named
from buuta.errors import BadItem, Retry
from buuta.model.scan import Scan
from buuta.model.zones import VIETNAM_ZONE, Zones, is_zone, named_unless_vietnam, one_zone, told_among
from buuta.telemetry.clock import now_ms
from services.ingest.domain.document import document_of
from services.ingest.domain.recipe import Receipt, Recipe
from services.ingest.jobs import FORMAT

console = Console()
MOST_SHOWN: Final = 20
SECONDS: Final = 20


def carrier_check(
    format_name: Annotated[str, typer.Option("--format", help="The format: `buuta carrier formats`.")],
    file: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            resolve_path=True,
            help="Samples: JSON, a JSON or form a line, CSV, XLSX.",
        ),
    ],
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    time_zone: Annotated[
        str,
        typer.Option(help="The carrier's time zone, as in the register: times without an offset are its."),
    ] = VIETNAM_ZONE,
    url: Annotated[
        str | None, typer.Option(help="Send them to this ingest, too, by a sandbox key.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="A sandbox key: the webhook token, bw_…, or the API key, bk_….")
    ] = None,
) -> None:
    """Show what would be accepted, how it would be mapped, what is unmapped, and how parcels would look.

    Nothing is stored or sent, unless you name an ingest and a sandbox key. Exit code 0: all is well; 1: codes are
    unmapped, or something is missing for the delivery-to-address rate; 2: something would be refused.
    """
    recipe = format_named(format_name)
    zones = Zones(named_unless_vietnam(known_zone(time_zone)))
    receipt = Receipt(format_name, "webhook", now_ms(), zones=zones)
    found = check(recipe, receipt, read_samples(recipe, file))
    if json_:
        typer.echo(as_json(found))
    else:
        _print(recipe, found)
    live = _live(url, key, recipe, file, found) if url is not None else 0
    sys.exit(max(found.exit_code, live))


def known_zone(name: str) -> str:
    """The same, if it is the name of a time zone.

    Raises:
        BadItem: it is none.
    """
    if not is_zone(name):
        raise BadItem(
            "zone_unknown", "there is no such time zone; a zone's name is such as Asia/Ho_Chi_Minh"
        )
    return name


def _print(recipe: Recipe, found: Conformance) -> None:
    zone = one_zone(each.scan.zone for each in found.verdicts if each.scan is not None)
    for verdict in found.verdicts[:MOST_SHOWN]:
        _say(f"{verdict.place:<10}  {verdict.result:<11}  {_meaning(verdict, zone)}")
    if len(found.verdicts) > MOST_SHOWN:
        _say(f"... and {len(found.verdicts) - MOST_SHOWN} more; --json shows all")
    results = ("accepted", "duplicate", "ignored", "quarantined", "rejected")
    _say(f"\n{recipe.title}: {', '.join(f'{found.count(each)} {each}' for each in results)}.")
    for code, count in found.unmapped.most_common():
        _say(f"unmapped  {code}: {count} reports would wait in quarantine until it is mapped")
    for says in found.missing:
        _say(f"missing   {says}")
    for says in found.notes:
        _say(f"note      {says}")
    for timeline in found.timelines[:MOST_SHOWN]:
        _print_timeline(timeline, zone)


def _meaning(verdict: Verdict, zone: str | None) -> str:
    scan = verdict.scan
    if scan is None:
        return verdict.says
    words = " ".join(filter(None, (scan.status, scan.reason, scan.delivery_mode)))
    reported = ", reported by the courier" if scan.provisional else ""
    doubtful = f" ({verdict.says})" if verdict.says else ""
    return f"{_when(scan, zone)}  {scan.number}  {scan.raw_code} = {words}{reported}{doubtful}"


def _when(scan: Scan, zone: str | None) -> str:
    return told_among(scan.occurred_at, scan.zone, zone, day_only=scan.day_only)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_timeline(timeline: Timeline, zone: str | None) -> None:
    parcel = timeline.parcel
    ended = f", {parcel.outcome}" if parcel.outcome else ""
    _say(f"\n{timeline.number}: {parcel.status or 'nothing that steers'}{ended}")
    for scan in timeline.scans:
        reason = f" ({scan.reason})" if scan.reason else ""
        _say(f"  {_when(scan, zone)}  {scan.status}{reason}")
    for name in timeline.findings:
        _say(f"  finding: {name}")


def _live(url: str, key: str | None, recipe: Recipe, file: Path, found: Conformance) -> int:
    """Send each sample by its door and compare; 2 where an answer is another than was said."""
    if recipe.webhook is not None and recipe.webhook.signature is not None:
        raise BadItem(
            "signature_wanted", f"{recipe.format} is signed by its vendor, and not by us: leave --url out"
        )
    if key is None:
        raise BadItem(
            "key_missing", "name a sandbox key by --key: a webhook token where the format has a webhook"
        )
    keeps = _webhook if recipe.webhook is not None else DOORS.get(recipe.format, _batch)
    never_refuse = recipe.webhook is not None and recipe.webhook.never_refuse
    differing = 0
    samples = list(read_samples(recipe, file))
    try:
        with httpx.Client(base_url=url, timeout=SECONDS) as client:
            for sample, verdict in zip(samples, found.verdicts, strict=True):
                kept = keeps(client, key, recipe.format, sample.payload)
                differing += kept == (verdict.result == "rejected" and not never_refuse)
    except httpx.TransportError as away:
        raise Retry(f"{url} does not answer: {because(away)}") from None
    console.print(f"live: {len(samples)} sent, {differing} answered otherwise than was said here")
    return 2 if differing else 0


def _webhook(client: httpx.Client, token: str, format_name: str, payload: Any) -> bool:
    """Whether the webhook keeps it."""
    return client.post(f"/v1/webhooks/{token}/{format_name}", json=payload).status_code == httpx.codes.OK


def _batch(client: httpx.Client, key: str, _: str, payload: Any) -> bool:
    """Whether it is taken as an item."""
    answer = client.post("/v1/scans", json=[payload], headers={"Authorization": f"Bearer {key}"})
    return answer.status_code == httpx.codes.OK and answer.json()[0]["result"] != "rejected"


def _capture(client: httpx.Client, key: str, _: str, payload: Any) -> bool:
    """Whether it is captured as an event of a document."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.post("/epcis/capture", json=document_of([payload]), headers=headers)
    if answer.status_code != httpx.codes.ACCEPTED:
        return False
    return bool(client.get(answer.headers["location"], headers=headers).json()["success"])


Keeps = Callable[[httpx.Client, str, str, Any], bool]
DOORS: Final[Mapping[str, Keeps]] = {FORMAT: _capture}
"""Formats with a door of their own; others are items of a batch."""
