"""Work is measured before it is begun, done outside the transaction and beside the event loop, and in pieces."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, decode_chunk
from buuta.model.scan import DeadlinePassed, Registration, Scan
from buuta.model.steering import MOST_SCANS
from buuta.settings import SharedSettings
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.streaming.work import TooMuch, Work
from services.tracker.chunks import EXPECTED, SLICE, ChunkFold
from services.tracker.storage import load_parcels
from tests.integration.parts import chunk, worker
from tests.scans import EVENING, MORNING, letters, registration, scan

IDLE_SECONDS = 3.0
"""As long as PostgreSQL lets a transaction of these settings lie idle."""
FILL = """
insert into parcels (parcel_key, slot, status, attempts, live, sequence, scans, moved_at, last_at, greatest_at,
  full_at)
select 'ghn:H' || key, 0, 'held', 0, 'H', 1, $2::bigint::int, $3::bigint, newest, newest,
  case when $2::bigint > $4::bigint then $3::bigint + $4::bigint * 1000 end
from generate_series(0, $1::bigint - 1) as key, lateral (select $3::bigint + $2::bigint * 1000) as _ (newest)
"""
FILL_SCANS = """
insert into scans (parcel_key, event_id, status, provisional, occurred_at, offset_minutes, offset_source,
  received_at, raw_code, door, mapping_version)
select 'ghn:H' || key, decode(md5(key || '-' || n), 'hex'), 'held', false, $3::bigint + n * 1000, 420, 'carrier',
  $3::bigint + n * 1000, 'held', 'api', 'ghn-1'
from generate_series(0, $1::bigint - 1) as key, generate_series(1, $2::bigint) as n
"""


async def filled(pool: Any, keys: int, scans: int) -> None:
    """So many parcels with so many scans each."""
    await pool.execute(FILL, keys, scans, MORNING, MOST_SCANS)
    await pool.execute(FILL_SCANS, keys, scans, MORNING, timeout=300)
    await pool.execute("analyze scans")


class Watched:
    """The tracker's work: its pieces, how long it was in a transaction, and the most scans it loaded at once."""

    def __init__(self) -> None:
        self._fold = ChunkFold(Codec())
        self.pieces: list[int] = []
        self.longest = 0.0
        self.largest = 0

    async def fetch(self, statement: str, *given: Any) -> Any:
        """As a pool's, noting how much was loaded."""
        rows = await self._pool.fetch(statement, *given)
        self.largest = max(self.largest, len(rows) if "from scans" in statement else 0)
        return rows

    async def prepare(self, source: Any, piece: Chunk, decoded: Decoded) -> Work:
        self._pool = source
        self._work = await self._fold.prepare(self, piece, decoded)
        self.pieces.append(len(piece.records))
        return self

    async def write(self, con: Any) -> Sequence[Pair]:
        started = time.monotonic()
        told = await self._work.write(con)
        self.longest = max(self.longest, time.monotonic() - started)
        return told


async def handled(
    settings: SharedSettings, pool: Any, records: Sequence[Scan | Registration | bytes]
) -> Watched:
    """Apply the records as one chunk, within limits that hold whatever lies in the tables."""
    watched = Watched()
    async with worker(settings, pool, watched.prepare) as tracker:
        await tracker.handle(chunk(settings, 0, records))
    assert await pool.fetchval("select position from progress") == len(records)
    assert watched.longest < IDLE_SECONDS, "the transaction only checks and writes"
    assert sum(watched.pieces) >= len(records)
    assert watched.largest <= SLICE + MOST_SCANS + 1, "what is loaded at once is bounded"
    return watched


def late_scans(keys: int) -> list[Scan]:
    """A scan of each parcel that comes later than all that is known and happened before it."""
    at = {"occurred_at": MORNING + 500, "received_at": EVENING}
    return [scan("in_transit", number=f"H{key}", event_id=f"{key:032}", **at) for key in range(keys)]


async def test_late_scans_of_long_histories_are_folded_in_pieces(
    settings: SharedSettings, pool: Any
) -> None:
    keys, scans = 60, MOST_SCANS - 10
    await filled(pool, keys, scans)
    watched = await handled(settings, pool, late_scans(keys))
    assert watched.pieces == [30, 30], "more scans than one chunk may fold anew"
    assert await pool.fetchval("select count(*) from parcels where scans = $1", scans + 1) == keys


async def test_an_honest_late_file_is_through_at_once(settings: SharedSettings, pool: Any) -> None:
    await filled(pool, 1_000, 80)
    watched = await handled(settings, pool, late_scans(1_000))
    assert watched.pieces == [1_000]
    assert await pool.fetchval("select count(*) from parcels where scans = 81 and live like 'TH%'") == 1_000


async def test_of_a_flood_of_one_number_only_what_can_steer_is_loaded(
    settings: SharedSettings, pool: Any
) -> None:
    """Our own deadline, and a scan that was received early, however many scans there are."""
    await filled(pool, 1, 100_000)
    deadline = DeadlinePassed("ghn", "H0", "stuck", MORNING + 10**9, MORNING + 10**9)
    early = scan("accepted", number="H0", occurred_at=MORNING + 1, received_at=MORNING + 1)
    watched = await handled(settings, pool, [Codec().encode("DeadlinePassed", deadline._asdict()), early])
    assert watched.largest == MOST_SCANS + 1
    parcel = (await load_parcels(pool, ["ghn:H0"]))["ghn:H0"]
    assert (parcel.scans, parcel.full_at) == (100_001, MORNING + MOST_SCANS * 1000)
    assert letters(parcel.live) == "AH"
    assert "Z" in parcel.findings


async def test_many_changes_of_one_registration_fold_once_each(settings: SharedSettings, pool: Any) -> None:
    await filled(pool, 1, 1_000)
    watched = await handled(settings, pool, [registration(number="H0", version=n) for n in range(200)])
    assert len(watched.pieces) > 1
    parcel = (await load_parcels(pool, ["ghn:H0"]))["ghn:H0"]
    assert (parcel.registration_version, parcel.scans) == (199, 1_000)


async def test_versions_that_were_declared_before_are_work_as_well(
    settings: SharedSettings, pool: Any
) -> None:
    """Each change is folded with all that were before it: thousands of them in one go would take a minute."""
    await filled(pool, 1, 1)
    await pool.execute("update parcels set registration_version = 4999")
    own = registration(number="H0").registration_id
    await pool.execute(
        "insert into declarations (parcel_key, version, registered_at, registration_id, withdrawn, confirmed)"
        " select 'ghn:H0', n, $1::bigint + n, $2, false, false from generate_series(0, 4999) as n", MORNING, own,
    )  # fmt: skip
    watched = await handled(
        settings, pool, [registration(number="H0", version=5_000 + n) for n in range(60)]
    )
    assert max(watched.pieces) < 20
    assert (await load_parcels(pool, ["ghn:H0"]))["ghn:H0"].registration_version == 5_059


async def test_a_version_that_may_be_anything_stops_nothing(settings: SharedSettings, pool: Any) -> None:
    for version in (2**31 - 1, -(2**31)):
        await pool.execute("truncate declarations, parcels, progress")
        odd: list[Scan | Registration] = [registration(number="H0", version=version), *late_scans(3)]
        async with worker(settings, pool) as tracker:
            await tracker.handle(chunk(settings, 0, odd))
            await tracker.handle(
                chunk(settings, 4, [registration(number="H0", version=7), *late_scans(5)[3:]])
            )
        assert await pool.fetchval("select position from progress") == 7


@pytest.mark.parametrize("records", [0, 1])
async def test_what_is_one_record_is_never_too_much(
    settings: SharedSettings, pool: Any, records: int
) -> None:
    """Or it could not be divided, and would stop the partition."""
    own = [scan("accepted"), scan("in_transit", -1)][:records]
    part = chunk(settings, 0, [*own, b"junk"])
    decoded = decode_chunk(Codec(), part.values, EXPECTED)
    await (await ChunkFold(Codec(), most_folded=0).prepare(pool, part, decoded)).write(pool)
    many = chunk(settings, 0, [scan("accepted"), scan("in_transit", -1)])
    decoded = decode_chunk(Codec(), many.values, EXPECTED)
    with pytest.raises(TooMuch):
        await ChunkFold(Codec(), most_folded=0).prepare(pool, many, decoded)
