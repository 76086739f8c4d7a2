"""One event id, more than one report: what was received first stands in any order, and that they differ shows."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from buuta.cli import findings
from buuta.model.scan import Scan
from buuta.model.steering import MOST_SCANS
from buuta.settings import SharedSettings
from services.tracker.domain.copies import differing
from services.tracker.domain.fold import fold
from services.tracker.domain.parcel import Parcel
from services.tracker.storage import load_parcels
from tests.integration.parts import everything
from tests.integration.test_ideas_of_truth import SCANS_ONLY, apply, fed, holds, named_anew
from tests.scans import EVENING, HOUR, repeated, scan

MINUTE = 60_000
FIRST = scan("accepted", 0, event_id="e1" * 16)
LATER = FIRST._replace(occurred_at=FIRST.occurred_at + MINUTE, received_at=FIRST.received_at + 500)


async def stored(pool: Any) -> Parcel:
    return (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]


async def nothing_is_dead(settings: SharedSettings) -> None:
    assert await everything(settings, settings.dead_letters_topic) == []


@pytest.mark.parametrize(
    "chunks", [[[FIRST, LATER]], [[LATER, FIRST]], [[FIRST], [LATER]], [[LATER], [FIRST]]]
)
async def test_a_copy_with_a_later_time_counts_once_and_whatever_comes_behind_it_goes_on(
    settings: SharedSettings, pool: Any, chunks: list[list[Scan]]
) -> None:
    await apply(settings, pool, *chunks, [scan("in_transit", 2)])
    parcel = await stored(pool)
    assert (parcel.status, parcel.accepted_at, parcel.scans) == ("in_transit", FIRST.occurred_at, 2)
    assert "C" in parcel.findings
    await nothing_is_dead(settings)


async def test_a_copy_that_says_the_same_is_no_finding_whenever_it_was_received(
    settings: SharedSettings, pool: Any
) -> None:
    """By another door, mapped by another version, its place looked up meanwhile: the carrier says the same."""
    again = FIRST._replace(
        received_at=FIRST.received_at + HOUR,
        door="file",
        mapping_version="ghn-2",
        province="01",
        commune="00070",
    )
    await apply(settings, pool, [FIRST], [again], [again])
    assert ((await stored(pool)).findings, await differ(pool)) == ("", set())


async def test_the_finding_is_counted_and_stays_through_later_scans_refolds_and_earlier_copies(
    settings: SharedSettings, pool: Any
) -> None:
    earliest = FIRST._replace(received_at=FIRST.received_at - 1)
    await apply(
        settings, pool, [FIRST], [LATER], [scan("delivered", 9)], [scan("out_for_delivery", 3)], [earliest]
    )
    [row] = [row for row in await pool.fetch(findings.COUNT, "ghn") if row["letter"] == "C"]
    assert (row["parcels"], row["example"]) == (1, "ghn:Z82BS")
    assert await differ(pool) == {FIRST.event_id}
    assert await pool.fetchval("select received_at from scans where copies_differ") == earliest.received_at


async def test_copies_of_a_key_that_is_full_are_found_as_well(settings: SharedSettings, pool: Any) -> None:
    many = [scan("held", place / 1000, received_at=EVENING + place) for place in range(MOST_SCANS + 5)]
    last = many[-1]
    other = last._replace(facility="BC1", received_at=last.received_at + 5)
    early = many[3]._replace(facility="BC1", received_at=last.received_at + 5)
    await apply(
        settings, pool, many[:1000], many[1000:], [other], [early, scan("held", 7, received_at=EVENING)]
    )
    parcel = await stored(pool)
    assert (parcel.scans, "C" in parcel.findings, "Z" in parcel.findings) == (MOST_SCANS + 6, True, True)
    assert await differ(pool) == {last.event_id, early.event_id}


async def test_an_id_is_written_in_one_way(settings: SharedSettings, pool: Any) -> None:
    """Or a copy could pass for another event, and stop the partition at the primary key."""
    loud = scan("in_transit", 1, event_id="E1" * 16)
    await apply(settings, pool, [FIRST, loud], [scan("delivered", 2)])
    assert ((await stored(pool)).scans, await pool.fetchval("select count(*) from scans")) == (2, 2)
    [letter] = await everything(settings, settings.dead_letters_topic)
    assert dict(letter.headers)["offset"] == b"1"


async def differ(pool: Any) -> set[str]:
    """The event ids that are marked."""
    return {row[0].hex() for row in await pool.fetch("select event_id from scans where copies_differ")}


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(repeated(), min_size=1, max_size=3),
    st.lists(st.integers(1, 6), min_size=1, max_size=6),
    st.randoms(),
)
async def test_any_order_of_copies_and_any_chunking_ends_in_the_fold_of_the_set(
    settings: SharedSettings, pool: Any, parcels: list[list[Scan]], sizes: list[int], chance: Any
) -> None:
    """Over the real storage path: nothing stops the worker, nothing is buried, the state is the fold's."""
    numbers, own = named_anew("R", parcels)
    reached = await fed(settings, pool, own, sizes, chance)
    await holds(settings, pool, numbers, own)
    assert await differ(pool) == differing(own)
    assert await pool.fetchval("select coalesce(max(position), 0) from progress") == reached
    await nothing_is_dead(settings)


def test_the_finding_is_a_function_of_the_set() -> None:
    for records in ([FIRST, LATER], [LATER, FIRST], [FIRST, LATER, FIRST]):
        parcel = fold(records).parcel
        assert (parcel.findings, parcel.accepted_at) == ("C", FIRST.occurred_at)
        assert all(
            getattr(parcel, name) == getattr(fold([LATER, FIRST]).parcel, name) for name in SCANS_ONLY
        )
