"""Setting up: migrations, topics, shippers, the switch, settings."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console

from buuta.cli.connect import connected
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named, must_exist
from buuta.errors import BadItem
from buuta.settings import SharedSettings, load
from buuta.storage.migrate import migrate as apply_migrations
from buuta.storage.unlocking import open_vault
from buuta.storage.vault import Vault
from buuta.streaming.topics import create_topics, together, warnings
from services.notifier import storage

Result = TypeVar("Result")
console = Console()
topics = typer.Typer(help="Kafka topics.", no_args_is_help=True)
messages = typer.Typer(help="Outgoing messages: what is in doubt, and the switch.", no_args_is_help=True)


def with_database(work: Callable[[Any], Awaitable[Result]]) -> Result:
    """Run `work` with a pool."""

    async def run() -> Result:
        async with connected(load(SharedSettings)) as pool:
            return await work(pool)

    return asyncio.run(run())


def with_named(kind: Named, name: str | None, work: Callable[[Any], Awaitable[Result]]) -> Result:
    """Run `work` with a pool, once it is known that there is one of that name; None is any.

    Raises:
        BadItem: there is none.
    """

    async def checked(pool: Any) -> Result:
        await must_exist(pool, kind, name)
        return await work(pool)

    return with_database(checked)


def with_vault(work: Callable[[Any, Vault], Awaitable[Result]]) -> Result:
    """Run `work` with a pool and the vault, unlocked.

    Raises:
        BadSettings: no master key, or another than the database's.
    """

    async def run() -> Result:
        settings = load(SharedSettings)
        async with connected(settings) as pool:
            return await work(pool, await open_vault(pool, settings))

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
    """Create the topics that are missing; warn of those that are unsafe or other than they should be."""
    settings = load(SharedSettings)
    created = asyncio.run(create_topics(settings))
    console.print("\n".join(created) if created else "Nothing to do: all topics exist.")
    for sentence in together(asyncio.run(warnings(settings))):
        console.print(f"Warning: {sentence}.", markup=False)


@messages.command("in-doubt")
def messages_in_doubt(as_json: Json = False) -> None:
    """List messages of which nobody knows whether they were sent; they are not sent again."""
    rows = with_database(
        lambda pool: pool.fetch(
            "select message_id, parcel_key, kind, ordinal, channel, decided_at from messages "
            "where state = 'in_doubt' order by decided_at"
        )
    )
    columns = ("message", "parcel", "told", "channel", "since")
    show(Listing(columns, [_message(row, row["decided_at"]) for row in rows]), as_json)


def _message(row: Any, *more: Any) -> tuple[Any, ...]:
    """The cells of a message that every listing of some has, and more."""
    told = f"{row['kind']} {row['ordinal']}"
    return (row["message_id"], row["parcel_key"], told, row["channel"], *more)


@messages.command("failed")
def messages_failed(as_json: Json = False) -> None:
    """List messages that nobody got, and why: a provider's code, or a contact that does not open."""
    rows = with_database(
        lambda pool: pool.fetch(
            "select message_id, parcel_key, kind, ordinal, channel, provider_code, decided_at from messages "
            "where state = 'failed' order by decided_at desc limit 1000"
        )
    )
    columns = ("message", "parcel", "told", "channel", "why", "since")
    cells = [_message(row, row["provider_code"], row["decided_at"]) for row in rows]
    show(Listing(columns, cells), as_json)


@messages.command("unsent")
def messages_unsent(
    days: Annotated[int, typer.Option(help="Of so many days.", min=1, max=180)] = 7,
    *,
    as_json: Json = False,
) -> None:
    """Count messages that were not sent, or not again, since they were of no use any more; by day and reason.

    overtaken: a later state was known. expired: no news any more. withdrawn: taken back, or nobody names the
    recipient any more.
    """
    rows = with_database(lambda pool: storage.unsent(pool, days))
    columns = ("day", "channel", "told", "why", "messages")
    cells = [(str(row["day"]), row["channel"], row["kind"], row["state"], row["messages"]) for row in rows]
    show(Listing(columns, cells), as_json)


@messages.command("held")
def messages_held(as_json: Json = False) -> None:
    """List messages that are held back, and which cap they were too many for; the oldest first."""
    rows = with_database(lambda pool: storage.held(pool, 1000))
    columns = ("message", "parcel", "told", "channel", "too many for", "since")
    cells = [_message(row, row["provider_code"], row["created_at"]) for row in rows]
    show(Listing(columns, cells), as_json)


@messages.command("release")
def messages_release(
    ids: Annotated[list[UUID] | None, typer.Argument(help="Messages to let go.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Let all of them go.")] = False,
) -> None:
    """Let messages go that are held back; those that are overtaken or no news any more end as such."""
    if bool(ids) == all_:
        raise BadItem("nothing_named", "name messages, or say --all: buuta messages held lists them")

    async def release(pool: Any) -> int:
        async with pool.acquire() as con, con.transaction():
            return await storage.release(con, ids or None)

    released = with_database(release)
    if released < len(ids or ()):
        raise BadItem(
            "message_unknown",
            f"{released} of {len(ids or ())} messages leave now; no others of these are held back: "
            "buuta messages held lists them",
        )
    console.print(f"Messages that leave now: {released}.")


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


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.command()(migrate)
    for name, group in (
        ("topics", topics),
        ("messages", messages),
    ):
        app.add_typer(group, name=name)
