"""Ideas 4 to 8 of design.md: the live set, one log, a function of the set, owned by a partition."""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from buuta.cli import findings
from buuta.model.scan import Registration, Scan
from buuta.model.steering import MOST_SCANS
from buuta.settings import SharedSettings
from services.portal.storage import find
from services.portal.timelines import LongTimelines
from services.tracker.domain.copies import distinct
from services.tracker.domain.figures import contribution, counted
from services.tracker.domain.fold import fold
from services.tracker.domain.parcel import STATE_FIELDS
from services.tracker.history import load_history
from services.tracker.storage import load_parcels, load_past
from tests.integration.parts import EMPTY, chunk, milestones, worker
from tests.scans import EVENING, HOUR, MORNING, later, registration, reused_journeys, scan

SCANS_ONLY = [
    name for name in STATE_FIELDS if not name.startswith(("registration", "dest", "promised", "service"))
]
numbered = iter(range(10**9))
Live = dict[str, dict[tuple[int, str, int], dict[str, Any]]]


async def apply(settings: SharedSettings, pool: Any, *chunks: Sequence[Scan | Registration]) -> None:
    start = 0
    async with worker(settings, pool) as tracker:
        for records in chunks:
            await tracker.handle(chunk(settings, start, records))
            start += len(records)


async def live_by_consumer(settings: SharedSettings) -> Live:
    """The live set of every parcel as a consumer of milestones builds it, numbers checked on the way."""
    live: Live = defaultdict(dict)
    last: dict[str, int] = defaultdict(int)
    for each in await milestones(settings):
        key, identity = each["number"], (each["epoch"], each["kind"], each["occurrence"])
        if each["sequence"] <= last[key]:
            continue
        assert each["sequence"] == last[key] + 1, "a gap in a parcel's numbers"
        last[key] += 1
        if each["action"] == "retracted":
            del live[key][identity]
        else:
            live[key][identity] = each
    return live


async def test_idea_4_a_late_scan_amends_and_what_is_not_implied_any_more_is_retracted(
    settings: SharedSettings, pool: Any
) -> None:
    first = [scan("accepted", 0), scan("out_for_delivery", 28)]
    late = [scan("out_for_delivery", 26), scan("cancelled", 3)]
    await apply(settings, pool, first, late, [scan("held", 4), scan("out_for_delivery", 2)])
    told = [(each["action"], each["kind"], each["ordinal"]) for each in await milestones(settings)]
    assert told == [
        ("joined", "accepted", 1), ("joined", "out_for_delivery", 1), ("joined", "cancelled", 1),
        ("amended", "out_for_delivery", 1), ("joined", "out_for_delivery", 1), ("joined", "held", 1),
        ("amended", "out_for_delivery", 2),
    ]  # fmt: skip
    [*_, again, _, amended] = await milestones(settings)
    assert (again["occurrence"], amended["occurrence"]) == (20261124, 20261125), (
        "no other has another number"
    )


async def test_idea_5_registering_after_the_scans_tells_the_newest_once(
    settings: SharedSettings, pool: Any
) -> None:
    records: list[Scan | Registration] = [
        scan("accepted", 0),
        scan("out_for_delivery", 1),
        registration(),
        scan("delivered", 2),
    ]
    await apply(settings, pool, records, [registration()])
    told = [
        (each["action"], each["kind"], each["registration_id"] is not None)
        for each in await milestones(settings)
    ]
    assert told == [
        ("joined", "accepted", False), ("joined", "out_for_delivery", False),
        ("retold", "out_for_delivery", True), ("joined", "delivered", True),
    ]  # fmt: skip


async def test_idea_5_the_order_of_the_log_decides_not_the_chunking(
    settings: SharedSettings, pool: Any
) -> None:
    records: list[Scan | Registration] = [
        scan("accepted", 0), registration(), scan("out_for_delivery", 1), registration(version=2, withdrawn=True),
        scan("delivered", 2),
    ]  # fmt: skip
    await apply(settings, pool, *([record] for record in records))
    told = [(each["action"], each["registration_id"] is not None) for each in await milestones(settings)]
    assert told == [("joined", False), ("retold", True), ("joined", True), ("joined", False)]


OTHERS_ID = "0" * 8 + "-0000-4000-8000-000000000002"


@pytest.mark.parametrize("size", [1, 9])
async def test_a_tenant_decides_for_itself_alone_another_shops_registration_adds_only_its_own_recipients(
    settings: SharedSettings, pool: Any, size: int
) -> None:
    own = registration().registration_id
    other: dict[str, Any] = {"registration_id": OTHERS_ID, "province": "79"}
    at: dict[str, Any] = {"registered_at": MORNING + 1}
    records: list[Scan | Registration] = [
        registration(), scan("accepted", 0), registration(**other, **at),
        registration(**other, version=2, registered_at=MORNING + 2, promised_at=MORNING),
        scan("out_for_delivery", 1), registration(**other, version=3, withdrawn=True, registered_at=MORNING + 3),
        scan("delivered", 2),
    ]  # fmt: skip
    await apply(settings, pool, *(records[each : each + size] for each in range(0, len(records), size)))
    told = [
        (
            each["action"],
            each["kind"],
            each["registration_id"],
            each["also_registered"],
            each["promised_at"],
        )
        for each in await milestones(settings)
    ]
    assert told == [
        ("joined", "accepted", own, [], None), ("retold", "accepted", OTHERS_ID, [], None),
        ("retold", "accepted", OTHERS_ID, [], None), ("joined", "out_for_delivery", own, [OTHERS_ID], None),
        ("joined", "delivered", own, [], None),
    ]  # fmt: skip
    cells = await pool.fetch("select distinct province from rate_cells where accepted > 0")
    assert [row["province"] for row in cells] == ["01"]


async def test_idea_5_a_registration_moves_the_parcel_to_its_destinations_cell(
    settings: SharedSettings, pool: Any
) -> None:
    await apply(settings, pool, [scan("accepted", 0)], [registration(province="79", commune="26734")])
    cells = await pool.fetch("select province, commune, accepted from rate_cells order by province")
    assert [tuple(cell) for cell in cells] == [("79", "26734", 1), ("unknown", "unknown", 0)]


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(reused_journeys(), min_size=1, max_size=3),
    st.lists(st.integers(1, 6), min_size=1, max_size=6),
    st.randoms(),
)
async def test_idea_6_any_order_and_any_chunking_ends_in_the_same_truth(
    settings: SharedSettings, pool: Any, parcels: list[list[Scan]], sizes: list[int], chance: Any
) -> None:
    """Storage, states, live sets and rate cells against the pure fold of each parcel's set."""
    numbers, own = named_anew("P", parcels)
    await fed(settings, pool, own, sizes, chance)
    await holds(settings, pool, numbers, own)


def named_anew(letter: str, parcels: list[list[Scan]]) -> tuple[list[str], list[Scan]]:
    """The scans of these parcels under numbers that no example had, and these numbers."""
    numbers = [f"{letter}{next(numbered):06}" for _ in parcels]
    own = [
        each._replace(
            number=number,
            event_id=own_id(number, each.event_id),
            corrects_event_id=each.corrects_event_id and own_id(number, each.corrects_event_id),
        )
        for number, scans in zip(numbers, parcels, strict=True)
        for each in scans
    ]
    return numbers, own


async def fed(settings: SharedSettings, pool: Any, own: list[Scan], sizes: list[int], chance: Any) -> int:
    """Handle scans, some twice, in any order and in chunks of these sizes; returns the position behind them."""
    await pool.execute(EMPTY)
    arriving = [*own, *own[::3]]
    chance.shuffle(arriving)
    start: int = await pool.fetchval("select coalesce(max(position), 0) from progress")
    async with worker(settings, pool) as tracker:
        for part in cut(arriving, sizes):
            await tracker.handle(chunk(settings, start, part))
            start += len(part)
    return start


def cut(records: Sequence[Scan], sizes: list[int]) -> list[Sequence[Scan]]:
    """The records in parts of these sizes, round and round."""
    parts, place = list[Sequence[Scan]](), 0
    while place < len(records):
        size = sizes[len(parts) % len(sizes)]
        parts.append(records[place : place + size])
        place += size
    return parts


def own_id(number: str, event_id: str) -> str:
    """An event id of this example's own parcel."""
    return f"{number}{event_id}".encode().hex()[:32]


async def holds(settings: SharedSettings, pool: Any, numbers: list[str], own: list[Scan]) -> None:
    keys = [f"ghn:{number}" for number in numbers]
    stored = await load_parcels(pool, keys)
    history = await load_history(pool, keys)
    live = await live_by_consumer(settings)
    cells: dict[tuple[str, str], int] = defaultdict(int)
    for key, number in zip(keys, numbers, strict=True):
        mine = [each for each in own if each.number == number]
        assert {each.event_id: each for each in history.get(key, [])} == distinct(mine)
        assert len(history.get(key, [])) == len(distinct(mine))
        if not mine:
            continue
        expected, expected_live, past = fold(mine)
        for name in SCANS_ONLY:
            if name != "sequence":
                assert getattr(stored[key], name) == getattr(expected, name), name
        assert sorted((await load_past(pool, [key])).get(key, []), key=lambda each: each.epoch) == past
        assert set(live[number]) == {(each.epoch, each.kind, each.occurrence) for each in expected_live}
        for each in expected_live:
            assert live[number][each.epoch, each.kind, each.occurrence]["event_id"] == each.event_id
        for parcel in [*past, expected]:
            if part := contribution("ghn", counted(parcel)):
                cells[str(part.cell.day), "accepted"] += 1
                if part.outcome:
                    cells[str(part.cell.day), part.outcome] += 1
    for (day, column), count in cells.items():
        assert (
            await pool.fetchval(f'select sum("{column}") from rate_cells where day::text = $1', day)
            == count
        )


async def test_idea_6_a_key_with_too_many_scans_is_a_finding_and_folds_no_further(
    settings: SharedSettings, pool: Any
) -> None:
    """The first 2,000 received steer, however they come; the rest is kept, each once."""
    many = [scan("held", place / 1000, received_at=EVENING + place) for place in range(MOST_SCANS + 40)]
    early = scan("delivered", 8, received_at=EVENING + 5)
    arriving = [*many, early]
    random.Random(7).shuffle(arriving)
    more = [
        scan("returned", 99, received_at=EVENING + 10**6),
        many[3]._replace(received_at=EVENING + 10**7),
    ]
    await apply(settings, pool, arriving[:900], arriving[900:1990], arriving[1990:], more, more)
    expected, live, _ = fold([*arriving, *more])
    stored = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    assert (stored.status, stored.scans, "Z" in stored.findings) == ("delivered", MOST_SCANS + 42, True)
    for name in SCANS_ONLY:
        if name != "sequence":
            assert getattr(stored, name) == getattr(expected, name), name
    assert await pool.fetchval("select count(*) from scans") == MOST_SCANS + 42
    assert len((await live_by_consumer(settings))["Z82BS"]) == len(live)


async def test_idea_6_a_key_that_only_ever_goes_forward_is_limited_alike(
    settings: SharedSettings, pool: Any
) -> None:
    """Each scan is later than all before it, so each would be for the fast path."""
    many = [scan("held", place / 1000, received_at=EVENING + place) for place in range(MOST_SCANS + 10)]
    await apply(settings, pool, many[:1_500], many[1_500:1_990], many[1_990:])
    expected, _, _ = fold(many)
    stored = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    assert (stored.last_at, stored.full_at, stored.scans) == (
        expected.last_at, expected.full_at, MOST_SCANS + 10,
    )  # fmt: skip


async def test_findings_are_counted_by_carrier_and_rule(settings: SharedSettings, pool: Any) -> None:
    await apply(settings, pool, [scan("accepted", 0), scan("delivered", 1)], [scan("accepted", 0, "N2")])
    [row] = await pool.fetch(findings.COUNT, None)
    assert (row["carrier"], row["letter"], row["parcels"], row["example"]) == ("ghn", "D", 1, "ghn:Z82BS")
    assert await pool.fetch(findings.COUNT, "vnp") == []
    await apply(
        settings,
        pool,
        [scan("accepted", 0), scan("delivered", 1)],
        [scan("accepted", 0, "N2"), scan("out_for_delivery", 0.5)],
    )
    assert await pool.fetch(findings.COUNT, None) == []


async def test_idea_7_rows_carry_the_slot_of_their_partition(settings: SharedSettings, pool: Any) -> None:
    await apply(settings, pool, [scan("accepted", 0)])
    assert (
        await pool.fetchval("select slot from rate_cells")
        == await pool.fetchval("select slot from parcels")
        == 0
    )


async def test_a_registration_that_waits_for_its_parcel_does_not_get_the_return_leg_of_the_old_one(
    settings: SharedSettings, pool: Any
) -> None:
    waiting = registration(registered_at=MORNING + 200 * 24 * HOUR)
    await apply(
        settings,
        pool,
        [scan("accepted", 0), scan("delivered", 1)],
        [waiting],
        [later(scan("returned", 2), 10)],
    )
    parcel = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    [past] = (await load_past(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    assert (parcel.epoch, parcel.status, past.status) == (2, None, "returned")
    assert [each["registration_id"] for each in await milestones(settings)] == [None] * 3


async def test_an_old_ending_that_comes_after_a_registration_does_not_become_its_parcels(
    settings: SharedSettings, pool: Any
) -> None:
    """However plainly the scan is the first that is known."""
    waiting = registration(registered_at=MORNING + 200 * 24 * HOUR)
    await apply(settings, pool, [waiting], [scan("lost", 0)])
    parcel = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    assert (parcel.epoch, parcel.status) == (2, None)


async def test_a_number_used_again_is_another_parcel_on_its_page_and_in_the_figures(
    settings: SharedSettings, pool: Any
) -> None:
    """A scan ahead of all others goes by the fast path, but not into a new epoch; then it does again."""
    first = [scan("accepted", 0), scan("delivered", 1, delivery_mode="address")]
    second = [later(scan("accepted", 2), 200), later(scan("in_transit", 3), 200)]
    await apply(settings, pool, [*first, registration()], [second[0]], [second[1]])
    parcel = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    assert (parcel.epoch, parcel.live, parcel.registration_id, parcel.sequence) == (2, "AT", None, 5)
    async with pool.acquire() as con:
        page = await find(con, "ghn", "Z82BS", LongTimelines())
    assert page is not None
    assert [each.status for each in page.timeline] == ["in_transit", "accepted"]
    cells = await pool.fetch("select province, accepted, delivered_to_address from rate_cells order by day")
    assert [tuple(cell) for cell in cells if cell["accepted"]] == [("01", 1, 1), ("unknown", 1, 0)]
    assert (await live_by_consumer(settings))["Z82BS"].keys() == {
        (1, "accepted", 1), (1, "delivered", 1), (2, "accepted", 1), (2, "in_transit", 1),
    }  # fmt: skip
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 5, [later(scan("returning", 1), 90)]))
    assert await pool.fetchval("select count(*) from past_parcels") == 0
    assert await pool.fetchval("select sum(accepted) from rate_cells") == 1
