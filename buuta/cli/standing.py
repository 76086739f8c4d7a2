"""Whose word counts: which shippers a carrier knows, and registrations that another's goes before."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from buuta.cli.admin import with_database, with_named, with_vault
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named, must_exist
from buuta.contracts import registry
from buuta.errors import BadItem
from buuta.model.identifiers import normalise_number
from buuta.model.times import DAY_MS
from buuta.settings import load
from buuta.storage.sharing import At
from buuta.storage.vault import Vault
from buuta.telemetry.clock import now_ms
from buuta.telemetry.logs import WITNESS
from services.portal import standing
from services.portal.registrations import Registrar
from services.portal.settings import PortalSettings

log = structlog.get_logger(WITNESS)
console = Console()
Shipper = Annotated[str, typer.Argument(help="Code of the shipper.")]
Carrier = Annotated[str, typer.Argument(help="Code of the carrier.")]
ParcelName = Annotated[str, typer.Argument(metavar="CARRIER/NUMBER", help="The parcel.")]
LISTED = 1_000


def link(code: Shipper, carrier: Carrier) -> None:
    """Say that a carrier knows a shipper: what it registers there from now on is confirmed."""
    _with_both(code, carrier, standing.link)
    log.info("shipper_linked", shipper=code, carrier=carrier, by=getuser())
    console.print(f"{carrier} knows {code}: what it registers or changes from now on is confirmed.")


def unlink(code: Shipper, carrier: Carrier) -> None:
    """Say that a carrier does not know a shipper any more."""
    _with_both(code, carrier, standing.unlink)
    log.info("shipper_unlinked", shipper=code, carrier=carrier, by=getuser())
    console.print(f"What {code} registers or changes at {carrier} from now on is not confirmed by a link.")


def _with_both(code: str, carrier: str, change: Callable[[Any, str, str], Awaitable[object]]) -> None:
    async def work(pool: Any) -> None:
        await _both_exist(pool, code, carrier)
        await change(pool, code, carrier)

    with_database(work)


async def _both_exist(pool: Any, code: str, carrier: str) -> None:
    await must_exist(pool, Named.SHIPPER, code)
    await must_exist(pool, Named.CARRIER, carrier)


def confirm(parcel: ParcelName, code: Shipper) -> None:
    """Say that a carrier names this shipper as a parcel's sender, and so no other."""
    carrier, slash, number = parcel.partition("/")
    if not slash:
        raise BadItem("parcel_invalid", "name the parcel as CARRIER/NUMBER")
    settings = load(PortalSettings)

    async def work(pool: Any, vault: Vault) -> int:
        await _both_exist(pool, code, carrier)
        async with registry.opened(settings.schema_registry_url) as codec:
            registrar = Registrar(vault, codec, settings)
            async with pool.acquire() as con, con.transaction():
                return await registrar.confirm(con, carrier, normalise_number(number), code, now_ms())

    changed = with_vault(work)
    log.info("shipper_confirmed", shipper=code, carrier=carrier, by=getuser())
    console.print(f"{carrier} names {code}; registrations that stand otherwise now: {changed}.")


def unconfirmed(
    carrier: Annotated[str | None, typer.Option(help="Only this carrier's parcels.")] = None,
    as_json: Json = False,
) -> None:
    """List registrations that another's goes before: whose parcels somebody else registered, too."""
    at = At(now_ms(), load(PortalSettings).epoch_gap_days * DAY_MS)
    rows = [
        (
            row["registration_id"],
            row["shipper"],
            row["carrier"],
            row["number"],
            datetime.fromtimestamp(row["registered_at"] / 1000, UTC),
        )
        for row in with_named(
            Named.CARRIER, carrier, lambda pool: standing.behind(pool, carrier, LISTED, at)
        )
    ]
    show(Listing(("registration", "shipper", "carrier", "number", "since"), rows), as_json)


def add_to(shipper: typer.Typer) -> None:
    """Add the tools to the group of shippers, which is the command's already."""
    for command in (link, unlink, confirm, unconfirmed):
        shipper.command()(command)
