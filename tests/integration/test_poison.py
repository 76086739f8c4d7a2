"""A record that nobody can store is set aside alone, whatever is wrong with it; what comes behind it goes on."""

import string
from random import Random
from typing import Any

import pytest

from buuta.contracts.codec import Codec
from buuta.model.scan import DeadlinePassed
from buuta.settings import SharedSettings
from tests.integration.parts import chunk, everything, worker
from tests.scans import registration, scan

LONG = "".join(Random(1).choices(string.ascii_letters, k=3_000))
"""Nothing makes it shorter: no index takes it."""


async def buried(settings: SharedSettings) -> list[int]:
    letters = await everything(settings, settings.dead_letters_topic)
    return [int(dict(letter.headers)["offset"]) for letter in letters]


def odd(field: str, text: str) -> bytes:
    """A scan that says so in one of its texts, by a door that looks at nothing."""
    return Codec().encode("ScanEvent", scan("held", 1, number="N1")._asdict() | {field: text})


@pytest.mark.parametrize("field", ["carrier", "number", "facility", "province", "raw_code", "reporter"])
async def test_no_text_stops_a_partition(settings: SharedSettings, pool: Any, field: str) -> None:
    broken = odd(field, "@@").replace(b"@@", b"\xff\xfe")
    first, last = scan("accepted"), scan("in_transit", 2)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [first, broken, odd(field, LONG), last]))
    assert (await pool.fetchval("select position from progress"), await buried(settings)) == (4, [1, 2])
    assert await pool.fetchval("select live from parcels where parcel_key = 'ghn:Z82BS'") == "AT"


@pytest.mark.parametrize("field", ["province", "commune", "service", "registration_id", "number"])
async def test_a_registration_that_no_figure_can_hold_takes_no_scan_with_it(
    settings: SharedSettings, pool: Any, field: str
) -> None:
    """It is stored without complaint, and its parcel's scans would be what is refused, one and all."""
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [registration(**{field: LONG})]))
        await tracker.handle(chunk(settings, 1, [scan("accepted"), scan("in_transit", 2)]))
    assert (await buried(settings), await pool.fetchval("select count(*) from scans")) == ([0], 2)


async def test_a_deadline_of_a_number_that_no_index_takes_is_set_aside(
    settings: SharedSettings, pool: Any
) -> None:
    passed = DeadlinePassed("ghn", LONG, "stuck", 5, 6)
    async with worker(settings, pool) as tracker:
        await tracker.handle(
            chunk(settings, 0, [Codec().encode("DeadlinePassed", passed._asdict()), scan("accepted")])
        )
    assert (await buried(settings), await pool.fetchval("select position from progress")) == ([0], 2)
