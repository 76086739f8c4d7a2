"""Files of strangers through the command and the drop folder: what was read, counted, noted and refused."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest

from buuta.settings import SharedSettings
from services.ingest.doors.drop import DropFolder
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import add_carrier, intake_on, log
from tests.integration.drops import look_once
from tests.integration.parts import producer_on

HEADER: Final = "Number;CODE;Occurred At;Ghi chú"
LINE: Final = "Z82BS;delivered;2026-11-24T09:30:00+07:00;x"


@pytest.fixture
async def carrier(pool: Any) -> str:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    return "vnp"


async def ingest(settings: SharedSettings, path: Path) -> Any:
    return await buuta(settings, "ingest", "file", str(path), "--carrier", "vnp")


async def test_a_file_is_told_in_numbers_and_notes_and_its_neighbours_go_on(
    settings: SharedSettings, carrier: str, folder: Path
) -> None:
    lost, odd = LINE.replace("Z82BS", "1.68406E+12"), LINE.replace("delivered", "teleported")
    path = folder / "scans.csv"
    path.write_text("\n".join(["sep=;", HEADER, LINE, lost, LINE, odd, ";;;"]), encoding="utf-8")
    ran = await ingest(settings, path)
    assert ran.code == 1, ran.said
    for told in ("accepted  1", "copies  1", "waiting  1", "rejected  1", "notes  1", ".notes.txt"):
        assert told in ran.said
    report = (folder / "scans.csv.rejected.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in report[1:]] == [
        ["4", "field_lost_digits"],
        ["6", "unknown_code"],
    ]
    assert "format the column as text" in report[1]
    assert "not known were not read: 4 (not shown)" in (folder / "scans.csv.notes.txt").read_text()
    assert [each["number"] for each in await log(settings)] == ["Z82BS"]


async def test_the_same_file_again_is_said_to_be_read_already(
    settings: SharedSettings, carrier: str, folder: Path
) -> None:
    path = folder / "scans.csv"
    path.write_text("\n".join([HEADER, LINE]), encoding="utf-8")
    assert "already read" not in (await ingest(settings, path)).said
    again = await ingest(settings, path)
    assert again.code == 0, again.said
    assert "already read, at " in again.said
    assert "nothing was taken in again" in again.said
    assert len(await log(settings)) == 1


async def test_a_report_that_was_put_right_is_taken_in_as_it_is(
    settings: SharedSettings, carrier: str, folder: Path
) -> None:
    path = folder / "scans.csv"
    path.write_text("\n".join([HEADER, LINE, LINE.replace("09:30:00+07:00", "noon")]), encoding="utf-8")
    assert (await ingest(settings, path)).code == 1
    report = folder / "scans.csv.rejected.csv"
    report.write_text(report.read_text().replace("2026-11-24Tnoon", "2026-11-24T12:00:00+07:00"))
    ran = await ingest(settings, report)
    assert ran.code == 0, ran.said
    assert len(await log(settings)) == 2


async def test_a_day_of_a_workbook_is_a_day_and_its_parcels_move(
    settings: SharedSettings, carrier: str, folder: Path
) -> None:
    book = openpyxl.Workbook()
    for row in (["BẢNG KÊ"], [], ["Number", "Code", "Occurred at"], [862195772225, "delivered", "2026-11-24 09:30"],
                [893123450000000018, "delivered", "2026-11-24 09:30"],
                ["Z82BS", "delivered", datetime.fromisoformat("2026-11-24").date()]):  # fmt: skip
        book.active.append(row)
    book.save(folder / "a.xlsx")
    ran = await ingest(settings, folder / "a.xlsx")
    assert "accepted  2" in ran.said
    assert "rejected  1" in ran.said
    first, second = sorted(await log(settings), key=lambda each: each["number"])
    assert (first["number"], first["occurred_at"], first["day_only"]) == (
        "862195772225",
        1795487400000,
        False,
    )
    assert (second["number"], second["day_only"]) == ("Z82BS", True), "a day without a clock"


async def test_the_drop_folder_refuses_what_it_cannot_read_with_what_to_do_and_keeps_notes(
    settings: SharedSettings, pool: Any, carrier: str, folder: Path
) -> None:
    inbox = folder / carrier
    inbox.mkdir()
    (inbox / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    (inbox / "odd.csv").write_bytes(f"{HEADER}\nZ1X;x;2026-11-24;Köln für\n".encode("cp1252", "replace"))
    (inbox / "scans.csv").write_text("\n".join([HEADER, LINE]), encoding="utf-16")
    async with producer_on(settings) as producer:
        watching = DropFolder(folder, intake_on(settings, producer, pool))
        for _ in range(2):
            assert await look_once(watching) == []
    assert "save it as XLSX" in (inbox / "refused" / "old.xls.error.txt").read_text()
    assert "not UTF-8" in (inbox / "refused" / "odd.csv.error.txt").read_text()
    assert (inbox / "done" / "scans.csv.notes.txt").exists()
    assert [each["number"] for each in await log(settings)] == ["Z82BS"]


async def test_a_cell_that_need_not_be_there_and_does_not_fit_costs_itself_and_a_note_with_its_line(
    settings: SharedSettings, carrier: str, folder: Path
) -> None:
    path = folder / "scans.csv"
    path.write_text("number,code,occurred_at,facility\nZ82BS,delivered,2026-11-24T09:30:00Z,BC 129060\n")
    ran = await ingest(settings, path)
    assert ran.code == 0, ran.said
    assert "accepted  1" in ran.said
    assert "line 2: facility: " in (folder / "scans.csv.notes.txt").read_text()
    [event] = await log(settings)
    assert event["facility"] is None
