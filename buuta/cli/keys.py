"""Master keys: which one everything lies under, and taking all over to a new one."""

import secrets
from typing import Any

import typer
from rich.console import Console

from buuta.cli.admin import with_vault
from buuta.cli.listing import Json, Listing, show
from buuta.storage import rotation
from buuta.storage.rotation import Rotated, Standing
from buuta.storage.vault import Vault

console = Console()
keys = typer.Typer(help="The master key that wraps every other key.", no_args_is_help=True)


@keys.command("status")
def status(as_json: Json = False) -> None:
    """Show under which master keys everything lies."""
    show(_standings(*with_vault(_standing)), as_json)


@keys.command("new")
def new() -> None:
    """Print a new master key, for BUUTA_MASTER_KEY; it is kept nowhere."""
    typer.echo(secrets.token_hex(32))


@keys.command("rotate")
def rotate() -> None:
    """Take everything over to BUUTA_MASTER_KEY, while all runs; again after a kill, it goes on.

    First give every process the new key as BUUTA_MASTER_KEY_PREVIOUS, so that all can open what it seals; then let
    the two change places; then run this. Exit code 1 while something is left under another key.
    """
    rotated = with_vault(rotation.rotate)
    _print_rotated(rotated)
    current, found = with_vault(_standing)
    show(_standings(current, found), as_json=False)
    left = sum(each.values for each in found if each.master != current)
    if left:
        console.print(f"{left} values are left under another key: keep it as BUUTA_MASTER_KEY_PREVIOUS.")
        raise typer.Exit(1)
    console.print("Nothing is left under another key: BUUTA_MASTER_KEY_PREVIOUS can go.")


async def _standing(pool: Any, vault: Vault) -> tuple[str, list[Standing]]:
    return vault.master_id.hex(), await rotation.standing(pool)


def _print_rotated(rotated: dict[str, Rotated]) -> None:
    rows = [
        (title, each.taken, each.changed, [*each.unopenable[:5], *["..."] * (len(each.unopenable) > 5)])
        for title, each in rotated.items()
    ]
    show(Listing(("values", "taken over", "changed meanwhile", "do not open"), rows), as_json=False)


def _standings(current: str, found: list[Standing]) -> Listing:
    rows = [(each.title, each.values, each.master == current, each.master) for each in found]
    return Listing(
        ("values", "how many", "current", "master key"), rows, "Nothing lies under a master key yet."
    )


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(keys, name="keys")
