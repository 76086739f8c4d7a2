"""A chunk that fails whole goes on in pieces, whatever is at fault; each piece commits by itself."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded
from buuta.settings import SharedSettings
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair
from buuta.streaming.work import Prepare, TooMuch, Work
from buuta.streaming.worker import ChunkWorker
from services.tracker.chunks import ChunkFold
from tests.integration.parts import FakeLog, chunk, everything, milestones, worker
from tests.scans import scan
from tests.waiting import until

GOOD = [scan("accepted", hour, number=f"N{hour:03}") for hour in range(40)]
Fails = Callable[[Chunk], Exception | None]


@dataclass
class Failing:
    """The tracker's work, which fails inside its transaction for some pieces that are not only dead letters."""

    work: Work
    piece: Chunk
    fails: Fails

    async def write(self, con: Any) -> Sequence[Pair]:
        told = await self.work.write(con)
        if why := self.fails(self.piece):
            raise why
        return told


def failing(fails: Fails) -> Prepare:
    fold = ChunkFold(Codec())

    async def prepare(source: Any, piece: Chunk, decoded: Decoded) -> Work:
        work = await fold.prepare(source, piece, decoded)
        return Failing(work, piece, fails) if decoded.groups else work

    return prepare


def bad() -> Exception:
    made: Exception = asyncpg.DataError("no")
    return made


async def state(pool: Any) -> tuple[int, int]:
    """Scans in the history, and the position."""
    return tuple(await pool.fetchrow("select (select count(*) from scans), position from progress"))


async def buried(settings: SharedSettings) -> list[int]:
    letters = await everything(settings, settings.dead_letters_topic)
    return [int(dict(letter.headers)["offset"]) for letter in letters]


async def test_where_no_single_record_is_to_blame_nothing_is_buried(
    settings: SharedSettings, pool: Any
) -> None:
    """Each half is good and the whole bad, down to the single record."""
    async with worker(
        settings, pool, failing(lambda piece: bad() if len(piece.records) > 1 else None)
    ) as tracker:
        await tracker.handle(chunk(settings, 0, GOOD))
    assert (await state(pool), await buried(settings)) == ((40, 40), [])
    assert [each["sequence"] for each in await milestones(settings)] == [1] * 40


async def test_a_fault_that_comes_and_goes_ends_in_a_commit(settings: SharedSettings, pool: Any) -> None:
    """Good at one attempt and bad at the next, as it likes; and not twice at the same single record."""
    chance, last = random.Random(5), [-1]

    def fails(piece: Chunk) -> Exception | None:
        if last[0] == piece.start or chance.random() < 0.5:
            last[0] = -1
            return None
        last[0] = piece.start if len(piece.records) == 1 else -1
        return bad()

    async with worker(settings, pool, failing(fails)) as tracker:
        await tracker.handle(chunk(settings, 0, GOOD))
    assert (await state(pool), await buried(settings)) == ((40, 40), [])


async def test_every_culprit_is_buried_alone_and_once_however_often_the_chunk_is_tried(
    settings: SharedSettings, pool: Any
) -> None:
    """The connection breaks in between: what is in the log of the dead already is not put there again."""
    breaks = [ConnectionError("the cable"), None, ConnectionError("the cable")]

    def fails(piece: Chunk) -> Exception | None:
        if any(record.offset % 3 == 0 for record in piece.records):
            return bad()
        return breaks.pop() if breaks and piece.start > 20 else None

    async with worker(settings, pool, failing(fails)) as tracker:
        await tracker.handle(chunk(settings, 0, GOOD))
    assert await buried(settings) == list(range(0, 40, 3))
    assert await state(pool) == (40 - 14, 40)


async def test_an_attempt_is_bounded_by_the_number_of_records(settings: SharedSettings, pool: Any) -> None:
    seen: list[int] = []

    def fails(piece: Chunk) -> Exception | None:
        seen.append(len(piece.records))
        return bad()

    async with worker(settings, pool, failing(fails)) as tracker:
        await tracker.handle(chunk(settings, 0, GOOD))
    assert (await state(pool), len(await buried(settings))) == ((0, 40), 40)
    assert len(seen) <= 3 * len(GOOD)


async def waits(tracker: ChunkWorker) -> str:
    return tracker.parts.readiness.waiting.get("partition 0", "")


@pytest.mark.parametrize(
    ("limits", "every", "says"),
    [
        ({"dead_letter_run": 5}, 1, "6 records in a row cannot be stored (limit 5)"),
        ({"dead_letter_share": 0.1}, 3, "41 of 400 records cannot be stored (limit 10%)"),
    ],
)
async def test_what_a_bad_deploy_cannot_store_pauses_the_partition(
    settings: SharedSettings, pool: Any, limits: dict[str, Any], every: int, says: str
) -> None:
    own = settings.model_copy(update=limits)
    broken = [True]

    def fails(piece: Chunk) -> Exception | None:
        culprit = any(record.offset % every == 0 for record in piece.records)
        return bad() if culprit and broken else None

    many = [scan("accepted", number=f"M{place:04}") for place in range(400)]
    async with worker(own, pool, failing(fails)) as tracker:
        handling = asyncio.create_task(tracker.handle(chunk(own, 0, many)))
        assert says in await until(lambda: waits(tracker), "the partition is paused")
        assert (await pool.fetchval("select paused from progress")).startswith(says)
        broken.clear()
        await pool.execute("update progress set paused = null, dead_run = 0")
        await handling
    dead = await buried(own)
    assert len(dead) == len(set(dead)) < 41
    assert await state(pool) == (400 - len(dead), 400)


async def test_what_people_allow_is_buried(settings: SharedSettings, pool: Any) -> None:
    own = settings.model_copy(update={"dead_letter_run": 2})
    async with worker(own, pool, failing(lambda piece: bad())) as tracker:
        handling = asyncio.create_task(tracker.handle(chunk(own, 0, GOOD[:6])))
        await until(lambda: waits(tracker), "the partition is paused")
        await pool.execute("update progress set paused = null, dead_run = 0, dead_allowed = 4")
        await handling
    assert (await state(pool), await buried(own)) == ((0, 6), list(range(6)))


async def test_what_timed_out_comes_again_in_halves(settings: SharedSettings, pool: Any) -> None:
    sizes: list[int] = []

    def fails(piece: Chunk) -> Exception | None:
        sizes.append(len(piece.records))
        return asyncpg.QueryCanceledError("statement timeout") if len(piece.records) > 10 else None

    async with worker(settings, pool, failing(fails)) as tracker:
        await tracker.handle(chunk(settings, 0, GOOD))
        assert sizes == [40, 20, 10, 10, 10, 10]
        await tracker.handle(
            chunk(settings, 40, [scan("delivered", 1, number=f"N{place}") for place in range(20)])
        )
    assert sizes[6:] == [20, 10, 10], "and larger ones are tried again"
    assert (await state(pool), await buried(settings)) == ((60, 60), [])


async def test_what_asks_for_too_much_is_done_in_halves(settings: SharedSettings, pool: Any) -> None:
    fold, sizes = ChunkFold(Codec()), list[int]()

    async def prepare(source: Any, piece: Chunk, decoded: Decoded) -> Work:
        sizes.append(len(piece.records))
        if len(piece.records) > 20:
            raise TooMuch("too much")
        return await fold.prepare(source, piece, decoded)

    async with worker(settings, pool, prepare) as tracker:
        await tracker.handle(chunk(settings, 0, GOOD))
    assert (sizes, await state(pool)) == ([40, 20, 20], (40, 40))


async def test_a_piece_that_was_told_is_told_before_the_next_one_commits(
    settings: SharedSettings, pool: Any
) -> None:
    """A worker that dies between two pieces leaves the first one's milestones pending to its heir."""

    def fails(piece: Chunk) -> Exception | None:
        return bad() if len(piece.records) > 20 else (SystemError("dies") if piece.start >= 20 else None)

    async def until_it_dies() -> None:
        async with worker(settings, pool, failing(fails)) as tracker:
            tracker._tell = lambda partition, pairs: None  # type: ignore[method-assign]  # dies after the commit
            await tracker.handle(chunk(settings, 0, GOOD))

    with pytest.raises(SystemError):
        await until_it_dies()
    assert (await state(pool), await milestones(settings)) == ((20, 20), [])
    async with worker(settings, pool) as heir:
        await heir.handle(chunk(settings, 20, GOOD[20:]))
    assert await state(pool) == (40, 40)
    assert [each["number"] for each in await milestones(settings)] == [each.number for each in GOOD]


@pytest.mark.parametrize(("every", "pauses"), [(3, True), (7, False)])
async def test_what_is_plainly_unstorable_is_found_without_a_trial(
    settings: SharedSettings, pool: Any, *, every: int, pauses: bool
) -> None:
    """A third of a chunk pauses the partition and nothing is buried; a seventh is set aside in one go."""
    many = [
        scan("accepted", number=f"M{place:04}", facility=None if place % every else "B\0C")
        for place in range(1_200)
    ]
    sizes: list[int] = []

    def noting(piece: Chunk) -> None:
        sizes.append(len(piece.records))

    async with worker(settings, pool, failing(noting)) as tracker:
        handling = asyncio.create_task(tracker.handle(chunk(settings, 0, many)))

        async def ended() -> bool:
            return handling.done() or bool(await waits(tracker))

        await until(ended, "the chunk is through, or its partition paused")
        said = await waits(tracker)
        handling.cancel()
    dead = 1_200 // every + bool(1_200 % every)
    if pauses:
        assert "400 of 1200 records cannot be" in said
        assert (sizes, await state(pool), await buried(settings)) == ([], (0, 0), [])
    else:
        assert (sizes, await state(pool)) == ([1_200], (1_200 - dead, 1_200))
        assert await buried(settings) == list(range(0, 1_200, 7))


@pytest.mark.parametrize("at", [9_000_000_000_000_000, -9_000_000_000_000_000, 2**63 - 1, -(2**63)])
async def test_no_time_stops_a_partition(settings: SharedSettings, pool: Any, at: int) -> None:
    """Whatever a door lets pass: stored, or a dead letter, and the neighbours go on."""
    odd = scan("accepted", 0, number="N1", occurred_at=at, received_at=at)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [odd, scan("accepted", 0, number="N2")]))
    scans, position = await state(pool)
    assert (scans + len(await buried(settings)), position) == (2, 2)


def overtaken(pool: Any, *statements: str) -> Prepare:
    """A fold between whose load and transaction somebody else does something, at the second chunk, once."""
    fold, left = ChunkFold(Codec()), list(statements)

    async def prepare(source: Any, piece: Chunk, decoded: Decoded) -> Work:
        work = await fold.prepare(source, piece, decoded)
        while piece.start and left:
            await pool.execute(left.pop(0))
        return work

    return prepare


async def test_what_was_loaded_and_is_gone_at_the_commit_is_loaded_again(
    settings: SharedSettings, pool: Any
) -> None:
    """Retention forgets a parcel between the fold and its transaction."""
    forgotten = overtaken(pool, "delete from scans", "delete from parcels")
    async with worker(settings, pool, forgotten) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted", 0)]))
        await tracker.handle(chunk(settings, 1, [scan("in_transit", 1)]))
    assert await state(pool) == (1, 2)
    assert tuple(await pool.fetchrow("select status, live, scans from parcels")) == ("in_transit", "T", 1)


async def test_what_was_loaded_from_tables_that_changed_places_is_loaded_again(
    settings: SharedSettings, pool: Any
) -> None:
    """`buuta rebuild` swaps the tables between the fold and its transaction, and raises the fence."""
    swapped = overtaken(
        pool, "update progress set fence = fence + 1", "update parcels set live = 'IA', sequence = 2"
    )
    async with worker(settings, pool, swapped) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted", 0)]))
        await tracker.handle(chunk(settings, 1, [scan("in_transit", 1)]))
        log = tracker.log
        assert isinstance(log, FakeLog)
        assert (log.rereads, await state(pool)) == ([0], (1, 1))
        await tracker.handle(chunk(settings, 0, [scan("accepted", 0), scan("in_transit", 1)]))
    assert await pool.fetchval("select live from parcels") == "IAT"
