"""What carriers read of their own: by a production key what lies in PostgreSQL, by a sandbox key nothing.

Of what a sandbox key reports nothing is kept, so there is nothing that it could read; and what is real is none of
its business. A door reads by the records of its caller and cannot reach others.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Protocol

from buuta.model.times import iso_text
from buuta.storage.sharing import At
from buuta.storage.vault import Vault
from buuta.telemetry.clock import now_ms
from services.ingest.domain.doubts import doubt_at
from services.ingest.domain.manifest import Manifest
from services.ingest.quarantine import held
from services.ingest.quarantine.held import Wanted
from services.ingest.registry import manifests, shippers
from services.ingest.storage import Carrier

MINUTE_MS: Final = 60_000
MOST_SHOWN: Final = 1_000
RECEIVED: Final = """
select parcel_key, event_id, received_at, door, raw_code, status, reason, delivery_mode, provisional, occurred_at,
  offset_minutes, mapping_version, corrects_event_id, correction_kind, copies_differ, day_only, zone, direction,
  partial_return, linked_number
from scans where received_at >= $2 and received_at < $3 and (reporter = $1
  or (parcel_key >= $1 || ':' and parcel_key < $1 || ';'))
order by received_at, event_id limit $4
"""
"""A minute at most: the index leads to the pages of a minute, and nothing is held open for a slow reader."""
AT_ONCE: Final = 5_000
"""So many rows are held in memory; a minute may have hundreds of thousands."""
Found = tuple[Any, int, list[str]]
"""A manifest, how many of its pieces were seen, and which of its numbers were not."""


class Records(Protocol):
    """What a caller may read, and where a manifest goes."""

    def received(self, carrier: str, span: tuple[int, int]) -> AsyncIterator[str]:
        """Scans received in a span of UTC milliseconds, a JSON text a line."""

    async def waiting(self, carrier: str) -> Sequence[dict[str, Any]]:
        """What waits in quarantine, by reason and code."""

    async def reports(self, carrier: str, code: str, after: int) -> Sequence[dict[str, Any]]:
        """Reports that wait for a code, a page of them."""

    async def declare(self, carrier: str, manifest: Manifest) -> None:
        """Keep a manifest."""

    async def manifest(self, carrier: Carrier, manifest: str) -> Found | None:
        """A manifest with what was seen of it."""

    async def name_shipper(self, carrier: Carrier, number: str, shipper: str) -> bool:
        """Name a parcel's shipper; False where somebody else has named it."""

    async def unconfirmed(self, carrier: str) -> Sequence[dict[str, Any]]:
        """Registrations that another's goes before, the newest first."""


class RealRecords:
    """What lies in PostgreSQL."""

    def __init__(self, pool: Any, vault: Vault, gap_ms: int) -> None:
        self._pool = pool
        self._vault = vault
        self._gap_ms = gap_ms

    async def received(self, carrier: str, span: tuple[int, int]) -> AsyncIterator[str]:
        """Scans received in a span, read a minute at a time, or as much of it as is held at once."""
        first, last = span
        length = MINUTE_MS
        while first < last:
            rows, until = await self._part(carrier, first, min(first + length, last))
            for row in rows:
                yield json.dumps(_said(row), ensure_ascii=False) + "\n"
            # Of a full minute no more is looked at than can be taken.
            length = min(2 * (until - first), MINUTE_MS)
            first = until

    async def _part(self, carrier: str, first: int, last: int) -> tuple[Sequence[Any], int]:
        """What was received from a time on, and up to when that is all: whole milliseconds, one at least."""
        rows = await self._pool.fetch(RECEIVED, carrier, first, last, AT_ONCE + 1)
        if len(rows) <= AT_ONCE:
            return rows, last
        newest: int = rows[-1]["received_at"]
        if newest > first:
            return [row for row in rows if row["received_at"] < newest], newest
        return await self._pool.fetch(RECEIVED, carrier, first, first + 1, None), first + 1

    async def waiting(self, carrier: str) -> Sequence[dict[str, Any]]:
        """What waits in quarantine, by reason and code."""
        rows = [row for row in await held.summary(self._pool) if row.carrier == carrier]
        codes = await held.codes_of(self._pool, self._vault, rows)
        return [
            {"reason": row.reason, "code": codes[row.example], "reports": row.reports,
             "oldest": row.oldest.isoformat()}
            for row in rows
        ]  # fmt: skip

    async def reports(self, carrier: str, code: str, after: int) -> Sequence[dict[str, Any]]:
        """Reports that wait for a code, decrypted one by one beside the event loop."""
        wanted = Wanted(carrier, held.hash_named(self._vault, code))
        return [
            {"number": each.number, "door": each.door, "received_at": each.received_at.isoformat(),
             "report": await asyncio.to_thread(each.readable, self._vault)}
            for each in await held.waiting(self._pool, wanted, after)
        ]  # fmt: skip

    async def declare(self, carrier: str, manifest: Manifest) -> None:
        """Keep a manifest; the same id again replaces it."""
        await manifests.declare(self._pool, carrier, manifest)

    async def manifest(self, carrier: Carrier, manifest: str) -> Found | None:
        """A manifest with what was seen of it by now."""
        return await manifests.find(self._pool, carrier, manifest)

    async def name_shipper(self, carrier: Carrier, number: str, shipper: str) -> bool:
        """Name a parcel's shipper; False where somebody else has named it."""
        return await shippers.name(self._pool, carrier, number, shipper, self._at())

    async def unconfirmed(self, carrier: str) -> Sequence[dict[str, Any]]:
        """Registrations that another's goes before, the newest first."""
        rows = await shippers.unconfirmed(self._pool, carrier, MOST_SHOWN, self._at())
        return [{**dict(row), "registered_at": iso_text(row["registered_at"])} for row in rows]

    def _at(self) -> At:
        return At(now_ms(), self._gap_ms)


class SandboxRecords:
    """Nothing."""

    async def received(self, carrier: str, span: tuple[int, int]) -> AsyncIterator[str]:
        """No scans."""
        return
        yield ""

    async def waiting(self, carrier: str) -> Sequence[dict[str, Any]]:
        """Nothing waits."""
        return []

    async def reports(self, carrier: str, code: str, after: int) -> Sequence[dict[str, Any]]:
        """No reports."""
        return []

    async def declare(self, carrier: str, manifest: Manifest) -> None:
        """Keep nothing."""

    async def manifest(self, carrier: Carrier, manifest: str) -> Found | None:
        """No manifest."""
        return None

    async def name_shipper(self, carrier: Carrier, number: str, shipper: str) -> bool:
        """Name nobody."""
        return True

    async def unconfirmed(self, carrier: str) -> Sequence[dict[str, Any]]:
        """No registrations."""
        return []


def _said(row: Any) -> dict[str, Any]:
    """A scan as it was mapped; what is not known is left out."""
    corrected = row["corrects_event_id"]
    warned = doubt_at(row["occurred_at"], row["received_at"], day_only=row["day_only"])
    said = {
        "event_id": row["event_id"].hex(),
        "number": row["parcel_key"].partition(":")[2],
        "received_at": iso_text(row["received_at"]),
        "occurred_at": iso_text(row["occurred_at"], row["offset_minutes"]),
        "door": row["door"], "code": row["raw_code"], "status": row["status"], "reason": row["reason"],
        "delivery_mode": row["delivery_mode"], "provisional": row["provisional"] or None,
        "mapping": row["mapping_version"], "correction": row["correction_kind"],
        "corrects": None if corrected is None else corrected.hex(),
        "copies_differ": row["copies_differ"] or None, "day_only": row["day_only"] or None, "zone": row["zone"],
        "direction": row["direction"], "partial_return": row["partial_return"] or None,
        "linked_number": row["linked_number"], "time": None if warned is None else warned.code,
        "steers": None if warned is None or warned.steers else False,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}
