"""Master keys: which one everything lies under, and taking all over to a new one."""

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from buuta.cli.admin import with_vault
from buuta.storage import rotation
from buuta.storage.rotation import Rotated, Standing
from buuta.storage.vault import Vault

console = Console()
keys = typer.Typer(help="The master key that wraps every other key.", no_args_is_help=True)


@keys.command("status")
def status() -> None:
    """Show under which master keys everything lies."""
    current, found = with_vault(_standing)
    _print_standing(current, found)


@keys.command("rotate")
def rotate() -> None:
    """Take everything over to BUUTA_MASTER_KEY, while all runs; again after a kill, it goes on.

    First give every process the new key as BUUTA_MASTER_KEY_PREVIOUS, so that all can open what it seals; then let
    the two change places; then run this. Exit code 1 while something is left under another key.
    """
    rotated = with_vault(rotation.rotate)
    _print_rotated(rotated)
    current, found = with_vault(_standing)
    _print_standing(current, found)
    left = sum(each.values for each in found if each.master != current)
    if left:
        console.print(f"{left} values are left under another key: keep it as BUUTA_MASTER_KEY_PREVIOUS.")
        raise typer.Exit(1)
    console.print("Nothing is left under another key: BUUTA_MASTER_KEY_PREVIOUS can go.")


async def _standing(pool: Any, vault: Vault) -> tuple[str, list[Standing]]:
    return vault.master_id.hex(), await rotation.standing(pool)


def _print_rotated(rotated: dict[str, Rotated]) -> None:
    table = Table("values", "taken over", "changed meanwhile", "do not open")
    for title, each in rotated.items():
        shown = ", ".join(each.unopenable[:5]) + (" ..." if len(each.unopenable) > 5 else "")
        table.add_row(title, str(each.taken), str(each.changed), shown)
    console.print(table)


def _print_standing(current: str, found: list[Standing]) -> None:
    table = Table("values", "master key", "how many")
    for each in found:
        mark = f"{each.master} (current)" if each.master == current else each.master
        table.add_row(each.title, mark, str(each.values))
    console.print(table)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(keys, name="keys")
