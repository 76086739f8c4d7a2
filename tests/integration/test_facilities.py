"""A scan's facility gives it its place; one that nobody registered is kept, counted and shown."""

import csv
import time
from pathlib import Path
from typing import Any

import httpx

from buuta.settings import SharedSettings
from services.ingest.app import wire
from services.ingest.registry.facilities import provinces
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import GOOD, add_carrier, inside, log
from tests.waiting import until

COLUMNS = (
    "code",
    "kind",
    "name",
    "commune",
    "province",
    "latitude",
    "longitude",
    "connected",
    "opening_hours",
)


def written(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows([COLUMNS, *rows])
    return path


async def test_27000_facilities_come_in_and_wrong_lines_come_back_with_the_reason(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    communes = sorted(provinces())
    rows = [
        (f"BC{place:05}", "service_point", f"Bưu cục {place}", communes[place % len(communes)], "", "21.0", "105.8",
         "yes", "07:00-18:00")
        for place in range(27_000)
    ]  # fmt: skip
    wrong = [
        ("BC 1", "hub", "x", communes[0], "", "", "", "", ""), ("BCX1", "castle", "x", communes[0], *[""] * 5),
        ("BCX2", "hub", "x", "99999", *[""] * 5), ("BCX3", "hub", "x", communes[0], "79", *[""] * 4),
        ("BCX4", "hub", "x", communes[0], "", "91", "", "", ""), ("BCX5", "hub", "", communes[0], *[""] * 5),
    ]  # fmt: skip
    path = written(folder / "points.csv", rows + wrong)
    started = time.monotonic()
    ran = await buuta(settings, "facility", "import", str(path), "--carrier", "vnp")
    assert (ran.code, "27000 registered." in ran.said) == (1, True), ran.said
    assert time.monotonic() - started < 60
    text = (folder / "points.csv.rejected.csv").read_text(encoding="utf-8")
    report = list(csv.reader(text.splitlines()))[1:]
    assert [(line[1], line[3]) for line in report] == [
        ("facility_invalid", "BC 1"), ("facility_invalid", "BCX1"), ("commune_unknown", "BCX2"),
        ("province_wrong", "BCX3"), ("facility_invalid", "BCX4"), ("facility_invalid", "BCX5"),
    ]  # fmt: skip
    row = await pool.fetchrow("select * from facilities where code = 'BC00001'")
    assert (row["commune"], row["province"]) == (communes[1], provinces()[communes[1]])
    assert row["units"].startswith("vietnamadminunits ")
    again = await buuta(settings, "facility", "import", str(path), "--carrier", "nobody")
    assert again.code == 1


async def test_a_scan_takes_the_place_of_its_facility_unless_it_says_its_own(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    key, _ = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    written(folder / "one.csv", [("BC1", "hub", "Một", "00070", *[""] * 5)])
    assert (
        await buuta(settings, "facility", "import", str(folder / "one.csv"), "--carrier", "vnp")
    ).code == 0
    async with (
        wire(IngestSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        items = [{**GOOD, "facility": "BC1"}, {**GOOD, "number": "OWN", "facility": "BC1", "province": "79"},
                 {**GOOD, "number": "Z82BT", "facility": "bc1"},
                 {**GOOD, "number": "ODD", "facility": "BC2"}]  # fmt: skip
        headers = {"Authorization": f"Bearer {key}"}

        async def placed() -> bool:
            answer = await client.post("/v1/scans", json=items, headers=headers)
            return answer.status_code == 200 and any(each["commune"] for each in await log(settings))

        await until(placed, "ingest knows the facility")
        metrics = (await inside(client).get("/metrics")).text
    newest = {event["number"]: event for event in await log(settings)}
    assert (newest["Z82BS"]["province"], newest["Z82BS"]["commune"]) == ("01", "00070")
    assert (newest["OWN"]["province"], newest["OWN"]["commune"]) == ("79", None)
    assert (newest["Z82BT"]["facility"], newest["Z82BT"]["commune"]) == ("BC1", "00070"), "in any case"
    assert newest["ODD"]["facility"] == "BC2"
    assert 'buuta_ingest_unknown_facilities_total{carrier="vnp"}' in metrics


async def test_a_line_of_a_file_and_what_waited_in_quarantine_take_the_place_of_their_facility_as_well(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    written(folder / "one.csv", [("BC1", "hub", "Một", "00070", *[""] * 5)])
    await buuta(settings, "facility", "import", str(folder / "one.csv"), "--carrier", "vnp")
    path, head = folder / "scans.csv", "number,code,occurred_at,facility\n"
    path.write_text(head + "".join(f"{number},{code},2026-11-24T09:30:00Z,BC1\n"
                                   for number, code in (("F01", "delivered"), ("Q01", "handed over"))))  # fmt: skip
    ran = await buuta(settings, "ingest", "file", str(path), "--carrier", "vnp")
    assert "accepted  1" in ran.said, ran.said
    ran = await buuta(settings, "quarantine", "map", "buuta", "handed over", "--status", "delivered")
    assert "1 sent on" in ran.said, ran.said
    places = {event["number"]: (event["province"], event["commune"]) for event in await log(settings)}
    assert places == {"F01": ("01", "00070"), "Q01": ("01", "00070")}
