"""`make bench-growth`: what a scan costs when a million, or ten million, parcels lie in the tables already.

For each size a fresh database is filled by SQL with delivered parcels of four scans each, a tenth of them
still under way. Then the same work is applied to it, chunk by chunk, as a tracker does: new parcels, and
deliveries of parcels under way, spread over the whole table. The figure is microseconds a scan,
database included, as a ratio to the smallest size.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks.corpus import HOUR_MS, MORNING_MS, Shape, scans
from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, Group, batch_of
from buuta.embedded.database import EmbeddedDatabase
from buuta.model.identifiers import event_id
from buuta.model.scan import Scan
from buuta.storage.migrate import migrate
from buuta.streaming.chunk import Chunk
from services.tracker.chunks import ChunkFold

RESULTS: Final = Path(__file__).parent / "results.json"
SIZES: Final = (100_000, 1_000_000, 10_000_000)
CHUNK: Final = 4_000
NEW_PARCELS: Final = 8_000
DELIVERIES: Final = 10_000
WARM_UP: Final = 5
"""Chunks that are applied before the clock runs."""
PRIME: Final = 1_000_000_007
NUMBER: Final = f"lpad((n::bigint * 387420489 % {PRIME})::text, 10, '0')"
LOAD: Final = f"""
alter table scans drop constraint scans_pkey;
alter table parcels drop constraint parcels_pkey;
insert into parcels (parcel_key, slot, status, attempts, live, sequence, scans, accepted_at, moved_at, last_at,
  greatest_at, outcome, delivery_mode, mode_evidence, delivered_at, province, next_expected_at)
select 'vnp:EJ' || {NUMBER}, 0, case when open then 'out_for_delivery' else 'delivered' end, 0,
  case when open then 'ATO' else 'ATOD' end, 4, 4, $T, $T, $T + 3 * 3600000, $T + 3 * 3600000,
  case when open then null else 'delivered_to_address' end, case when open then null else 'address' end,
  case when open then null else 'declared' end, case when open then null else $T + 3 * 3600000 end, '01',
  case when open then $T + 60 * 3600000::bigint end
from generate_series(1, $N) as n, lateral (select n % 10 = 0) as _ (open);
insert into scans (parcel_key, event_id, status, provisional, occurred_at, offset_minutes, offset_source,
  received_at, facility, province, commune, raw_code, door, mapping_version)
select 'vnp:EJ' || {NUMBER}, decode(md5(n || status), 'hex'), status, false, $T + at * 3600000, 420, 'carrier',
  $T + at * 3600000 + 60000, 'BC00001', '01', '00001', status, 'api', 'buuta-1'
from generate_series(1, $N) as n, (values (0, 'info_received'), (1, 'accepted'), (2, 'in_transit'),
  (3, 'out_for_delivery')) as step (at, status);
alter table parcels add primary key (parcel_key);
alter table scans add primary key (parcel_key, event_id);
"""


def number_of(n: int) -> str:
    """The number of the n-th parcel; numbers lie scattered, as those of a day do."""
    return f"EJ{n * 387420489 % PRIME:010}"


def work(size: int) -> list[Scan]:
    """New parcels, each eight scans, among deliveries of parcels that are under way."""
    chance = random.Random(11)
    fresh = [
        scan._replace(number=number_of(size + 1 + int(scan.number[2:-2])))
        for scan in scans(Shape(NEW_PARCELS))
    ]
    under_way = chance.sample(range(10, size + 1, 10), min(DELIVERIES, size // 10))
    delivered = [_delivered(number_of(n)) for n in under_way]
    mixed = [*fresh]
    for each in delivered:
        mixed.insert(chance.randrange(len(mixed)), each)
    return mixed


def _delivered(number: str) -> Scan:
    at = MORNING_MS + 9 * HOUR_MS
    return Scan(
        event_id("vnp", (number, "delivered", str(at), "")), "vnp", number, "delivered", None, "address", False,
        None, None, at, 420, "carrier", at + 60_000, "BC00001", "01", "00001", None, None, True, "delivered",
        "api", "buuta-1",
    )  # fmt: skip


def chunks(records: Sequence[Scan]) -> Iterator[tuple[Chunk, Any]]:
    """The work as decoded chunks of one partition."""
    for start in range(0, len(records), CHUNK):
        part = records[start : start + CHUNK]
        group = Group("ScanEvent", list(range(len(part))), batch_of("ScanEvent", part))
        yield Chunk("log", 0, start, start + len(part), ()), Decoded([group])


async def cost(size: int) -> float:
    """Microseconds a scan on tables that hold so many parcels already."""
    database = EmbeddedDatabase()
    con = await asyncpg.connect(database.url)
    try:
        await migrate(con)
        sql = LOAD.replace("$T", str(MORNING_MS - 100 * HOUR_MS)).replace("$N", str(size))
        await con.execute("set maintenance_work_mem = '1GB'; set synchronous_commit = off")
        await con.execute(sql, timeout=7200)
        await con.execute("vacuum analyze parcels", timeout=7200)
        await con.execute("vacuum analyze scans", timeout=7200)
        await con.execute("checkpoint", timeout=7200)
        await con.execute("reset synchronous_commit")
        fold, spent, done = ChunkFold(Codec()), 0.0, 0
        for place, (chunk, decoded) in enumerate(chunks(work(size))):
            started = time.perf_counter()
            folded = await fold.prepare(con, chunk, decoded)
            async with con.transaction():
                await folded.write(con)
            if place >= WARM_UP:
                spent, done = spent + time.perf_counter() - started, done + chunk.next - chunk.start
        return spent / done * 1e6
    finally:
        await con.close()
        database.close()


def main() -> None:
    """Measure each size, print the table, write `results.json`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    asked = arguments.parse_args()
    costs: dict[int, float] = {}
    for size in asked.sizes:
        costs[size] = asyncio.run(cost(size))
        print(
            f"{size:>12,} parcels{costs[size]:>9.1f} us a scan{costs[size] / min(costs.values()):>7.2f} x",
            flush=True,
        )
    kept = json.loads(RESULTS.read_text())
    smallest = costs[min(costs)]
    kept["growth"] = {
        str(size): {"microseconds_a_scan": round(each, 1), "ratio": round(each / smallest, 2)}
        for size, each in costs.items()
    }
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
