"""Keys of shippers and operators by command: `buuta shipper key ...`, `buuta operator key ...`."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import typer

from buuta.cli.admin import with_named
from buuta.cli.connect import connected
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named, must_exist
from buuta.errors import BadItem
from buuta.settings import SharedSettings, load
from buuta.storage.access import AccessKeys, Holder, Made, changes_of, keys_of

Result = TypeVar("Result")
Name = Annotated[str, typer.Argument(help="The holder's code or name.")]
Some = Annotated[str | None, typer.Argument(help="Only this holder's.")]
Days = Annotated[int | None, typer.Option(min=1, help="How long it holds.")]
Overlap = Annotated[
    int, typer.Option(min=0, help="How long the old keys still hold; 0 where one has leaked.")
]


def with_keys(kind: Holder, holder: str, work: Callable[[AccessKeys], Awaitable[Result]]) -> Result:
    """Do some work on a holder's keys in one transaction, in the name of whoever runs the command.

    Raises:
        BadItem: there is no such holder.
    """

    async def run() -> Result:
        async with connected(load(SharedSettings)) as pool, pool.acquire() as con, con.transaction():
            await must_exist(con, Named(kind), holder)
            return await work(AccessKeys(con, kind, getpass.getuser()))

    return asyncio.run(run())


def show_key(made: Made) -> None:
    """Show a key, once."""
    typer.echo(f"API key  {made.key}\nIt is not shown again.")


def overlap(hours: int) -> str:
    """What becomes of the keys that were valid before a rotation."""
    if hours == 0:
        return "The keys before it have ended."
    return f"The keys before it hold for {hours} h more; --overlap-hours 0 ends them at once."


def key_commands(kind: Holder) -> typer.Typer:
    """The commands on the keys of one kind of holder."""
    keys = typer.Typer(help=f"Keys of {kind}s: several can be valid at once.", no_args_is_help=True)

    @keys.command("add")
    def add(holder: Name, days: Days = None) -> None:
        """Make a key beside those that there are; it is shown once and kept as a hash."""
        ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
        show_key(with_keys(kind, holder, lambda own: own.make(holder, ends)))

    @keys.command("rotate")
    def rotate(holder: Name, overlap_hours: Overlap = 24) -> None:
        """Make a new key; until the overlap ends old and new ones hold."""
        made = with_keys(kind, holder, lambda own: own.rotate(holder, overlap_hours * 3600))
        if made is None:
            raise BadItem("key_unknown", f"{holder!r} has no valid key: buuta {kind} key add {holder}")
        show_key(made)
        typer.echo(overlap(overlap_hours))

    @keys.command("revoke")
    def revoke(holder: Name, number: Annotated[int, typer.Argument(help="The key's number.")]) -> None:
        """End a key at once."""
        if not with_keys(kind, holder, lambda own: own.expire(holder, number, 0)):
            raise BadItem("key_unknown", f"{holder!r} has no valid key {number}: buuta {kind} key list")
        typer.echo(f"Key {number} has ended.")

    @keys.command("list")
    def list_(holder: Some = None, as_json: Json = False) -> None:
        """List keys with their ends and last uses."""
        rows = with_named(Named(kind), holder, lambda pool: keys_of(pool, kind, holder))
        show(Listing(("key", kind, "since", "until", "last used"), [tuple(row) for row in rows]), as_json)

    @keys.command("changes")
    def changes(holder: Some = None, as_json: Json = False) -> None:
        """Show what was done with keys, when, and by whom."""
        rows = with_named(Named(kind), holder, lambda pool: changes_of(pool, kind, holder))
        show(Listing(("when", "key", kind, "what", "by"), [tuple(row) for row in rows]), as_json)

    return keys
