"""Reading what was set aside once more, after a code was mapped or a recipe put right.

A report is read as by the door through which it came, with the time at which it was received then: it
takes its place in business time, and nobody takes it for a report of today.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from buuta.contracts.codec import Codec
from buuta.errors import BadItem, SchemaUnanswered, Unopenable
from buuta.model.scan import Scan
from buuta.storage.vault import Vault
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.domain.details import Details
from services.ingest.domain.epcis import is_event
from services.ingest.domain.fitting import fitted
from services.ingest.domain.recipe import Recipe, to_scan
from services.ingest.doors import file, kafka, records, webhooks
from services.ingest.doors.batch import read_report
from services.ingest.quarantine.held import HeldReport
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


class Rereader:
    """Reads reports once more, of carriers that speak this format, or of all; a facility gives its place."""

    def __init__(
        self, pool: Any, recipes: Mapping[str, Recipe], keys: Keys, format_name: str | None = None
    ) -> None:
        self._pool = pool
        self._recipes = recipes
        self._keys = keys
        self._format_name = format_name
        self._facilities = Facilities(pool)
        self._carriers: Mapping[str, Carrier] = {}

    async def prepare(self) -> None:
        """Read the carriers and their facilities; before all else."""
        self._carriers = await carriers_of(self._pool)
        await self._facilities.refresh()

    async def read(self, page: Sequence[HeldReport]) -> Reread:
        """Read a page of reports, beside the event loop."""
        wanted = [each for each in page if _speaks(each, self._carriers, self._format_name)]
        records = [each for each in wanted if each.door == kafka.DOOR]
        if records:
            values = await asyncio.to_thread(_plain, records, self._keys.vault)
            # Those of an id for which alone there is no answer wait on, each by itself, and say so.
            with contextlib.suppress(SchemaUnanswered):
                await self._keys.codec.learn(values)
        found = await asyncio.to_thread(reread, wanted, self._recipes, self._carriers, self._keys)
        found.scans = self._facilities.placed(found.scans)
        return found


def _plain(reports: Iterable[HeldReport], vault: Vault) -> list[bytes]:
    """What reports that can be opened hold."""
    found: list[bytes] = []
    for report in reports:
        with contextlib.suppress(Unopenable):
            found.append(report.opened(vault))
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
            scan, details = _scan(report, carrier, _recipe(carrier, recipes), keys)
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


def _recipe(carrier: Carrier, recipes: Mapping[str, Recipe]) -> Recipe:
    if carrier.format not in recipes:
        raise BadItem(
            "format_unknown",
            f"there is no format {carrier.format} here: BUUTA_INGEST_RECIPES names the folder of more",
        )
    return recipes[carrier.format]


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
    return (None, None) if read is None else (to_scan(recipe, fitted(read), receipt), read.details)


def _read(door: str, recipe: Recipe, plain: bytes) -> Any:
    """As the door reads it."""
    try:
        payload = parse_json(plain)
    except Problem as wrong:
        raise BadItem(wrong.code, f"{wrong.detail}, and no code makes it so") from None
    if door == webhooks.DOOR:
        return recipe.parse(_only(recipe, payload))
    if door == file.DOOR and isinstance(payload, dict):
        return file.parse_of(recipe, list(payload))(payload)
    # The item of a batch, or an event of the EPCIS door, whose carriers have no other payloads.
    return recipe.parse(payload) if is_event(payload) else read_report(payload)


def _only(recipe: Recipe, payload: Any) -> Any:
    """The one event of what was kept: a body that could not be taken apart may hold several.

    Raises:
        BadItem: it does.
    """
    events = recipe.unfold(payload)
    if len(events) != 1:
        raise BadItem(
            "several_reports", f"what was kept holds {len(events)} reports: ask the carrier for them again"
        )
    return events[0]
