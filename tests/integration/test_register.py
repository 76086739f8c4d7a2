"""Who reports, how much and how well; what is missing of it; and parcels that were under way already."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from buuta.contracts.codec import Codec
from buuta.errors import BadItem
from buuta.settings import SharedSettings
from services.ingest.domain.manifest import Manifest
from services.ingest.doors.drop import DropFolder
from services.ingest.doors.kafka import KafkaDoor
from services.ingest.registry import manifests
from services.ingest.registry.facilities import provinces
from services.ingest.registry.tally import Tally, measure_silence, silences
from services.ingest.registry.units import commune_since_2025
from services.ingest.storage import Carrier, add_carrier
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, intake_on, log, quarantined
from tests.integration.drops import look_once, settled
from tests.integration.parts import chunk, producer_on, worker
from tests.scans import MORNING, scan
from tests.waiting import until

HOUR_MS = 3_600_000
REGISTER = "code,name,legal_name,licence,contact_role,format,service_levels,is_post\n"


async def test_the_register_comes_in_and_goes_out_as_it_came(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    path = folder / "register.csv"
    path.write_text(
        f"{REGISTER}ghn,Giao Hàng Nhanh,Công ty GHN,12/GP,duty officer,ghn,express standard,no\n"
        "vnpost,VNPost,,,,buuta,public,yes\nBAD CODE,x,,,,,,\n"
    )
    ran = await buuta(settings, "carrier", "import", str(path))
    assert (ran.code, "2 entered, 0 changed" in ran.said) == (1, True), ran.said
    assert "carrier_invalid" in (folder / "register.csv.rejected.csv").read_text()
    out = folder / "out.csv"
    assert (await buuta(settings, "carrier", "export", str(out))).code == 0
    rows = {row["code"]: row for row in csv.DictReader(out.read_text().splitlines())}
    assert rows["ghn"]["service_levels"] == "express standard"
    assert (rows["vnpost"]["is_post"], rows["vnpost"]["time_zone"]) == ("True", "Asia/Ho_Chi_Minh")
    again = await buuta(settings, "carrier", "import", str(out))
    assert (again.code, "0 entered, 2 changed" in again.said) == (0, True), again.said


async def test_a_carrier_that_is_suspended_is_refused_with_its_keys(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    assert (await door.scans([GOOD])).status_code == 200
    await pool.execute("update carriers set status = 'suspended' where code = 'vnp'")

    async def refused() -> bool:
        return (await door.scans([GOOD])).status_code == 401

    await until(refused, "the key opens no more")


@pytest.mark.parametrize("status", ["suspended", "ended"])
async def test_a_carrier_that_may_not_report_is_refused_by_a_file_and_a_topic_too(
    settings: SharedSettings, pool: Any, folder: Path, status: str
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    await pool.execute("update carriers set status = $1", status)
    inbox = folder / "vnp"
    inbox.mkdir()
    (inbox / "scans.csv").write_text("number,code,occurred_at\nZ82BS,delivered,2026-11-24T09:30:00Z\n")
    async with producer_on(settings) as producer:
        intake = intake_on(settings, producer, pool)
        watching = DropFolder(folder, intake)
        for _ in range(2):
            await look_once(watching)
        await KafkaDoor(settings.kafka, intake, Codec()).take("vnp", [b"a record"])
    assert settled(folder) == {inbox / "refused" / "scans.csv"}
    assert f"this carrier is {status}" in (inbox / "refused" / "scans.csv.error.txt").read_text()
    assert await log(settings) == []
    [kept] = await quarantined(settings, pool)
    assert (kept.reason, kept.said) == ("carrier_not_active", b"a record")


async def test_the_row_of_a_ministry(door: Door, settings: SharedSettings, pool: Any, folder: Path) -> None:
    await door.scans([GOOD, {**GOOD, "number": "N02"}, {**GOOD, "code": "odd"}, {"number": "N03"}])

    async def counted() -> bool:
        return bool(await pool.fetchval("select sum(reports) = 4 from report_hours where carrier = 'vnp'"))

    await until(counted, "what was reported is counted")
    async with worker(settings, pool) as tracker:
        late = [scan("accepted", received_at=MORNING + minutes * 60_000, event_id=f"{minutes:032x}",
                     occurred_at=MORNING + minutes)._replace(carrier="vnp") for minutes in (1, 2, 50)]  # fmt: skip
        await tracker.handle(chunk(settings, 0, late))
    path = folder / "report.csv"
    ran = await buuta(settings, "carrier", "report", "--days", "2", "--csv", str(path))
    assert ran.code == 0, ran.said
    [row] = [row for row in csv.DictReader(path.read_text().splitlines()) if row["code"] == "vnp"]
    assert (row["reports_per_day"], row["share_unmapped"], row["share_refused"]) == (
        "2.0",
        "0.25000",
        "0.25000",
    )
    assert (row["keys"], row["status"], row["format"]) == ("2", "active", "buuta")
    assert datetime.now(UTC) - datetime.fromisoformat(row["last_at"]) < timedelta(minutes=5)
    shown = await buuta(settings, "carrier", "report")
    assert "0.25000" in shown.said


async def test_a_carrier_that_is_silent_beyond_its_habit_is_seen(
    settings: SharedSettings, pool: Any
) -> None:
    await add_carrier(pool, Carrier("ghn", "GHN", "ghn"))
    tally, now = Tally(), datetime.now(UTC)
    for hours in range(5, 24 * 12):
        tally.note("ghn", round((now - timedelta(hours=hours)).timestamp() * 1000), {"accepted": 9})
    for days in range(12):
        at = now - timedelta(days=days, hours=30)
        tally.note("slow", round(at.timestamp() * 1000), {"accepted": 1})
    await tally.write_down(pool)
    found = {each.carrier: each.is_beyond for each in await silences(pool, now)}
    assert found == {"ghn": True, "slow": False}
    await measure_silence(pool)
    ran = await buuta(settings, "carrier", "gaps")
    assert ran.code == 1
    assert "ghn: silent since" in ran.said
    assert "slow" not in ran.said


async def test_what_could_not_be_written_down_is_counted_later(pool: Any) -> None:
    tally = Tally()
    tally.note("ghn", MORNING, {"accepted": 2, "quarantined": 1})
    async with pool.acquire() as con:
        await con.execute("set statement_timeout = 1")
        with pytest.raises(Exception, match="statement timeout"):
            await con.execute("select pg_sleep(1)")
        await con.execute("alter table report_hours rename to elsewhere")
        with pytest.raises(asyncpg.UndefinedTableError):
            await tally.write_down(con)
        await con.execute("set statement_timeout = 0")
        await con.execute("alter table elsewhere rename to report_hours")
    await tally.write_down(pool)
    row = await pool.fetchrow("select reports, unmapped from report_hours")
    assert tuple(row) == (3, 1)


async def test_a_manifest_of_five_hundred_of_which_two_are_missing(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    scans = [
        scan("accepted", number=f"P{place:03}", received_at=MORNING + 60_000)._replace(carrier="vnp")
        for place in range(498)
    ]
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, scans))
    begin, end = (
        datetime.fromtimestamp((MORNING + hours * HOUR_MS) / 1000, UTC).isoformat() for hours in (-1, 2)
    )
    said = {"manifest": "2026/M-1", "since": begin, "until": end}
    headers = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    for more, missing in (
        ({"pieces": 500}, []),
        ({"numbers": [f"P{place:03}" for place in range(500)]}, ["P498", "P499"]),
        ({"pieces": 500, "code": "accepted"}, []),
    ):
        made = await door.client.post("/v1/manifests", json={**said, **more}, headers=headers)
        assert made.status_code == 201, made.text
        found = (await door.client.get(made.headers["location"], headers=headers)).json()
        assert (found["pieces"], found["seen"], found["missing"]) == (500, 498, 2)
        assert found["missing_numbers"] == missing
    other = {"Authorization": f"Bearer {door.secrets['ghn'][0]}"}
    assert (await door.client.get("/v1/manifests/2026/M-1", headers=other)).status_code == 404
    await manifests.check(pool)
    ran = await buuta(settings, "carrier", "gaps")
    assert "vnp: manifest 2026/M-1 says 500 pieces, 498 seen." in ran.said


async def test_a_manifest_of_a_code_counts_its_scans_alone(settings: SharedSettings, pool: Any) -> None:
    carrier = Carrier("ghn", "GHN", "ghn")
    await add_carrier(pool, carrier)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted", 0), scan("in_transit", 1, number="P2")]))
    first, last = (datetime.fromtimestamp(MORNING / 1000 + seconds, UTC) for seconds in (0, 9000))
    await manifests.declare(
        pool, "ghn", Manifest(manifest="M", pieces=2, code="accepted", since=first, until=last)
    )
    found = await manifests.find(pool, carrier, "M")
    assert found is not None
    assert found[1] == 1


async def test_of_a_shared_parcel_a_posts_manifest_counts_what_the_post_itself_reported(
    settings: SharedSettings, pool: Any
) -> None:
    """Neither is another post's scan taken for its own, nor can it ask which numbers others have."""
    posts = {code: Carrier(code, code, "buuta", is_post=True) for code in ("vnpost", "ems")}
    for each in posts.values():
        await add_carrier(pool, each)
    shared = scan("accepted", number="EE123456785VN")._replace(carrier="s10", reporter="ems")
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [shared]))
    first, last = (datetime.fromtimestamp(MORNING / 1000 + seconds, UTC) for seconds in (0, 9000))
    for more in ({"numbers": [shared.number]}, {"pieces": 1}):
        said = Manifest.model_validate({"manifest": "M1", "since": first, "until": last, **more})
        found = {}
        for code, post in posts.items():
            await manifests.declare(pool, code, said)
            found[code] = await manifests.find(pool, post, "M1")
        assert {code: each and each[1] for code, each in found.items()} == {"vnpost": 0, "ems": 1}, more


async def test_parcels_under_way_are_loaded_and_nobody_is_told_what_was(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    path = folder / "under-way.csv"
    path.write_text(f"number,code,occurred_at\nP01,out_for_delivery,{datetime.now(UTC).isoformat()}\n")
    ran = await buuta(settings, "ingest", "file", str(path), "--carrier", "vnp", "--in-flight")
    assert ran.code == 0, ran.said
    since = await pool.fetchval("select tells_from from carriers where code = 'vnp'")
    assert datetime.now(UTC) - since < timedelta(minutes=1)


@pytest.mark.parametrize(("old", "new"), [("00001", "00097"), ("00004", "00004")])
def test_an_old_commune_is_brought_to_that_of_today(old: str, new: str) -> None:
    assert commune_since_2025(old) == new
    assert new in provinces()


@pytest.mark.parametrize(
    ("old", "code"), [("99999", "old_commune_unknown"), ("00007", "old_commune_divided")]
)
def test_an_old_commune_that_became_several_is_not_guessed(old: str, code: str) -> None:
    with pytest.raises(BadItem) as bad:
        commune_since_2025(old)
    assert bad.value.code == code


async def test_facilities_may_name_the_commune_as_it_was(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    path = folder / "points.csv"
    path.write_text("code,name,old_commune\nBC1,Phúc Xá,00001\nBC2,Nowhere,99999\nBC3,Nothing,\n")
    ran = await buuta(settings, "facility", "import", str(path), "--carrier", "vnp")
    assert (ran.code, "1 registered" in ran.said) == (1, True), ran.said
    row = await pool.fetchrow("select province, commune, units from facilities")
    assert (row["province"], row["commune"]) == ("01", "00097")
    assert row["units"] == "vietnamadminunits 1.0.4, from 00001"
    refused = (folder / "points.csv.rejected.csv").read_text()
    assert "old_commune_unknown" in refused
    assert "commune_missing" in refused
