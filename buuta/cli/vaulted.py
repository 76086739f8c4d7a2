"""What the vault holds of a parcel: shown, or forgotten for good."""

import json
from getpass import getuser
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from buuta.audit.forgetting import forget as forget_parcel
from buuta.audit.forgetting import is_known
from buuta.cli.admin import with_database, with_vault
from buuta.cli.listing import Json
from buuta.cli.names import Named, must_exist
from buuta.errors import BadItem
from buuta.model.identifiers import SHARED, one_spelling, owner_of, parcel_key
from buuta.storage.vault import Vault
from buuta.telemetry.logs import WITNESS
from services.ingest.keeping import details_of

log = structlog.get_logger(WITNESS)
console = Console()
Parcel = Annotated[str, typer.Argument(metavar="CARRIER/NUMBER", help="The parcel.")]


def details(parcel: Parcel, as_json: Json = False) -> None:
    """Show what the vault holds of a parcel's scans: positions, digital addresses, notes, proofs. It is logged."""
    key = _key(parcel)

    async def work(pool: Any, vault: Vault) -> Any:
        found = await details_of(pool, vault, key)
        if not found and not await is_known(pool, key):
            raise BadItem(
                "parcel_unknown",
                f"there is no parcel {parcel}: check carrier and number, or it was forgotten",
            )
        return found

    found = with_vault(work)
    log.info("details_shown", parcel=key, by=getuser())
    if found or as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        console.print("No details are kept of it.")


def forget(parcel: Parcel) -> None:
    """Erase what is personal of a parcel: its key and all under it, contacts, messages, reports in quarantine.

    Scans, states and figures stay. Reports that are still in the quarantine's topic are reached once they are home:
    run it again then. A carrier's own files and its reports of refused lines lie where it put them.
    """
    key = _key(parcel)
    found = with_vault(lambda pool, vault: forget_parcel(pool, vault, key))
    log.info("parcel_forgotten", parcel=key, by=getuser())
    for name, count in found.erased.items():
        console.print(f"{count:>6}  {name}")
    if found.unread:
        console.print(
            f"{found.unread} reports in quarantine do not open, so nobody knows of whom they tell."
        )
    console.print(
        "Reports that wait in the quarantine's topic, as while PostgreSQL is away, are not reached: "
        "once they are home, within minutes, run this again."
    )
    console.print("Forgotten." if found.erased else "There was nothing personal to forget.")


def _key(parcel: str) -> str:
    """The key of CARRIER/NUMBER; a post's S10 number is kept under `s10`."""
    carrier, slash, number = parcel.partition("/")
    if not slash:
        raise BadItem("parcel_invalid", "name the parcel as CARRIER/NUMBER")

    async def is_post(pool: Any) -> bool:
        await must_exist(pool, Named.CARRIER, None if carrier == SHARED else carrier)
        return bool(await pool.fetchval("select is_post from carriers where code = $1", carrier))

    # What came in before the shapes of today is found, and forgotten, all the same.
    normal = one_spelling(number)
    return parcel_key(owner_of(carrier, normal, is_post=with_database(is_post))[0], normal)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    for command in (details, forget):
        app.command()(command)
