"""After a change of rules state and figures are made anew from the log, compared, and swapped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from buuta.audit.archive import SCHEMAS, Archive
from buuta.audit.rebuild import Rebuild
from buuta.audit.recompute import audit
from buuta.contracts.codec import Codec
from buuta.contracts.columns import decode_chunk
from buuta.model.scan import Registration, Scan
from buuta.settings import SharedSettings
from services.portal.storage import find
from services.portal.timelines import LongTimelines
from services.tracker.domain.parcel import Parcel
from services.tracker.latest import PARCELS, Publisher
from services.tracker.storage import load_parcels, write_parcels
from tests.integration.parts import chunk, encode, latest, milestones, producer_on, worker
from tests.scans import later, registration, scan

REUSED: list[Scan | Registration] = [
    scan("accepted", 0), scan("out_for_delivery", 1), scan("delivered", 2, delivery_mode="address"),
    registration(), later(scan("accepted", 2), 60), scan("accepted", 0, "N2"), registration("N2", province="79"),
]  # fmt: skip
"""By 180 days one parcel, by 40 days two; and another."""


async def logged(settings: SharedSettings, records: Sequence[Scan | Registration]) -> None:
    """Append to the log, as ingest does."""
    async with producer_on(settings) as producer:
        for record in records:
            # One by one: of a batch the embedded broker tells a wrong end.
            await producer.send_to(settings.events_topic, 0, [(b"k", encode(record) or b"")])


async def applied(
    settings: SharedSettings, pool: Any, records: Sequence[Scan | Registration], start: int = 0
) -> None:
    await logged(settings, records)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, start, records))


async def told_ids(settings: SharedSettings) -> set[str]:
    return {each["milestone_id"] for each in await milestones(settings)}


def rebuild(settings: SharedSettings, pool: Any, folder: Path) -> Rebuild:
    return Rebuild(settings, pool, Archive(folder, settings.events_topic), Codec())


async def test_by_the_same_rules_nothing_changes(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    await applied(settings, pool, REUSED)
    made = rebuild(settings, pool, tmp_path)
    await made.make()
    found = await made.compare()
    assert (found.parcels, found.figures, found.positions) == (0, [], {0: len(REUSED)})


async def test_what_no_tracker_has_applied_yet_is_no_change_of_a_rebuild(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    await applied(settings, pool, REUSED)
    await logged(settings, [scan("in_transit", 3, "N2"), scan("accepted", 0, "N3")])
    made = rebuild(settings, pool, tmp_path)
    await made.make()
    found = await made.compare()
    assert (found.parcels, found.figures, found.unapplied) == (0, [], 2)


async def test_by_other_rules_the_change_is_shown_and_then_swapped_while_the_tracker_runs(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    await applied(settings, pool, REUSED)
    told = await told_ids(settings)
    other = settings.model_copy(update={"epoch_gap_days": 40})
    made = rebuild(other, pool, tmp_path)
    await made.make()
    await applied(settings, pool, [scan("in_transit", 3, "N2")], len(REUSED))
    found = await made.compare()
    assert found.parcels == 1
    assert {"epoch", "status", "live"} <= found.fields.keys()
    assert [row[5:] for row in found.figures] == [("accepted", 0, 1), ("under_way", 0, 1)]
    assert (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"].epoch == 1, "only shown"
    numbers = dict(await pool.fetch("select parcel_key, sequence from parcels"))
    await made.swap()
    parcels = await load_parcels(pool, list(numbers))
    assert (parcels["ghn:Z82BS"].epoch, parcels["ghn:N2"].status) == (2, "in_transit")
    assert all(parcels[key].sequence >= number for key, number in numbers.items())
    assert await told_ids(settings) - told == {"ghn:N2#3"}, "only the scan that came meanwhile"
    await applied(other, pool, [scan("delivered", 4, "N2")], len(REUSED) + 1)
    assert (await load_parcels(pool, ["ghn:N2"]))["ghn:N2"].status == "delivered"
    async with pool.acquire() as con:
        assert await find(con, "ghn", "N2", LongTimelines()) is not None
        assert await con.fetchval("select sum(accepted) from rates") == 3, "views show the new tables"
    assert (await audit(other, pool, Archive(tmp_path, settings.events_topic), Codec())).agrees


async def swapped(settings: SharedSettings, pool: Any, folder: Path) -> list[str]:
    """Rebuild by another epoch gap; returns the parcels that are marked for the compacted topic."""
    made = rebuild(settings.model_copy(update={"epoch_gap_days": 40}), pool, folder)
    await made.make()
    await made.swap()
    return [key for [key] in await pool.fetch("select parcel_key from unpublished_parcels order by id")]


async def test_parcels_that_a_swap_changes_are_published_anew_and_no_others(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    published = settings.model_copy(update={"publish_parcels": True})
    await applied(settings, pool, REUSED)
    assert await swapped(published, pool, tmp_path) == ["ghn:Z82BS"]
    async with worker(settings, pool) as tracker:
        publisher = Publisher(tracker.parts, settings.rates_topic, settings.parcels_topic)
        assert await publisher.once(PARCELS) == 1
    [(key, state)] = (await latest(settings, settings.parcels_topic)).items()
    assert (key, state["epoch"]) == ("ghn:Z82BS", 2)


async def test_a_parcel_that_is_there_no_more_after_a_swap_is_published_as_gone(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    published = settings.model_copy(update={"publish_parcels": True})
    await applied(settings, pool, REUSED)
    await pool.execute(
        'insert into parcels select (json_populate_record(p, \'{"parcel_key": "ghn:ODD"}\')).*'
        " from parcels p where parcel_key = 'ghn:Z82BS'"
    )
    assert set(await swapped(published, pool, tmp_path)) == {"ghn:Z82BS", "ghn:ODD"}


async def test_a_parcel_that_waits_for_the_publisher_waits_on_after_a_swap(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    await applied(settings, pool, REUSED)
    await pool.execute("insert into unpublished_parcels (parcel_key) values ('ghn:N2')")
    assert await swapped(settings, pool, tmp_path) == ["ghn:N2"], "and without the setting no more"


async def test_what_the_tracker_has_not_set_aside_yet_ends_no_rebuild(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    """The log reaches further than the tracker, which meets a record that nobody can store later on."""
    odd = [
        scan("held", 1, "N3")._replace(facility="BC\0"),
        scan("held", 2, "N3")._replace(facility="x" * 9_000),
    ]
    await applied(settings, pool, REUSED)
    await logged(settings, [*odd, scan("in_transit", 3, "N2")])
    made = rebuild(settings, pool, tmp_path)
    await made.make()
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, len(REUSED), [*odd, scan("in_transit", 3, "N2")]))
    found = await made.compare()
    assert (found.parcels, found.figures, found.positions) == (0, [], {0: len(REUSED) + 3})


async def test_a_rebuild_that_was_killed_goes_on_and_other_rules_begin_anew(
    settings: SharedSettings, pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path, settings.events_topic)
    await applied(settings, pool, REUSED)
    for start in range(len(REUSED)):
        part = chunk(settings, start, REUSED[start : start + 1])
        archive.append(part, decode_chunk(Codec(), part.values, SCHEMAS))
    archive.reach({0: len(REUSED)})
    made = rebuild(settings, pool, tmp_path)
    prepare, seen = made._fold.prepare, 0

    async def killed(*args: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise KeyboardInterrupt
        return await prepare(*args)

    monkeypatch.setattr(made._fold, "prepare", killed)
    with pytest.raises(KeyboardInterrupt):
        await made.make()
    assert await pool.fetchval("select position from rebuild.reached") == 2
    await made.make()
    assert seen == 3 + len(REUSED) - 2, "what was done is not done again"
    assert (await made.compare()).parcels == 0
    other = rebuild(settings.model_copy(update={"epoch_gap_days": 40}), pool, tmp_path)
    await other.make()
    assert (await other.compare()).parcels == 1


async def test_what_one_chunk_staged_is_gone_for_the_next_in_the_same_transaction(pool: Any) -> None:
    keys = ("ghn:STAGED1", "ghn:STAGED2")
    async with pool.acquire() as con, con.transaction():
        await write_parcels(con, 0, {key: Parcel(status="accepted") for key in keys}, frozenset())
        for key in keys:
            await write_parcels(con, 0, {key: Parcel(status="delivered")}, {key})
    found = await pool.fetch("select parcel_key, status from parcels order by 1")
    assert [tuple(row) for row in found] == [(key, "delivered") for key in keys]
