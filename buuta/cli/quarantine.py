"""The quarantine: look at what waits, map a code, send on what waited for it."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import partial
from getpass import getuser
from typing import Annotated, Any, Final

import structlog
import typer
from rich.console import Console

from buuta.audit.preview import Preview, preview
from buuta.cli.admin import with_database, with_vault
from buuta.cli.connect import connected, producing
from buuta.cli.formats import format_named
from buuta.cli.listing import Json, Listing, said
from buuta.cli.listing import show as show_rows
from buuta.cli.names import Named, must_exist
from buuta.contracts import registry
from buuta.errors import BadItem, Unopenable
from buuta.model.scan import Scan
from buuta.model.shown import has_few_digits
from buuta.model.statuses import DeliveryMode, Reason, Status
from buuta.settings import load
from buuta.storage.unlocking import open_vault
from buuta.storage.vault import Vault
from buuta.telemetry.clock import now_ms
from buuta.telemetry.logs import WITNESS
from services.ingest.carriers import all_recipes
from services.ingest.domain.codes import CodeRow
from services.ingest.domain.doubts import in_sum
from services.ingest.domain.personal import shown
from services.ingest.keeping import Keeping
from services.ingest.quarantine import desk, held
from services.ingest.quarantine.desk import Desk, Done, NewCode, Way
from services.ingest.quarantine.held import HeldReport, Waiting, Wanted
from services.ingest.quarantine.replay import Keys
from services.ingest.settings import IngestSettings
from services.notifier.chunks import ChunkPlan
from services.notifier.settings import NotifierSettings
from services.tracker.chunks import ChunkFold

log = structlog.get_logger(WITNESS)
console = Console()
PREVIEWED_PAGES: Final = 100
"""So many pages are tried in a dry run: 20,000 reports."""
SPEAK: Final = "select code from carriers where format = $1"
CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,24}")
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
    as_json: Json = False,
) -> None:
    """Show what waits: by carrier, reason and code, or report by report."""
    with_database(lambda pool: must_exist(pool, Named.CARRIER, carrier))
    if reports or code is not None:
        _list_reports(*with_vault(partial(_reports, carrier, code)), as_json)
        return
    rows, codes = with_vault(_summary)
    cells = [
        (row.carrier, row.reason, _shown(codes[row.example]), row.mark, row.reports, _age(row.oldest))
        for row in rows
        if carrier in (None, row.carrier)
    ]
    columns = ("carrier", "reason", "code", "mark", "reports", "oldest")
    show_rows(Listing(columns, cells, "Nothing waits."), as_json)


async def _summary(pool: Any, vault: Vault) -> tuple[Sequence[Waiting], dict[int, str]]:
    rows = await held.summary(pool)
    return rows, await held.codes_of(pool, vault, rows)


async def _reports(
    carrier: str | None, code: str | None, pool: Any, vault: Vault
) -> tuple[Sequence[HeldReport], Vault]:
    return await held.waiting(pool, Wanted(carrier, held.hash_named(vault, code))), vault


def _shown(code: str) -> str:
    """A code that looks like one; what may be a name, a telephone number or an address only `show` tells."""
    return code if CODE.fullmatch(code) and has_few_digits(code) else ""


def _list_reports(found: Sequence[HeldReport], vault: Vault, as_json: bool) -> None:
    cells = [
        (
            each.number,
            each.carrier,
            each.door,
            each.reason,
            _shown(_code(each, vault)),
            _age(each.received_at),
        )
        for each in found
    ]
    columns = ("number", "carrier", "door", "reason", "code", "age")
    show_rows(Listing(columns, cells, "Nothing waits."), as_json)


def _code(report: HeldReport, vault: Vault) -> str:
    try:
        return report.raw_code(vault)
    except Unopenable:
        return ""


def _age(since: datetime) -> timedelta:
    return timedelta(seconds=int((datetime.now(UTC) - since).total_seconds()))


@quarantine.command()
def show(number: Number) -> None:
    """Show one report, decrypted; personal fields that its recipe names were dropped when it came."""

    async def work(pool: Any, vault: Vault) -> tuple[HeldReport, bytes, str]:
        report = await held.one(pool, number)
        if report is None:
            raise BadItem("report_unknown", f"there is no report {number}: buuta quarantine list --reports")
        return report, report.opened(vault), report.raw_code(vault)

    report, plain, code = with_vault(work)
    log.info("quarantine_shown", number=number, by=getuser())
    state = f"{report.state}: {report.why}" if report.why else report.state
    console.print(
        f"{report.carrier} by {report.door} at {said(report.received_at)}, {report.reason}; {state}",
        markup=False,
    )
    if code:
        console.print(f"code: {code}", markup=False)
    try:
        console.print_json(json.dumps(json.loads(shown(plain))))
    except ValueError:
        console.print(repr(plain), markup=False)


@quarantine.command("map")
def map_(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="Whose code: buuta carrier formats.")
    ],
    code: Annotated[str, typer.Argument(help="The raw code as it came, or its mark.")],
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
    format_named(format_name)
    row = CodeRow(status, reason, provisional, mode)
    code = with_vault(lambda pool, vault: held.code_named(pool, vault, code))
    waited = with_vault(partial(_codes, format_name))
    asyncio.run(_replayed(Chosen(code=code), NewCode(format_name, code, row, getuser()), dry_run))
    if code not in waited:
        typer.echo(_nobody_sent(format_name, code, waited), err=True)


async def _codes(format_name: str, pool: Any, vault: Vault) -> set[str]:
    """The codes of a format's carriers that wait."""
    carriers = {row["code"] for row in await pool.fetch(SPEAK, format_name)}
    rows = [row for row in await held.summary(pool) if row.carrier in carriers]
    return set((await held.codes_of(pool, vault, rows)).values())


def _nobody_sent(format_name: str, code: str, waited: set[str]) -> str:
    """The sentence on a mapping for which nothing waited: it may be a slip of the pen."""
    said = f"Warning: no report of {format_name} with the code {code!r} waits"
    near = [each for each in get_close_matches(code, waited, 1) if _shown(each)]
    if near:
        return f"{said}; did you mean {near[0]!r}?"
    return f"{said}. The mapping is kept for when one comes; buuta quarantine list shows what waits."


@quarantine.command()
def replay(
    carrier: Carrier = None,
    code: Code = None,
    number: Annotated[int | None, typer.Option(help="Only this report.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Read what waits once more, after a recipe was put right, and send on what can be read now."""
    with_database(lambda pool: must_exist(pool, Named.CARRIER, carrier))
    asyncio.run(_replayed(Chosen(carrier, code, number), None, dry_run))


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

    chosen = Chosen(carrier, code, number)
    with_database(lambda pool: must_exist(pool, Named.CARRIER, carrier))
    dropped = with_vault(lambda pool, vault: desk.drop(pool, chosen.wanted(vault), why))
    if not dropped:
        raise BadItem("reports_unknown", "no such report waits: buuta quarantine list --reports")
    console.print(f"{dropped} dropped.")


@dataclass(frozen=True)
class Chosen:
    """Which reports are meant; a code as it came or by its mark."""

    carrier: str | None = None
    code: str | None = None
    number: int | None = None

    def wanted(self, vault: Vault) -> Wanted:
        """The same for the quarantine."""
        return Wanted(self.carrier, held.hash_named(vault, self.code), self.number)


@dataclass(frozen=True)
class Place:
    """What reading once more stands on."""

    settings: IngestSettings
    vault: Vault
    pool: Any


@contextlib.asynccontextmanager
async def _place() -> AsyncIterator[Place]:
    settings = load(IngestSettings)
    async with connected(settings) as pool:
        yield Place(settings, await open_vault(pool, settings), pool)


async def _replayed(chosen: Chosen, mapping: NewCode | None, dry_run: bool) -> None:
    async with _place() as at, registry.opened(at.settings.schema_registry_url) as codec:
        recipes, wanted = all_recipes(at.settings.ingest_recipes), chosen.wanted(at.vault)
        work = Desk(at.pool, Keys(at.vault, codec), recipes, None)
        if dry_run:
            done = await desk.replay(work, wanted, mapping, pages=PREVIEWED_PAGES)
            _print_preview(await _previewed(at, done.scans), done)
            return
        async with producing(at.settings) as producer:
            keeping = Keeping(at.pool, at.vault, partial(held.hold, at.pool))
            way = Way(partial(producer.send_keyed, at.settings.events_topic), keeping.take)
            done = await desk.replay(replace(work, way=way), wanted, mapping)
        console.print(f"{done.sent} sent on, {done.waits} wait on.")
        console.print(*in_sum(done.doubts), sep="\n", end="")


async def _previewed(at: Place, scans: Sequence[Scan]) -> Preview:
    async with registry.opened(at.settings.schema_registry_url) as codec:
        fold = ChunkFold(codec, at.settings.epoch_gaps, most_folded=None)
        plan = ChunkPlan(at.vault, load(NotifierSettings))
        async with at.pool.acquire() as con:
            return await preview(con, fold, plan, scans, now_ms())


def _print_preview(seen: Preview, done: Done) -> None:
    if done.more:
        console.print(f"Of the oldest {done.sent + done.waits} reports:")
    console.print(f"{done.sent} would be sent on, {done.waits} would wait on.")
    console.print(f"{seen.history} scans would be new in the history.")
    console.print(*in_sum(done.doubts), sep="\n", end="")
    for (before, after), count in sorted(seen.statuses.items()):
        if before != after:
            console.print(f"{count} parcels: {before} -> {after}", markup=False)
    messages = ", ".join(f"{count} {channel}" for channel, count in sorted(seen.messages.items()))
    console.print(f"Messages that would go: {messages or 'none'}.")


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(quarantine, name="quarantine")
