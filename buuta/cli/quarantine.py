"""The quarantine: look at what waits, map a code, send on what waited for it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from getpass import getuser
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from buuta.audit.preview import Preview, preview
from buuta.cli.admin import with_database
from buuta.cli.connect import connected, producing
from buuta.contracts import registry
from buuta.contracts.codec import Codec
from buuta.errors import BadItem
from buuta.model.scan import Scan
from buuta.model.statuses import DeliveryMode, Reason, Status
from buuta.model.times import DAY_MS
from buuta.settings import load
from buuta.storage.vault import Vault, read_master_key
from buuta.telemetry.clock import now_ms
from services.ingest.carriers import all_recipes
from services.ingest.domain.recipe import CodeRow
from services.ingest.keeping import Keeping
from services.ingest.quarantine import desk, held
from services.ingest.quarantine.desk import NewCode, Way
from services.ingest.quarantine.held import HeldReport, Wanted
from services.ingest.quarantine.replay import Keys, Reread
from services.ingest.settings import IngestSettings
from services.notifier.chunks import HOUR_MS, ChunkPlan
from services.notifier.settings import NotifierSettings
from services.tracker.chunks import ChunkFold

console = Console()
quarantine = typer.Typer(
    help="Reports whose code or identity nobody knows: look, map, send on, drop.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(min=1, help="The report's number.")]
Carrier = Annotated[str | None, typer.Option(help="Only this carrier's.")]
Code = Annotated[str | None, typer.Option(help="Only those with this raw code.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would change and what would be sent.")
]


@quarantine.command("list")
def list_(
    carrier: Carrier = None,
    reports: Annotated[bool, typer.Option("--reports", help="Every report, with its number.")] = False,
    code: Code = None,
) -> None:
    """Show what waits: by carrier, reason and code, or report by report."""
    if reports or code is not None:
        _list_reports(with_database(lambda pool: held.waiting(pool, Wanted(carrier, code))))
        return
    rows = [row for row in with_database(held.summary) if carrier in (None, row["carrier"])]
    table = Table("carrier", "reason", "code", "reports", "oldest")
    for row in rows:
        table.add_row(
            row["carrier"], row["reason"], row["raw_code"], str(row["reports"]), _age(row["oldest"])
        )
    console.print(table if rows else "Nothing waits.")


def _list_reports(found: Sequence[HeldReport]) -> None:
    table = Table("number", "carrier", "door", "reason", "code", "age")
    for each in found:
        table.add_row(
            str(each.number), each.carrier, each.door, each.reason, each.raw_code, _age(each.received_at)
        )
    console.print(table if found else "Nothing waits.")


def _age(since: datetime) -> str:
    seconds = int((datetime.now(UTC) - since).total_seconds())
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {name}"
    return f"{seconds} s"


@quarantine.command()
def show(number: Number) -> None:
    """Show one report, decrypted; personal fields that its recipe names were dropped when it came."""
    report = with_database(lambda pool: held.one(pool, number))
    if report is None:
        raise BadItem("report_unknown", f"there is no report {number}: buuta quarantine list --reports")
    vault = Vault(read_master_key(load(IngestSettings).master_key))
    plain = vault.open_payload(report.payload)
    state = f"{report.state}: {report.why}" if report.why else report.state
    console.print(
        f"{report.carrier} by {report.door} at {report.received_at:%Y-%m-%d %H:%M:%S %Z}, {report.reason}; {state}",
        markup=False,
    )
    try:
        console.print_json(json.dumps(json.loads(plain)))
    except ValueError:
        console.print(repr(plain), markup=False)


@quarantine.command("map")
def map_(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="Whose code: buuta carrier formats.")
    ],
    code: Annotated[str, typer.Argument(help="The raw code, as it came.")],
    status: Annotated[Status | None, typer.Option(help="What it means.")] = None,
    no_movement: Annotated[bool, typer.Option("--no-movement", help="It is no movement.")] = False,
    reason: Annotated[Reason | None, typer.Option(help="Why, where it says so.")] = None,
    mode: Annotated[DeliveryMode | None, typer.Option(help="How it was handed over.")] = None,
    provisional: Annotated[bool, typer.Option("--provisional", help="Not yet confirmed.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Say what a code means, and send on what waited for it, in the time at which it happened.

    Ingest knows it within five seconds. Nobody is told of what happened too long ago.
    """
    if (status is None) != no_movement:
        raise BadItem("status_missing", "give --status, or say --no-movement")
    recipes = all_recipes(load(IngestSettings).ingest_recipes)
    if format_name not in recipes:
        raise BadItem("format_unknown", f"no such format; there are {', '.join(recipes)}")
    row = CodeRow(status, reason, provisional, mode)
    asyncio.run(_replayed(Wanted(raw_code=code), NewCode(format_name, code, row, getuser()), dry_run))


@quarantine.command()
def replay(
    carrier: Carrier = None,
    code: Code = None,
    number: Annotated[int | None, typer.Option(help="Only this report.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Read what waits once more, after a recipe was put right, and send on what can be read now."""
    asyncio.run(_replayed(Wanted(carrier, code, number), None, dry_run))


@quarantine.command()
def drop(
    why: Annotated[str, typer.Option(help="For who asks later; nothing personal.")],
    carrier: Carrier = None,
    code: Code = None,
    number: Annotated[int | None, typer.Option(help="Only this report.")] = None,
) -> None:
    """Say that reports need no more looking at; they are kept."""
    if carrier is None and number is None:
        raise BadItem("reports_missing", "name a report by --number, or a --carrier")

    dropped = with_database(lambda pool: desk.drop(pool, Wanted(carrier, code, number), why))
    console.print(f"{dropped} dropped.")


@dataclass(frozen=True)
class Place:
    """What reading once more stands on."""

    settings: IngestSettings
    vault: Vault
    pool: Any
    con: Any


@contextlib.asynccontextmanager
async def _place() -> AsyncIterator[Place]:
    settings = load(IngestSettings)
    vault = Vault(read_master_key(settings.master_key))
    async with connected(settings) as pool, pool.acquire() as con:
        yield Place(settings, vault, pool, con)


async def _replayed(wanted: Wanted, mapping: NewCode | None, dry_run: bool) -> None:
    async with _place() as at:
        async with desk.transaction(at.con, dry_run=dry_run):
            recipes = all_recipes(at.settings.ingest_recipes)
            found = await desk.reread(at.con, recipes, Keys(at.vault, Codec()), wanted, mapping)
            if dry_run:
                _print_preview(await _previewed(at, found.scans), found)
        if dry_run:
            return
        await _send(at, found)
        console.print(f"{len(found.settled)} sent on, {len(found.still)} wait on.")


async def _previewed(at: Place, scans: Sequence[Scan]) -> Preview:
    async with registry.opened(at.settings.schema_registry_url) as codec:
        fold = ChunkFold(codec, at.settings.epoch_gap_days * DAY_MS, most_folded=None)
        plan = ChunkPlan(at.vault, load(NotifierSettings).tell_within_hours * HOUR_MS)
        return await preview(at.con, fold, plan, scans, now_ms())


def _print_preview(seen: Preview, found: Reread) -> None:
    console.print(f"{len(found.settled)} would be sent on, {len(found.still)} would wait on.")
    console.print(f"{seen.history} scans would be new in the history.")
    for (before, after), count in sorted(seen.statuses.items()):
        if before != after:
            console.print(f"{count} parcels: {before} -> {after}", markup=False)
    messages = ", ".join(f"{count} {channel}" for channel, count in sorted(seen.messages.items()))
    console.print(f"Messages that would go: {messages or 'none'}.")


async def _send(at: Place, found: Reread) -> None:
    keeping = Keeping(at.pool, at.vault, partial(held.hold, at.pool))
    async with (
        registry.opened(at.settings.schema_registry_url) as codec,
        producing(at.settings) as producer,
    ):
        way = Way(partial(producer.send_keyed, at.settings.events_topic), keeping.take)
        await desk.send_on(at.con, way, codec, found)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(quarantine, name="quarantine")
