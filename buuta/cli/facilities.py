"""The registry of facilities: service points, hubs and lockers of the carriers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from buuta.cli.admin import with_database
from buuta.cli.connect import connected
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named, must_exist
from buuta.cli.tables import end_with, read_table
from buuta.settings import SharedSettings, load
from services.ingest.domain.facility import COLUMNS, Facility, read_facility
from services.ingest.registry.facilities import provinces, register

console = Console()
facility = typer.Typer(help="Service points, hubs and lockers.", no_args_is_help=True)
REQUIRED = ("code", "name")
UNKNOWN = """
select coalesce(reporter, split_part(parcel_key, ':', 1)) as carrier, facility, count(*) as scans from scans s
where facility is not null and received_at > (extract(epoch from now()) * 1000)::bigint - 86400000
  and not exists (select from facilities f where f.code = facility
    and f.carrier = coalesce(s.reporter, split_part(s.parcel_key, ':', 1)))
group by 1, 2 order by 3 desc limit 100
"""


@facility.command("import")
def import_(
    path: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, resolve_path=True, help="A CSV or XLSX file.")
    ],
    carrier: Annotated[str, typer.Option(help="Whose facilities these are.")],
) -> None:
    """Register a carrier's facilities, or change them: columns code, name, commune (or old_commune), and others.

    Refused lines are written to FILE.rejected.csv with the reason. Exit code 1 if there are some.
    """
    # The library of old units takes half a second to load, which no other command should wait for.
    from services.ingest.registry.units import commune_since_2025

    def read(line: Mapping[str, Any]) -> Facility:
        return read_facility(line, provinces(), commune_since_2025)

    good, refused = read_table(path, REQUIRED, COLUMNS, read)
    asyncio.run(_register(carrier, good))
    console.print(f"{len(good)} registered.")
    end_with(console, refused)


async def _register(code: str, facilities: list[Facility]) -> None:
    async with connected(load(SharedSettings)) as pool:
        await must_exist(pool, Named.CARRIER, code)
        async with pool.acquire() as con, con.transaction():
            await register(con, code, facilities)


@facility.command("unknown")
def unknown(as_json: Json = False) -> None:
    """Show facilities of the last day's scans that nobody has registered."""

    async def work(pool: Any) -> Any:
        return await pool.fetch(UNKNOWN)

    rows = with_database(work)
    listing = Listing(("carrier", "facility", "scans"), [tuple(row) for row in rows], "All are registered.")
    show(listing, as_json)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.add_typer(facility, name="facility")
