"""The facilities in PostgreSQL and at the doors: what is registered gives a scan its province and commune."""

import time
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final

from buuta.model.scan import Scan
from buuta.model.units import SOURCE, units
from buuta.storage.faults import is_away
from buuta.telemetry import metrics
from services.ingest.domain.facility import Facility

FRESH_SECONDS: Final = 60.0
SELECT: Final = "select carrier, code, province, commune from facilities"
STAGE: Final = "create temporary table staged (like facilities including defaults) on commit drop"
UPSERT: Final = """
insert into facilities select * from staged on conflict (carrier, code) do update set kind = excluded.kind,
  name = excluded.name, province = excluded.province, commune = excluded.commune, latitude = excluded.latitude,
  longitude = excluded.longitude, connected = excluded.connected, opening_hours = excluded.opening_hours,
  units = excluded.units, time_zone = excluded.time_zone,
  holds_days = excluded.holds_days, updated_at = now()
"""
COLUMNS: Final = (
    "carrier", "code", "kind", "name", "province", "commune", "latitude", "longitude", "connected",
    "opening_hours", "units", "time_zone", "holds_days",
)  # fmt: skip
Place = tuple[str | None, str | None]
"""Province and commune; of a facility abroad none."""


@cache
def provinces() -> Mapping[str, str]:
    """The province of every commune, by the codes of the Statistics Office."""
    return {code: unit.province for code, unit in units().items() if unit.province is not None}


async def register(con: Any, carrier: str, facilities: Sequence[Facility]) -> None:
    """Register facilities, or change them; in the caller's transaction."""
    rows = [
        (carrier, each.code, each.kind.value, each.name, each.province, each.commune, each.latitude,
         each.longitude, each.connected, each.opening_hours,
         f"{SOURCE}, from {each.old_commune}" if each.old_commune else SOURCE, each.time_zone,
         each.holds_days)
        for each in {each.code: each for each in facilities}.values()
    ]  # fmt: skip
    await con.execute(STAGE)
    await con.copy_records_to_table("staged", records=rows, columns=COLUMNS)
    await con.execute(UPSERT)


class Facilities:
    """All facilities' places in memory, read anew every minute; without PostgreSQL the last ones hold."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._places: dict[tuple[str, str], Place] = {}
        self._spellings: dict[tuple[str, str], str] = {}
        self._read_at = -FRESH_SECONDS

    async def refresh(self) -> None:
        """Read them if it is time."""
        if time.monotonic() - self._read_at < FRESH_SECONDS:
            return
        try:
            rows = await self._pool.fetch(SELECT)
        except Exception as why:
            if not is_away(why):
                raise
            return
        self._read_at = time.monotonic()
        self._places = {(carrier, code): (province, commune) for carrier, code, province, commune in rows}
        self._spellings = {(carrier, code.casefold()): code for carrier, code in self._places}

    def placed(self, scans: Collection[Scan]) -> list[Scan]:
        """The scans with the place of their facility, where they say none; unknown facilities are counted.

        A code that is registered in another case is that facility, and stands as it is registered: by it pages find
        its name.
        """
        return [self._placed(scan) if scan.facility is not None else scan for scan in scans]

    def _placed(self, scan: Scan) -> Scan:
        carrier, code = scan.reporter or scan.carrier, scan.facility or ""
        if (carrier, code) not in self._places:
            code = self._spellings.get((carrier, code.casefold()), code)
        place = self._places.get((carrier, code))
        if place is None:
            metrics.INGEST_UNKNOWN_FACILITIES.labels(carrier).inc()
            return scan
        if scan.province is not None or scan.commune is not None:
            return scan if code == scan.facility else scan._replace(facility=code)
        return scan._replace(facility=code, province=place[0], commune=place[1])
