"""The figures follow from the log alone: two ways of counting, one answer, to the last parcel."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from buuta.audit.archive import POSITIONS, SCHEMAS, Archive, archive_log
from buuta.audit.recompute import Audit, audit, compare, snapshot
from buuta.contracts.codec import Codec
from buuta.contracts.columns import decode_chunk
from buuta.errors import LogChanged
from buuta.model.scan import Registration, Scan
from buuta.settings import SharedSettings
from buuta.streaming.producer import Producer
from buuta.telemetry.health import Readiness
from services.tracker.domain.epochs import AHEAD_MS, GAP_MS
from tests.integration.parts import EMPTY, chunk, encode, worker
from tests.scans import EVENING, HOUR, MORNING, later, registration, repeated, reused_journeys, scan

numbered = iter(range(10**9))
Records = Sequence[Scan | Registration | bytes]


async def audited(
    settings: SharedSettings, pool: Any, folder: Path, records: Records, *, dead: Sequence[int] = ()
) -> Audit:
    """What an audit says after the tracker and the archive have read the same records."""
    await pool.execute(EMPTY)
    await pool.execute("truncate progress")
    log = chunk(settings, 0, records)
    async with worker(settings, pool) as tracker:
        for start in range(0, len(records), 5):
            await tracker.handle(chunk(settings, start, records[start : start + 5]))
    archive = Archive(folder / f"archive-{next(numbered)}", settings.events_topic)
    archive.append(log, decode_chunk(Codec(), log.values, SCHEMAS))
    archive.reach({0: log.next})
    positions = await snapshot(pool, settings.events_topic, folder)
    return compare(archive.folder, folder, positions, [(0, each) for each in dead])


def of(number: str, scans: Sequence[Scan]) -> list[Scan]:
    """The scans as another parcel's."""

    def own(event_id: str) -> str:
        return f"{number}{event_id}".encode().hex()[:32]

    return [
        each._replace(
            number=number, event_id=own(each.event_id),
            corrects_event_id=each.corrects_event_id and own(each.corrects_event_id),
        )
        for each in scans
    ]  # fmt: skip


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(reused_journeys(), min_size=1, max_size=6),
    st.sampled_from([0, 100, 155, 200, 400]),
    st.tuples(st.sampled_from(["another", "0another"]), st.booleans(), st.sampled_from([-1, 0, 1])),
    st.randoms(),
)
async def test_the_log_alone_gives_the_same_figures(
    settings: SharedSettings, pool: Any, tmp_path: Path, journeys: list[list[Scan]], day: int,
    second: tuple[str, bool, int], chance: Any,
) -> None:  # fmt: skip
    shop, confirmed, before = second
    records: list[Scan | Registration] = []
    for place, scans in enumerate(journeys):
        records += of(f"P{place}", scans)
        records += [
            registration(number=f"P{place}", version=2),
            registration(
                number=f"P{place}",
                province="79",
                version=3,
                registered_at=MORNING + day * 24 * HOUR,
                service="express",
                promised_at=MORNING + 4 * HOUR,
            ),
            registration(
                number=f"P{place}",
                province="01",
                version=9,
                registration_id=shop,
                confirmed=confirmed,
                registered_at=MORNING + (day - before) * 24 * HOUR,
                service="freight",
            ),
        ]
    records += records[::3]
    chance.shuffle(records)
    found = await audited(settings, pool, tmp_path, records)
    assert found.agrees, (found.cells, found.parcels)


@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(repeated(), min_size=1, max_size=4), st.randoms())
async def test_copies_that_say_something_else_are_merged_alike(
    settings: SharedSettings, pool: Any, tmp_path: Path, journeys: list[list[Scan]], chance: Any
) -> None:
    """Also where only one of the copies is a correction."""
    records = [each for place, scans in enumerate(journeys) for each in of(f"P{place}", scans)]
    records.append(scan("accepted", number="N2"))
    chance.shuffle(records)
    found = await audited(settings, pool, tmp_path, records)
    assert found.agrees, (found.cells, found.parcels)


async def test_a_correction_that_came_after_all_that_steer_takes_nothing_back(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    many = [scan("held", place / 1000, received_at=EVENING + place) for place in range(1, 2_000)]
    delivered = scan("delivered", 3, received_at=EVENING)
    late = scan(
        "held",
        4,
        corrects_event_id=delivered.event_id,
        correction_kind="did_not_occur",
        received_at=EVENING * 2,
    )
    found = await audited(settings, pool, tmp_path, [delivered, *many, late])
    assert found.agrees, (found.cells, found.parcels)


async def test_what_the_tracker_could_not_store_is_not_counted(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    poison = scan("accepted", 0, "N2", facility="a\0b")
    found = await audited(settings, pool, tmp_path, [scan("accepted", 0), poison, b"junk"], dead=[1])
    assert (found.agrees, found.counted) == (True, 1)


async def test_more_scans_than_steer_are_capped_alike(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    many = [scan("held", place / 1000, received_at=EVENING + place) for place in range(2_010)]
    late = scan("delivered", 8, received_at=EVENING + 10_000)
    found = await audited(settings, pool, tmp_path, [*many, late])
    assert (found.agrees, found.counted) == (True, 1)


async def test_posts_take_turns_and_take_back_only_their_own_alike(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    shared: dict[str, Any] = {"carrier": "s10", "number": "EE123456785VN"}
    flood = [
        scan("held", place / 1000, received_at=EVENING + place, reporter="laopost", **shared)
        for place in range(2_010)
    ]
    sent = scan("accepted", 0, reporter="vnpost", received_at=EVENING + 9_000, **shared)
    done = scan("delivered", 8, reporter="vnpost", received_at=EVENING + 10_000, **shared)
    foreign = scan("held", 8.5, reporter="laopost", corrects_event_id=done.event_id,
                   correction_kind="did_not_occur", received_at=EVENING, **shared)  # fmt: skip
    found = await audited(settings, pool, tmp_path, [foreign, *flood, sent, done])
    assert (found.agrees, found.counted) == (True, 1), (found.cells, found.parcels)
    parcel = await pool.fetchrow("select status, findings from parcels")
    assert (parcel["status"], "R" in parcel["findings"]) == ("delivered", True)


async def test_epochs_begin_alike_to_the_millisecond(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    """At the gap after the ending, or registered up to 30 days before it is accepted again."""
    delivered = scan("delivered", 0)
    records: list[Scan | Registration] = [delivered, delivered._replace(number="N2", event_id="2" * 32)]
    for number, just_before in (("Z82BS", 0), ("N2", 1)):
        again = later(scan("accepted", 0, number), 180)
        records.append(again._replace(occurred_at=again.occurred_at - just_before))
        registered = MORNING + GAP_MS - AHEAD_MS - 2 * just_before
        records.append(registration(number, registered_at=registered, province="79"))
    found = await audited(settings, pool, tmp_path, records)
    assert (found.agrees, found.counted) == (True, 3)


async def test_a_figure_that_does_not_follow_from_the_log_is_named(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    records = [
        scan("accepted", 0),
        scan("out_for_delivery", 1),
        scan("delivered", 2, delivery_mode="address"),
    ]
    assert (await audited(settings, pool, tmp_path, records)).agrees
    archive = max(tmp_path.glob("archive-*"))  # noqa: ASYNC240
    await pool.execute("update rate_cells set delivered_to_address = 7")
    await pool.execute("update parcels set outcome = 'lost'")
    positions = await snapshot(pool, settings.events_topic, tmp_path)
    found = compare(archive, tmp_path, positions, [])
    assert not found.agrees
    assert [cell[5:] for cell in found.cells] == [
        ("delivered_to_address", 1, 7),
        ("under_way", 0, -6),
    ]
    [(key, in_log, in_tables)] = found.parcels
    assert (key, in_log.split()[-1], in_tables.split()[-1]) == ("ghn:Z82BS", "delivered_to_address", "lost")


async def test_an_audit_brings_the_archive_at_least_as_far_as_the_tables(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    """Also where the tracker applies records that came after the archive was last written."""
    archive = Archive(tmp_path / "a", settings.events_topic)
    producer = Producer(settings, Readiness())
    await producer.start()
    await producer.connected()
    for start, each in enumerate((scan("accepted", 0), scan("delivered", 1))):
        await archive_log(settings, archive, Codec())
        await producer.send_to(
            settings.events_topic, 0, [(b"k", Codec().encode("ScanEvent", each._asdict()))]
        )
        async with worker(settings, pool) as tracker:
            await tracker.handle(chunk(settings, start, [each]))
        found = await audit(settings, pool, archive, Codec())
        assert (found.agrees, found.positions) == (True, {0: start + 1})
    await producer.stop()


async def test_the_archive_goes_on_where_it_stopped_and_knows_its_topic(
    settings: SharedSettings, tmp_path: Path
) -> None:
    producer = Producer(settings, Readiness())
    await producer.start()
    await producer.connected()
    archive = Archive(tmp_path / "a", settings.events_topic)
    for hour in range(2):
        value = encode(scan("held", hour))
        assert value is not None
        await producer.send_to(settings.events_topic, 0, [(b"k", value)])
        assert await archive_log(settings, archive, Codec()) == 1
    stray = archive.folder / "ScanEvent" / f"0000-{2:020}.parquet"
    stray.write_bytes(b"left by a run that was killed")
    assert await archive_log(settings, archive, Codec()) == 0
    assert len(list(archive.folder.glob("ScanEvent/*.parquet"))) == 2
    assert archive.positions() == {0: 2}
    with pytest.raises(LogChanged, match="is an archive of"):
        Archive(archive.folder, "another").positions()
    kept = json.loads((archive.folder / POSITIONS).read_text())
    (archive.folder / POSITIONS).write_text(json.dumps(kept | {"positions": {"0": 9}}))
    with pytest.raises(LogChanged, match="ends at 2"):
        await archive_log(settings, archive, Codec())
    await producer.stop()
