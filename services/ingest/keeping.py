"""Details of scans to the vault, committed before the answer; and how far each was made from where its parcel goes.

While PostgreSQL is away they wait encrypted in the quarantine's topic, and find their place afterwards.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog

from buuta.errors import Unopenable
from buuta.model.identifiers import parcel_key
from buuta.model.scan import Scan
from buuta.storage import secrets, set_aside
from buuta.storage.background import Fault, each_alone
from buuta.storage.faults import is_away
from buuta.storage.set_aside import Aside
from buuta.storage.unlocking import unlock
from buuta.storage.vault import Place, Vault
from buuta.telemetry import metrics
from services.ingest.domain.details import Details, Position, bucket
from services.ingest.quarantine import held
from services.ingest.quarantine.held import Held, HeldReport, Source

log = structlog.get_logger()
REASON: Final = "details"
"""Why details wait in the quarantine."""
INSERT: Final = (
    "insert into event_details (event_id, key_hash, sealed) values ($1, $2, $3) on conflict do nothing"
)
DESTINATION: Final = """
select registration_id, destination from (
  select registration_id, destination from registrations where owner = $1 and number = $2 and not behind
  order by registered_at desc, registration_id limit 1
) as steers where destination is not null
"""
"""That of the registration which steers; where it says none, or was withdrawn, no other's."""
DETAILS: Final = "select event_id, sealed from event_details where key_hash = $1 order by received_at"
WAITING: Final = f"""
select {held.COLUMNS} from quarantine where state = 'waiting' and reason = 'details'
  and {set_aside.not_resting("details", "id::text")}
order by id limit 500
"""  # noqa: S608 - names of our own
LOOP: Final = "details"
Keep = Callable[[Sequence[Held]], Awaitable[None]]


@dataclass(frozen=True)
class Keeping:
    """Where details go: the vault in PostgreSQL, or by `keep` where they wait for it."""

    pool: Any
    vault: Vault
    keep: Keep

    async def take(self, scans: dict[str, Scan], details: Mapping[str, Details]) -> None:
        """Keep the details of scans by their ids, and give these scans how far from the destination they were made.

        Raises:
            KafkaAway: neither PostgreSQL nor Kafka took them.
        """
        for event_id, each in details.items():
            if each.address_is_odd:
                metrics.INGEST_ODD_ADDRESSES.labels(scans[event_id].carrier).inc()
        try:
            async with self.pool.acquire() as con, con.transaction():
                for event_id, each in details.items():
                    scans[event_id] = await self._measured(con, scans[event_id], each)
                    await self._insert(con, scans[event_id], _plain(each))
        except Exception as why:
            if not (is_away(why) or isinstance(why, Unopenable)):
                raise
            await self.keep([self._held(scans[event_id], each) for event_id, each in details.items()])

    async def _measured(self, con: Any, scan: Scan, details: Details) -> Scan:
        """The scan with its distance, where that can be known; where it cannot, it goes on without."""
        if details.position is None:
            return scan
        try:
            destination = await self._destination(con, scan)
        except Unopenable as why:
            metrics.INGEST_UNMEASURED.labels("unopenable").inc()
            log.error("destination_unopenable", carrier=scan.carrier, why=str(why))
            return scan
        return scan if destination is None else scan._replace(
            distance_bucket=bucket(details.position, destination).value
        )  # fmt: skip

    async def _destination(self, con: Any, scan: Scan) -> Position | None:
        row = await con.fetchrow(DESTINATION, scan.carrier, scan.number)
        if row is None:
            return None
        key, place = parcel_key(scan.carrier, scan.number), destination_place(row["registration_id"])
        plain = await secrets.open_sealed(con, self.vault, key, place, row["destination"])
        if plain is None:
            metrics.INGEST_UNMEASURED.labels("forgotten").inc()
            return None
        said = json.loads(plain)
        return None if said.get("latitude") is None else (said["latitude"], said["longitude"])

    async def _insert(self, con: Any, scan: Scan, plain: bytes) -> None:
        await self._keep(con, parcel_key(scan.carrier, scan.number), scan.event_id, plain)

    async def _keep(self, con: Any, key: str, event_id: str, plain: bytes) -> None:
        event = bytes.fromhex(event_id)
        await con.execute(INSERT, event, *await secrets.seal(con, self.vault, key, _place(event), plain))

    def _held(self, scan: Scan, details: Details) -> Held:
        key = parcel_key(scan.carrier, scan.number)
        waits = json.dumps({"key": key, "event_id": scan.event_id, "details": _plain(details).decode()})
        source = Source(scan.reporter or scan.carrier, scan.door, REASON, scan.received_at)
        return held.sealed(self.vault, source, waits.encode())

    async def settle(self) -> None:
        """Bring what waited to its place; what does not open is set aside by itself."""
        async with self.pool.acquire() as con, con.transaction():
            rows = await con.fetch(WAITING)
            outcome = await each_alone(rows, partial(self._bring_home, con))
            await held.settle(con, [row["id"] for row in outcome.done], "replayed", "brought to the vault")
            faults = [Fault(Aside(str(each.element["id"])), each.why) for each in outcome.faults]
            await set_aside.settle(con, LOOP, [str(row["id"]) for row in rows], faults)

    async def _bring_home(self, con: Any, rows: Sequence[Any]) -> None:
        async with con.transaction():
            for row in rows:
                waits = json.loads(HeldReport(*row).opened(self.vault))
                await self._keep(con, waits["key"], waits["event_id"], waits["details"].encode())


def destination_place(registration_id: UUID) -> Place:
    """Where a registration's destination lies."""
    return Place("registrations.destination", registration_id.bytes)


def _place(event_id: bytes) -> Place:
    return Place("event_details.sealed", event_id)


def _plain(details: Details) -> bytes:
    said = {name: value for name, value in details._asdict().items() if value not in (None, ())}
    return json.dumps(said).encode()


async def details_of(con: Any, vault: Vault, key: str) -> list[dict[str, Any]]:
    """The details of a parcel's scans in the order of their receipt; none where it was forgotten.

    Raises:
        Unopenable: another master key, or bytes that were changed or moved.
    """
    await unlock(con, vault)
    rows = await con.fetch(DETAILS, secrets.key_hash(vault, key))
    opened = [
        await secrets.open_sealed(con, vault, key, _place(row["event_id"]), row["sealed"]) for row in rows
    ]
    return [json.loads(plain) for plain in opened if plain is not None]
