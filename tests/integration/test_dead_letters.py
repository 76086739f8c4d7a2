"""A dead letter can be looked at, and be sent again once it can be read."""

from typing import Any

import pytest

from buuta.contracts.codec import Codec
from buuta.errors import BadItem
from buuta.settings import SharedSettings
from buuta.streaming.dead_letters import letters, replay, settle, settled
from tests.integration.command import buuta
from tests.integration.parts import chunk, everything, worker
from tests.scans import scan


async def test_a_letter_says_why_and_where_from_and_goes_back_there(
    settings: SharedSettings, pool: Any
) -> None:
    good = Codec().encode("ScanEvent", scan("accepted", 0)._asdict())
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [b"\xc3\x01garbage!", None, good]))
        found = [each async for each in letters(settings)]
        assert [(each.number, each.topic, each.partition, each.offset) for each in found] == [
            (0, settings.events_topic, 0, 0), (1, settings.events_topic, 0, 1),
        ]  # fmt: skip
        assert "fingerprint" in found[0].reason
        await replay(tracker.parts.producer, found[0])
    [again] = await everything(settings, settings.events_topic)
    assert again.value == b"\xc3\x01garbage!"


async def test_a_letter_is_settled_with_a_reason_and_stays_in_its_topic(
    settings: SharedSettings, pool: Any
) -> None:
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [b"\xc3\x01garbage!", None]))
    first, second = [each async for each in letters(settings)]
    await settle(pool, first, "dropped", "a test of the carrier's")
    await settle(pool, second, "dropped", "by mistake")
    await settle(pool, second, "replayed", "sent again by hand")
    assert await settled(pool) == {0: "dropped: a test of the carrier's", 1: "replayed: sent again by hand"}
    assert len([each async for each in letters(settings)]) == 2


async def test_a_record_that_is_too_large_for_a_letter_is_noted_and_its_neighbours_are_applied(
    settings: SharedSettings, pool: Any
) -> None:
    good = Codec().encode("ScanEvent", scan("accepted", 0)._asdict())
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [b"x" * 1_200_000, good]))
        [found] = [each async for each in letters(settings)]
        assert (found.offset, found.value) == (0, None)
        assert "it lies in its topic" in found.reason
        with pytest.raises(BadItem, match="too large to be kept"):
            await replay(tracker.parts.producer, found)
    assert await pool.fetchval("select count(*) from scans") == 1
    ran = await buuta(settings, "dead-letters", "replay", "--all")
    assert "stays: letter 0 is too large" in ran.said, ran.said


async def test_no_letters_is_an_empty_list(settings: SharedSettings, pool: Any) -> None:
    assert [each async for each in letters(settings)] == []


async def test_a_scan_that_no_door_would_take_stays_a_letter_and_its_neighbours_go(
    settings: SharedSettings, pool: Any
) -> None:
    wrong, right = (
        Codec().encode("ScanEvent", scan("held", 1, attempt=attempt)._asdict())
        for attempt in (2**31 - 1, 1)
    )
    async with worker(settings, pool) as tracker:
        part = chunk(settings, 0, [wrong, right])
        await tracker.parts.dead_letters.keep(part, {0: "too large", 1: "a fault of ours"})
    ran = await buuta(settings, "dead-letters", "replay", "--all")
    assert "Letter 0 stays: attempt must be a number from 1 to 99." in ran.said
    assert "1 sent again." in ran.said
    assert [each.value for each in await everything(settings, settings.events_topic)] == [right]
    assert (await settled(pool)).keys() == {1}
