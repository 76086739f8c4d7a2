"""A log that is not the one that the state was built from stops the worker; nothing is skipped."""

from collections.abc import Mapping
from typing import Any

import pytest

from buuta.errors import KafkaAway, LogChanged
from buuta.settings import SharedSettings
from buuta.streaming.chunk import Chunk
from buuta.streaming.origin import Bounds
from tests.integration.parts import FakeLog, asked, chunk, worker
from tests.scans import scan

JOURNEY = [scan("accepted", 0), scan("in_transit", 1), scan("out_for_delivery", 2), scan("delivered", 3)]
OTHERS = [scan("held", hour) for hour in range(8)]


async def applied(settings: SharedSettings, pool: Any) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, JOURNEY))


async def read(settings: SharedSettings, pool: Any, bounds: tuple[int, int], *chunks: Chunk) -> None:
    """What an heir does whose log has these bounds."""
    async with worker(settings, pool, bounds=bounds) as heir:
        for each in chunks:
            await heir.handle(each)


async def history(pool: Any) -> tuple[int, int]:
    return (
        await pool.fetchval("select count(*) from scans"),
        await pool.fetchval("select position from progress where partition = 0"),
    )


@pytest.mark.parametrize(
    ("bounds", "says"),
    [((9, 20), "5 records were deleted before they were read"), ((0, 2), "made anew or cut off")],
)
async def test_a_log_that_does_not_reach_to_the_position_is_refused(
    settings: SharedSettings, pool: Any, bounds: tuple[int, int], says: str
) -> None:
    await applied(settings, pool)
    with pytest.raises(LogChanged, match=says):
        await read(settings, pool, bounds)


async def test_the_heir_reads_one_record_back_and_knows_a_topic_that_was_made_anew(
    settings: SharedSettings, pool: Any
) -> None:
    await applied(settings, pool)
    async with worker(settings, pool) as heir:
        assert await heir.take_over(asked({0: (0, 8)})) == {0: 3}
    with pytest.raises(LogChanged, match="position 3 is not the one that was applied"):
        await read(settings, pool, (0, 8), chunk(settings, 3, OTHERS[3:]))
    assert await history(pool) == (4, 4)


async def test_the_same_record_read_again_counts_once(settings: SharedSettings, pool: Any) -> None:
    await applied(settings, pool)
    async with worker(settings, pool) as heir:
        await heir.handle(chunk(settings, 3, [JOURNEY[3], scan("returning", 9)]))
    assert await history(pool) == (5, 5)


async def test_a_topic_made_anew_while_we_read_is_noticed(settings: SharedSettings, pool: Any) -> None:
    """The consumer, out of range, begins at 0 again: what comes is not what was applied."""
    with pytest.raises(LogChanged, match="ends at 2"):
        await read(settings, pool, (0, 2), chunk(settings, 0, JOURNEY), chunk(settings, 0, OTHERS[:2]))


async def test_retention_that_passes_us_while_we_read_stops_us(settings: SharedSettings, pool: Any) -> None:
    async def overtaken() -> None:
        async with worker(settings, pool) as tracker:
            await tracker.handle(chunk(settings, 0, JOURNEY))
            tracker.log = FakeLog(first=7)
            await tracker.handle(chunk(settings, 7, OTHERS))

    with pytest.raises(LogChanged, match="3 records were deleted before they were read"):
        await overtaken()
    assert await history(pool) == (4, 4)


async def test_another_number_of_partitions_is_refused(settings: SharedSettings, pool: Any) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.claim()
        await tracker.claim()
        await pool.execute("update logs set partitions = partitions * 2")
        with pytest.raises(LogChanged, match="would lead to another partition"):
            await tracker.claim()


async def test_a_broker_that_does_not_say_where_its_log_ends_is_waited_for(
    settings: SharedSettings, pool: Any
) -> None:
    answers: list[Mapping[int, Bounds] | KafkaAway] = [KafkaAway("away"), KafkaAway("away"), {0: (0, 8)}]

    async def bounds() -> Mapping[int, Bounds]:
        answer = answers.pop(0)
        if isinstance(answer, KafkaAway):
            raise answer
        return answer

    async with worker(settings, pool) as tracker:
        assert await tracker.take_over(bounds) == {0: 0}


async def test_a_partition_that_was_not_taken_over_in_time_is_taken_over_at_its_first_chunk(
    settings: SharedSettings, pool: Any
) -> None:
    """Faust waits for the taking over only so long, and then lets the partition's records come."""
    log = FakeLog()
    async with worker(settings, pool, partitions=0) as tracker:
        tracker.log = log
        await tracker.handle(chunk(settings, 0, JOURNEY))
        assert log.rereads == [0]
        await tracker.handle(chunk(settings, 0, JOURNEY))
    assert await history(pool) == (4, 4)
