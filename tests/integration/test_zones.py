"""The register's time zones are used: every door reads clocks without an offset in them, and scans carry them."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from buuta.model.times import iso_text
from buuta.settings import SharedSettings
from services.ingest.app import wire
from services.ingest.doors.file import take_file
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier, carrier_of
from tests.integration.command import buuta
from tests.integration.doors import Door, add_carrier, intake_on, log, ready
from tests.integration.parts import producer_on
from tests.waiting import until

CARRIERS = {
    "jpp": ("buuta", "Asia/Tokyo"), "vnp": ("buuta", "Asia/Ho_Chi_Minh"), "dhl": ("emsevt", "Europe/Berlin"),
    "ghn": ("ghn", "Asia/Ho_Chi_Minh"),
}  # fmt: skip


@pytest.fixture
async def door(settings: SharedSettings, pool: Any, folder: Path) -> AsyncIterator[Door]:
    secrets = {
        code: await add_carrier(pool, Carrier(code, code, speaks)) for code, (speaks, _) in CARRIERS.items()
    }
    for code, (_, zone) in CARRIERS.items():
        await pool.execute("update carriers set time_zone = $2 where code = $1", code, zone)
    path = folder / "facilities.csv"
    path.write_text(
        "code,name,commune,time_zone\nHAN,Hà Nội,00070,Asia/Ho_Chi_Minh\nLAX,Los Angeles,,America/Los_Angeles\n"
        "NOWHERE,Nowhere,,\nODD,Odd,00070,Hanoi\n"
    )
    ran = await buuta(settings, "facility", "import", str(path), "--carrier", "jpp")
    assert (ran.code, "2 registered." in ran.said) == (1, True), ran.said
    async with wire(IngestSettings(**settings.model_dump())) as (app, _):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            await until(lambda: ready(client), "ingest is ready")
            yield Door(client, secrets)


def item(number: str, occurred_at: Any, **more: Any) -> dict[str, Any]:
    return {"number": number, "code": "delivered", "occurred_at": occurred_at, **more}


async def told(settings: SharedSettings) -> dict[str, tuple[str, str | None, bool]]:
    """By number: the time in UTC, the zone, and whether it is a day alone."""
    return {
        each["number"]: (iso_text(each["occurred_at"])[:19], each["zone"], each["day_only"])
        for each in await log(settings)
    }


async def test_a_batch_is_read_in_the_zone_of_its_facility_else_of_its_carrier(
    door: Door, settings: SharedSettings
) -> None:
    await door.scans([item("AAA1", "2026-11-24T09:30"), item("AAA2", "2026-11-25")], "vnp")
    await door.scans(
        [
            item("BBB1", "2026-11-24T09:30"), item("BBB2", "2026-11-24T09:30", facility="HAN"),
            item("BBB3", "2026-11-24T09:30", facility="LAX"), item("BBB4", "2026-07-24T09:30", facility="LAX"),
            item("BBB5", "2026-11-24T09:30Z"), item("BBB6", "2026-11-25"),
            item("BBB7", "2026-11-25", facility="LAX"),
        ],
        "jpp",
    )  # fmt: skip
    assert await told(settings) == {
        "AAA1": ("2026-11-24T02:30:00", None, False), "AAA2": ("2026-11-25T16:59:59", None, True),
        "BBB1": ("2026-11-24T00:30:00", "Asia/Tokyo", False), "BBB2": ("2026-11-24T02:30:00", None, False),
        "BBB3": ("2026-11-24T17:30:00", "America/Los_Angeles", False),
        "BBB4": ("2026-07-24T16:30:00", "America/Los_Angeles", False),
        "BBB5": ("2026-11-24T09:30:00", "Asia/Tokyo", False), "BBB6": ("2026-11-25T14:59:59", "Asia/Tokyo", True),
        "BBB7": ("2026-11-26T07:59:59", "America/Los_Angeles", True),
    }  # fmt: skip


async def test_a_webhook_that_says_the_day_alone_means_the_day_of_the_place(
    door: Door, settings: SharedSettings
) -> None:
    """GHN's clocks without an offset are UTC; a day of GHN's is nevertheless one of Vietnam's calendar."""
    for number, at in (
        ("GHN1", "2026-11-24T09:25:00Z"),
        ("GHN2", "2026-11-24 09:25:00"),
        ("GHN3", "2026-11-24"),
    ):
        said = {"OrderCode": number, "Status": "delivered", "Time": at, "Type": "switch_status"}
        assert (await door.webhook("ghn", json=said)).status_code == 200
    assert await told(settings) == {
        "GHN1": ("2026-11-24T09:25:00", None, False), "GHN2": ("2026-11-24T09:25:00", None, False),
        "GHN3": ("2026-11-24T16:59:59", None, True),
    }  # fmt: skip


async def test_files_are_read_in_the_carriers_zone_and_a_date_cell_is_a_day(
    door: Door, settings: SharedSettings, pool: Any, folder: Path
) -> None:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.append(["itemId", "eventCode", "eventDateTime"])
    sheet.append(["EE123456785DE", "EMI", datetime(2026, 7, 24, 9, 30)])  # noqa: DTZ001 - a cell has no zone
    sheet.append(["EE123456799DE", "EMI", date(2026, 11, 25)])
    made.save(folder / "events.xlsx")
    text = io.StringIO()
    csv.writer(text).writerows(
        [
            ["number", "code", "occurred_at"],
            ["EE1", "EMI", "2026-12-24  09:30"],
            ["EE2", "EMI", "2026-11-25"],
        ]
    )
    (folder / "items.csv").write_text(text.getvalue())
    carrier = await carrier_of(pool, "dhl")
    assert carrier is not None
    async with producer_on(settings) as producer:
        intake = intake_on(settings, producer, pool)
        for name in ("events.xlsx", "items.csv"):
            done = await take_file(intake, carrier, folder / name, lambda _: None)
            assert done.counts["accepted"] == 2, done.report and done.report.read_text()
    zone = "Europe/Berlin"
    assert await told(settings) == {
        "EE123456785DE": ("2026-07-24T07:30:00", zone, False), "EE123456799DE": ("2026-11-25T22:59:59", zone, True),
        "EE1": ("2026-12-24T08:30:00", zone, False), "EE2": ("2026-11-25T22:59:59", zone, True),
    }  # fmt: skip


async def test_what_waited_in_quarantine_is_read_in_the_same_zone(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    odd = [{"number": "CCC1", "code": "gone home", "occurred_at": "2026-11-24T09:30"}]
    answer = await door.scans(odd, "jpp")
    assert answer.json()[0]["result"] == "quarantined", json.dumps(answer.json())
    ran = await buuta(settings, "quarantine", "map", "buuta", "gone home", "--status", "delivered")
    assert ran.code == 0, ran.said
    assert await told(settings) == {"CCC1": ("2026-11-24T00:30:00", "Asia/Tokyo", False)}
