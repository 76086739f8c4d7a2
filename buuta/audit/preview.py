"""What scans would change, and how many messages would go, by doing it in a transaction that is rolled back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, Group, batch_of, decode_chunk
from buuta.model.identifiers import parcel_key
from buuta.model.scan import Scan
from buuta.streaming.chunk import Chunk
from services.notifier.chunks import ChunkPlan
from services.tracker.chunks import ChunkFold
from services.tracker.storage import load_parcels

MESSAGES = "select channel, count(*) from messages where state = 'queued' group by 1"


@dataclass
class Told:
    """A milestone record as the notifier's chunk needs it; `timestamp` is when it would be told."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = b""
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Preview:
    """New rows of history, parcels by (status before, status after), and messages by channel."""

    history: int = 0
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)


async def preview(
    con: Any, fold: ChunkFold, plan: ChunkPlan, scans: Sequence[Scan], now_ms: int
) -> Preview:
    """What these scans would do if they were in the log now; nothing of it stays."""
    found = Preview()
    if not scans:
        return found
    transaction = con.transaction()
    await transaction.start()
    try:
        keys = {parcel_key(scan.carrier, scan.number) for scan in scans}
        before = {key: each.status or "-" for key, each in (await load_parcels(con, keys)).items()}
        rows = await _history(con, keys)
        queued = Counter(dict(await con.fetch(MESSAGES)))
        await _apply(con, fold, plan, scans, now_ms)
        after = {key: each.status or "-" for key, each in (await load_parcels(con, keys)).items()}
        found.history = await _history(con, keys) - rows
        found.statuses.update((before.get(key, "-"), after[key]) for key in after)
        found.messages = Counter(dict(await con.fetch(MESSAGES))) - queued
    finally:
        await transaction.rollback()
    return found


async def _history(con: Any, keys: set[str]) -> int:
    count: int = await con.fetchval("select count(*) from scans where parcel_key = any($1)", list(keys))
    return count


async def _apply(con: Any, fold: ChunkFold, plan: ChunkPlan, scans: Sequence[Scan], now_ms: int) -> None:
    group = Group("ScanEvent", list(range(len(scans))), batch_of("ScanEvent", scans))
    folded = await fold.prepare(con, Chunk("preview", 0, 0, len(scans), ()), Decoded([group]))
    pairs = await folded.write(con)
    records = [Told(place, now_ms, value) for place, (_, value) in enumerate(pairs)]
    decoded = decode_chunk(Codec(), [record.value for record in records])
    planned = await plan.prepare(con, Chunk("preview", 0, 0, len(records), records), decoded)
    await planned.write(con)
