"""Carriers, the formats they speak, and their keys."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeVar

import asyncpg
import typer
from rich.console import Console

from buuta.audit.carrier_page import page
from buuta.audit.samples import MINUTE_MS, Wanted, sample
from buuta.cli import polls, recipes, register
from buuta.cli.access import overlap
from buuta.cli.admin import with_database, with_named
from buuta.cli.conformance import carrier_check, known_zone
from buuta.cli.connect import connected
from buuta.cli.formats import folder_of, format_named
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named, must_exist
from buuta.errors import BadItem
from buuta.model.identifiers import CARRIER, SHARED
from buuta.model.networks import read_network
from buuta.model.statuses import Status
from buuta.model.zones import VIETNAM_ZONE, Zones, named_unless_vietnam
from buuta.settings import load
from buuta.storage.unlocking import open_vault
from buuta.telemetry.clock import now_ms
from services.ingest.carriers import all_recipes
from services.ingest.domain.keys import Kind, Limits, Scope
from services.ingest.registry.locksmith import Cut, Locksmith, Shown, changes_of, keys_of
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier

Result = TypeVar("Result")
console = Console()
carrier = typer.Typer(help="Carriers and their keys.", no_args_is_help=True)
key = typer.Typer(help="A carrier's keys: several can be valid at once.", no_args_is_help=True)
carrier.add_typer(key, name="key")
Code = Annotated[str, typer.Argument(help="The carrier's code.")]
NAMES: Final = {Kind.API: "API key", Kind.WEBHOOK: "webhook token", Kind.SIGNING: "key id"}


def with_locksmith(work: Callable[[Locksmith], Awaitable[Result]], carrier: str | None = None) -> Result:
    """Do some work on keys in one transaction, in the name of whoever runs the command.

    Raises:
        BadItem: there is no such carrier, where one is named.
    """

    async def run() -> Result:
        settings = load(IngestSettings)
        async with connected(settings) as pool, pool.acquire() as con:
            await must_exist(con, Named.CARRIER, carrier)
            vault = await open_vault(con, settings)
            async with con.transaction():
                return await work(Locksmith(con, vault, getpass.getuser()))

    return asyncio.run(run())


@carrier.command("add")
def carrier_add(
    code: Annotated[str, typer.Argument(help="Short code, lower case, such as ghn.")],
    name: Annotated[str, typer.Option(help="Name for people.")],
    format: Annotated[str, typer.Option(help="The format it speaks: `buuta carrier formats`.")] = "buuta",
    post: Annotated[
        bool, typer.Option("--post", help="A post: it shares parcels with S10 numbers with other posts.")
    ] = False,
    time_zone: Annotated[
        str, typer.Option(help="Where its clocks are: its times without an offset are read so.")
    ] = VIETNAM_ZONE,
) -> None:
    """Add a carrier; its API key and webhook token are shown once and kept as hashes."""
    if not CARRIER.fullmatch(code) or code == SHARED:
        raise BadItem(
            "carrier_invalid",
            f"a carrier code has 2 to 16 lower-case letters and digits, and is not {SHARED}",
        )
    recipe = format_named(format)
    added = Carrier(code, name, format, post, zones=Zones(named_unless_vietnam(known_zone(time_zone))))
    try:
        secret, token = with_locksmith(lambda smith: smith.add_carrier(added))
    except asyncpg.UniqueViolationError:
        raise BadItem("carrier_known", f"carrier {code} exists; rotate its key if it was lost") from None
    console.print(f"API key        {secret}\nwebhook token  {token}\nThey are not shown again.")
    webhook = recipe.webhook
    if webhook is not None and webhook.signature is not None:
        console.print(
            f"Its vendor signs, so that this token takes nothing yet: buuta carrier key add {code} --kind webhook "
            "--vendor-secret-file FILE makes one that knows its secret."
        )


@carrier.command("formats")
def carrier_formats(as_json: Json = False) -> None:
    """List the formats that are read, with their doors."""
    columns, rows = ("format", "title", "version", "codes", "webhook", "files"), []
    for each in all_recipes(load(IngestSettings).ingest_recipes).values():
        files = "its own columns, or Buuta's" if each.columns else "Buuta's columns"
        webhook = "" if each.webhook is None else f"/v1/webhooks/TOKEN/{each.format}"
        rows.append((each.format, each.title, each.version, len(each.codes), webhook, files))
    show(Listing(columns, rows), as_json)


@carrier.command("doc")
def carrier_doc(format_name: Annotated[str, typer.Argument(metavar="FORMAT")]) -> None:
    """Print a format's page for its integrators, as Markdown."""
    typer.echo(page(format_named(format_name), folder_of(format_name)), nl=False)


@carrier.command("sample")
def carrier_sample(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="`buuta carrier formats` lists them.")
    ],
    number: Annotated[str | None, typer.Option(help="Of this number.")] = None,
    status: Annotated[Status | None, typer.Option(help="With a code that says this.")] = None,
    minutes_ago: Annotated[int, typer.Option(min=0, help="Of so long ago.")] = 0,
) -> None:
    """Print a report as its carrier sends it, at a time of now: for a first `curl`, and for trying things.

    It is made from the format's own samples; a vendor's signature, where there is one, does not fit any more.
    """
    recipe = format_named(format_name)
    wanted = Wanted(now_ms() - minutes_ago * MINUTE_MS, number, status)
    typer.echo(sample(recipe, wanted, folder_of(format_name)))


@carrier.command("list")
def carrier_list(as_json: Json = False) -> None:
    """List the carriers."""
    rows = with_database(
        lambda pool: pool.fetch("select code, name, format, created_at from carriers order by 1")
    )
    show(Listing(("code", "name", "format", "since"), [tuple(row) for row in rows]), as_json)


@carrier.command("rotate-key", hidden=True, deprecated=True)
@key.command("rotate")
def key_rotate(
    code: Code,
    overlap_hours: Annotated[
        int, typer.Option(min=0, help="How long the old keys still hold; 0 where one has leaked.")
    ] = 24,
) -> None:
    """Make a new key for each that is valid; until the overlap ends old and new ones hold."""
    made = with_locksmith(lambda smith: smith.rotate(code, overlap_hours * 3600), code)
    if not made:
        raise BadItem("key_unknown", f"{code!r} has no valid key: buuta carrier key add {code}")
    _show_keys(made)
    console.print(overlap(overlap_hours))


@key.command("add")
def key_add(
    code: Code,
    kind: Annotated[Kind, typer.Option(help="How it is used.")] = Kind.API,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it opens; without any, everything.")
    ] = None,
    network: Annotated[list[str] | None, typer.Option(help="From where, such as 203.0.113.0/24.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How long it holds.")] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="For trying: nothing reaches parcels or customers.")
    ] = False,
    per_second: Annotated[int, typer.Option(min=1, help="Scans a second.")] = 50_000,
    per_day: Annotated[int, typer.Option(min=1, help="Scans a day.")] = 1_000_000_000,
    vendor_secret_file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Holds what the vendor signs its webhooks with; kept encrypted.",
        ),
    ] = None,
) -> None:
    """Make a key beside those that there are; it is shown once and kept as a hash."""
    vendor_secret = _vendor_secret(kind, vendor_secret_file)
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    limits = Limits(per_second, per_day)
    cut = Cut(kind, tuple(scope or Scope), _networks(network or ()), sandbox, limits, ends, vendor_secret)
    _show_keys([with_locksmith(lambda smith: smith.make(code, cut), code)])


def _vendor_secret(kind: Kind, file: Path | None) -> str | None:
    """What a vendor signs with, as it gave it to us."""
    if file is None:
        return None
    if kind is not Kind.WEBHOOK:
        raise BadItem("vendor_secret_unused", "a vendor signs webhooks: --kind webhook")
    secret = file.read_text(encoding="utf-8").strip()
    if not secret:
        raise BadItem(
            "vendor_secret_empty", f"{file} is empty: it holds the secret that the vendor gave you"
        )
    return secret


def _networks(asked: Sequence[str]) -> list[str]:
    try:
        return [str(read_network(each)) for each in asked]
    except ValueError as wrong:
        raise BadItem("network_invalid", f"{wrong}; write it as 203.0.113.0/24 or 2001:db8::/32") from None


@key.command("list")
def key_list(
    code: Annotated[str | None, typer.Argument(help="Only this carrier's.")] = None, as_json: Json = False
) -> None:
    """List keys with what they open and what they were used for."""
    columns = (
        "key",
        "carrier",
        "kind",
        "opens",
        "sandbox",
        "from",
        "until",
        "scans",
        "refused",
        "last used",
    )
    rows = [
        (
            row["id"],
            row["carrier"],
            row["kind"],
            row["scopes"],
            row["sandbox"],
            row["addresses"] or "anywhere",
            row["expires_at"],
            int(row["scans"] or 0),
            int(row["refused"] or 0),
            row["last_at"],
        )
        for row in with_named(Named.CARRIER, code, lambda pool: keys_of(pool, code))
    ]
    show(Listing(columns, rows), as_json)


@key.command("changes")
def key_changes(
    code: Annotated[str | None, typer.Argument(help="Only this carrier's.")] = None, as_json: Json = False
) -> None:
    """Show what was done with keys, when, and by whom."""
    rows = with_named(Named.CARRIER, code, lambda pool: changes_of(pool, code))
    show(Listing(("when", "key", "carrier", "kind", "what", "by"), [tuple(row) for row in rows]), as_json)


@key.command("revoke")
def key_revoke(code: Code, number: Annotated[int, typer.Argument(help="The key's number.")]) -> None:
    """End a key; it stops within five seconds."""
    if not with_locksmith(lambda smith: smith.expire(code, number, 0), code):
        raise BadItem("key_unknown", f"{code} has no valid key {number}: buuta carrier key list {code}")
    console.print(f"Key {number} has ended.")


def _show_keys(made: Sequence[Shown]) -> None:
    for each in made:
        console.print(f"{NAMES[each.kind]:<15}{each.key}", markup=False)
        if each.signing_secret is not None:
            console.print(f"{'signing secret':<15}{each.signing_secret}", markup=False)
    console.print("They are not shown again.")


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    carrier.command("check")(carrier_check)
    register.add_to(carrier)
    polls.add_to(carrier)
    recipes.add_to(carrier)
    app.add_typer(carrier, name="carrier")
