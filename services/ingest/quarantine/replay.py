"""Reading what was set aside once more, after a code was mapped or a recipe put right.

A report is read as by the door through which it came, with the time at which it was received then: it
takes its place in business time, and nobody takes it for a report of today.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from buuta.contracts.codec import Codec
from buuta.errors import BadItem, Unopenable
from buuta.model.scan import Scan
from buuta.storage.vault import Vault
from services.ingest.domain.details import Details
from services.ingest.domain.epcis import is_event
from services.ingest.domain.recipe import Recipe, to_scan
from services.ingest.doors import file, kafka, records, webhooks
from services.ingest.doors.batch import read_report
from services.ingest.quarantine import held
from services.ingest.quarantine.held import HeldReport, Wanted
from services.ingest.registry.facilities import Facilities
from services.ingest.storage import Carrier, carriers_of


@dataclass(frozen=True)
class Keys:
    """What opens a payload and reads a record."""

    vault: Vault
    codec: Codec


@dataclass
class Reread:
    """What reports say now: scans and the reports that made them, those that are no movement, those that stay."""

    scans: list[Scan] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    still: list[tuple[int, str]] = field(default_factory=list)
    details: dict[str, Details] = field(default_factory=dict)


async def read_waiting(
    con: Any, wanted: Wanted, recipes: Mapping[str, Recipe], keys: Keys, format_name: str | None = None
) -> Reread:
    """Read what waits once more, of carriers that speak this format, or of all; a facility gives its place."""
    carriers, facilities = await carriers_of(con), Facilities(con)
    await facilities.refresh()
    found = Reread()
    async for page in held.pages(con, wanted):
        part = reread(
            (each for each in page if _speaks(each, carriers, format_name)), recipes, carriers, keys
        )
        found.scans += facilities.placed(part.scans)
        found.settled += part.settled
        found.details |= part.details
        found.still += part.still
    return found


def _speaks(report: HeldReport, carriers: Mapping[str, Carrier], format_name: str | None) -> bool:
    carrier = carriers.get(report.carrier)
    return format_name is None or (carrier is not None and carrier.format == format_name)


def reread(
    reports: Iterable[HeldReport],
    recipes: Mapping[str, Recipe],
    carriers: Mapping[str, Carrier],
    keys: Keys,
) -> Reread:
    """Read reports once more, of these carriers."""
    found = Reread()
    for report in reports:
        try:
            carrier = _carrier(report, carriers)
            scan, details = _scan(report, carrier, recipes[carrier.format], keys)
        except BadItem as bad:
            found.still.append((report.number, f"{bad.code}: {bad}"))
            continue
        found.settled.append(report.number)
        if scan is not None:
            found.scans.append(scan)
            if details is not None:
                found.details[scan.event_id] = details
    return found


def _carrier(report: HeldReport, carriers: Mapping[str, Carrier]) -> Carrier:
    if report.carrier not in carriers:
        raise BadItem(
            "carrier_unknown", f"there is no carrier {report.carrier}: buuta carrier add makes one"
        )
    return carriers[report.carrier]


def _scan(
    report: HeldReport, carrier: Carrier, recipe: Recipe, keys: Keys
) -> tuple[Scan | None, Details | None]:
    receipt = carrier.receipt(report.door, round(report.received_at.timestamp() * 1000))
    try:
        plain = report.opened(keys.vault)
    except Unopenable as why:
        raise BadItem("unopenable", str(why)) from None
    read = (
        records.read(keys.codec, plain) if report.door == kafka.DOOR else _read(report.door, recipe, plain)
    )
    return (None, None) if read is None else (to_scan(recipe, read, receipt), read.details)


def _read(door: str, recipe: Recipe, plain: bytes) -> Any:
    """As the door reads it."""
    try:
        payload = json.loads(plain)
    except ValueError:
        raise BadItem("body_not_json", "the body is no JSON, and no code makes it so") from None
    if door == webhooks.DOOR:
        return recipe.parse(payload)
    if door == file.DOOR and isinstance(payload, dict):
        return file.parse_of(recipe, list(payload))(payload)
    # The item of a batch, or an event of the EPCIS door, whose carriers have no other payloads.
    return recipe.parse(payload) if is_event(payload) else read_report(payload)
