"""Setting up: migrations, topics, carriers, shippers, the switch, settings."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from buuta.cli.connect import connected
from buuta.errors import BadItem
from buuta.model.identifiers import CARRIER
from buuta.settings import SharedSettings, describe, load
from buuta.storage.migrate import migrate as apply_migrations
from buuta.streaming.topics import create_topics
from services.ingest.carriers import all_recipes
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier, add_carrier, rotate_key
from services.notifier.settings import NotifierSettings
from services.portal.storage import add_shipper

Result = TypeVar("Result")
console = Console()
topics = typer.Typer(help="Kafka topics.", no_args_is_help=True)
carrier = typer.Typer(help="Carriers and their keys.", no_args_is_help=True)
shipper = typer.Typer(help="Shippers and their keys.", no_args_is_help=True)
messages = typer.Typer(help="Outgoing messages: what is in doubt, and the switch.", no_args_is_help=True)


def with_database(work: Callable[[Any], Awaitable[Result]]) -> Result:
    """Run `work` with a pool."""

    async def run() -> Result:
        async with connected(load(SharedSettings)) as pool:
            return await work(pool)

    return asyncio.run(run())


def migrate() -> None:
    """Bring the database up to date; several may run this at once."""

    async def work(pool: Any) -> list[str]:
        async with pool.acquire() as con:
            return await apply_migrations(con)

    applied = with_database(work)
    console.print("\n".join(applied) if applied else "Nothing to do: the database is up to date.")


@topics.command("create")
def topics_create() -> None:
    """Create the topics that are missing."""
    created = asyncio.run(create_topics(load(SharedSettings)))
    console.print("\n".join(created) if created else "Nothing to do: all topics exist.")


@carrier.command("add")
def carrier_add(
    code: Annotated[str, typer.Argument(help="Short code, lower case, such as ghn.")],
    name: Annotated[str, typer.Option(help="Name for people.")],
    format: Annotated[str, typer.Option(help="The format it speaks: `buuta carrier formats`.")] = "buuta",
) -> None:
    """Add a carrier; its API key and webhook token are shown once and kept as hashes."""
    if not CARRIER.fullmatch(code):
        raise BadItem("carrier_invalid", "a carrier code has 2 to 16 lower-case letters and digits")
    known = all_recipes(load(IngestSettings).ingest_recipes)
    if format not in known:
        raise BadItem("format_unknown", f"no such format; there are {', '.join(known)}")
    try:
        key, token = with_database(lambda pool: add_carrier(pool, Carrier(code, name, format)))
    except asyncpg.UniqueViolationError:
        raise BadItem("carrier_known", f"carrier {code} exists; rotate its key if it was lost") from None
    _show_once(key, token)


@carrier.command("formats")
def carrier_formats() -> None:
    """List the formats that are read, with their doors."""
    table = Table("format", "title", "version", "codes", "webhook", "files")
    for each in all_recipes(load(IngestSettings).ingest_recipes).values():
        files = "its own columns, or Buuta's" if each.columns else "Buuta's columns"
        webhook = "" if each.webhook is None else f"/v1/webhooks/TOKEN/{each.format}"
        table.add_row(each.format, each.title, each.version, str(len(each.codes)), webhook, files)
    console.print(table)


@carrier.command("list")
def carrier_list() -> None:
    """List the carriers."""
    rows = with_database(
        lambda pool: pool.fetch("select code, name, format, created_at from carriers order by 1")
    )
    table = Table("code", "name", "format", "since")
    for row in rows:
        table.add_row(row["code"], row["name"], row["format"], f"{row['created_at']:%Y-%m-%d}")
    console.print(table)


@carrier.command("rotate-key")
def carrier_rotate_key(code: Annotated[str, typer.Argument(help="The carrier's code.")]) -> None:
    """Replace a carrier's key and token; the old ones stop within five seconds."""
    fresh = with_database(lambda pool: rotate_key(pool, code))
    if fresh is None:
        raise BadItem("carrier_unknown", f"there is no carrier {code!r}: buuta carrier list shows them")
    _show_once(*fresh)


def _show_once(key: str, token: str) -> None:
    console.print(f"API key        {key}\nwebhook token  {token}\nThey are not shown again.")


@shipper.command("add")
def shipper_add(
    code: Annotated[str, typer.Argument(help="Short code.")],
    name: Annotated[str, typer.Option(help="Name for people.")],
) -> None:
    """Add a shipper; its API key is shown once and kept as a hash."""
    try:
        key = with_database(lambda pool: add_shipper(pool, code, name))
    except asyncpg.UniqueViolationError:
        raise BadItem("shipper_known", f"shipper {code} exists") from None
    console.print(f"API key  {key}\nIt is not shown again.")


@messages.command("in-doubt")
def messages_in_doubt() -> None:
    """List messages of which nobody knows whether they were sent; they are not sent again."""
    rows = with_database(
        lambda pool: pool.fetch(
            "select message_id, parcel_key, kind, ordinal, channel, decided_at from messages "
            "where state = 'in_doubt' order by decided_at"
        )
    )
    table = Table("message", "parcel", "told", "channel", "since")
    for row in rows:
        told = f"{row['kind']} {row['ordinal']}"
        table.add_row(
            str(row["message_id"]), row["parcel_key"], told, row["channel"], str(row["decided_at"])
        )
    console.print(table if rows else "None.")


@messages.command("stop")
def messages_stop() -> None:
    """Stop all outgoing messages; they wait."""
    _switch(on=False)


@messages.command("resume")
def messages_resume() -> None:
    """Let outgoing messages leave again."""
    _switch(on=True)


def _switch(*, on: bool) -> None:
    with_database(
        lambda pool: pool.execute("update switches set value = $1 where name = 'outgoing_messages'", on)
    )
    console.print("Outgoing messages leave." if on else "Outgoing messages wait.")


def config() -> None:
    """Show every setting with its value and meaning; secrets are masked."""
    table = Table("variable", "value", "meaning")
    shown = set()
    for kind in (IngestSettings, NotifierSettings):
        settings = load(kind)
        for variable, value in describe(settings).items():
            name = variable.removeprefix("BUUTA_").lower()
            if variable not in shown:
                table.add_row(variable, value, type(settings).model_fields[name].description or "")
            shown.add(variable)
    console.print(table)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.command()(migrate)
    app.command()(config)
    for name, group in (
        ("topics", topics),
        ("carrier", carrier),
        ("shipper", shipper),
        ("messages", messages),
    ):
        app.add_typer(group, name=name)
