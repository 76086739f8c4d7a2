"""A carrier's broken file never stops another's: each kind that cannot be taken lies aside, and says why."""

import asyncio
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import structlog

from buuta.settings import SharedSettings
from services.ingest.doors import drop, file
from services.ingest.doors.drop import TRIES, DropFolder
from services.ingest.intake import Intake
from services.ingest.storage import Carrier, reporting
from tests.integration.doors import add_carrier, intake_on, log
from tests.integration.drops import look_beside, look_once, settled
from tests.integration.parts import producer_on
from tests.waiting import until

HEADER = "number,code,occurred_at\n"
LINE = "{},delivered,2026-11-24T09:30:00Z\n"


@pytest.fixture
async def inbox(pool: Any, folder: Path) -> Path:
    """Folders of three carriers, with a good file of each."""
    for place, code in enumerate(("aaa", "ghn", "vnp")):
        await add_carrier(pool, Carrier(code, code, "buuta"))
        (folder / code).mkdir()
        (folder / code / "good.csv").write_text(HEADER + LINE.format(f"GOOD{place}"))
    return folder


async def looks(settings: SharedSettings, pool: Any, folder: Path, times: int = 2) -> DropFolder:
    """So many looks, of which some may end with what went wrong."""
    async with producer_on(settings) as producer:
        watching = DropFolder(folder, intake_on(settings, producer, pool))
        for _ in range(times):
            await look_beside(watching)
        return watching


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "number", "x"
    book.save(path.with_suffix(".xlsx"))


KINDS: dict[str, Callable[[Path], object]] = {
    "open quote in the header": lambda path: path.write_text('"number,code\n' * 200),
    "header without end": lambda path: path.write_text("x" * 300_000),
    "a million columns": lambda path: path.write_text("," * 1_000_000),
    "corner": workbook,
    "no workbook": lambda path: path.with_suffix(".xlsx").write_bytes(b"PK\x03\x04"),
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "name with a line break": lambda path: path.with_name("a\nb\x1b.csv").write_text("x\n"),
    "name that is no text": lambda path: (path.parent / os.fsdecode(b"\xff.csv")).write_text("x\n"),
    "longest name": lambda path: path.with_name("n" * 251 + ".csv").write_text("x\n"),
    "deep JSON": lambda path: path.with_suffix(".json").write_text("[" * 100_000),
    "no text": lambda path: path.write_bytes(bytes(range(256)) * 9),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_that_cannot_be_taken_is_refused_with_the_reason_and_the_others_come_in(
    inbox: Path, settings: SharedSettings, pool: Any, kind: str
) -> None:
    KINDS[kind](inbox / "aaa" / "0bad.csv")
    await looks(settings, pool, inbox, 2)
    assert {event["number"] for event in await log(settings)} == {"GOOD0", "GOOD1", "GOOD2"}
    reasons = list((inbox / "aaa" / "refused").glob("*.error.txt"))
    assert len(reasons) == 1
    assert len(reasons[0].read_text()) > 10
    assert "root:" not in "".join(path.read_text(errors="replace") for path in all_below(inbox))
    assert {path.name for path in (inbox / "aaa").iterdir()} == {"done", "refused"}


def all_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


async def test_lines_that_are_broken_are_rejected_alone_and_no_formula(
    inbox: Path, settings: SharedSettings, pool: Any
) -> None:
    (inbox / "aaa" / "some.csv").write_text(
        HEADER + LINE.format("LINE1") + 'LINE2,"delivered,2026-11-24T09:30:00Z\n' + LINE.format("LINE3") * 150
        + f"LINE4,{'x' * 140_000},2026\n" + "=cmd|' /C calc'!A0,delivered,yesterday\n" + LINE.format("LINE5")
    )  # fmt: skip
    await looks(settings, pool, inbox)
    assert {event["number"] for event in await log(settings)} >= {"LINE1", "LINE3", "LINE5"}
    report = (inbox / "aaa" / "done" / "some.csv.rejected.csv").read_text()
    assert [row.split(",")[:2] for row in report.splitlines()[1:]] == [
        ["3", "line_unreadable"], ["154", "line_unreadable"], ["155", "time_invalid"],
    ]  # fmt: skip
    assert ",'=cmd" in report


async def test_an_error_that_nobody_foresaw_is_tried_again_and_then_refused_while_others_come_in(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "aaa" / "0bad.csv").write_text(HEADER + LINE.format("B"))
    honest = file.parse_of

    def broken(recipe: Any, columns: Any) -> Any:
        raise ZeroDivisionError

    async def take(intake: Intake, carrier: Carrier, path: Path, advance: Any) -> Any:
        monkeypatch.setattr(file, "parse_of", broken if path.name == "0bad.csv" else honest)
        return await file.take_file(intake, carrier, path, advance)

    monkeypatch.setattr(drop, "take_any", take)
    async with producer_on(settings) as producer:
        watching = DropFolder(inbox, intake_on(settings, producer, pool))
        for _ in range(2):
            await look_once(watching)
    assert {event["number"] for event in await log(settings)} == {"GOOD1", "GOOD2"}, "its own wait for it"
    await looks(settings, pool, inbox, TRIES + 2)
    assert "GOOD0" in {event["number"] for event in await log(settings)}
    assert "ZeroDivisionError" in (inbox / "aaa/refused/0bad.csv.error.txt").read_text()


async def test_logs_name_no_file_and_no_folder_also_where_the_system_does(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = "Nguyen Van Lan 0912345678"
    (inbox / person).mkdir()
    (inbox / person / f"{person}.csv").write_text(HEADER + LINE.format("GOOD3"))
    for name in (f"{person}.csv", f"1{person}.csv"):
        (inbox / "aaa" / name).write_text(HEADER + LINE.format("GOOD4"))
    (inbox / "ghn" / f"{person}.csv").write_text("x\n")
    rename, marks = Path.rename, {path.lstat().st_ino for path in all_below(inbox)}

    def stuck(path: Path, target: Path) -> Path:
        if path.name.startswith("1") and target.parent.name == "done":
            raise OSError(18, "Invalid cross-device link", str(path), None, str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stuck)
    raised: list[Exception] = []
    async with producer_on(settings) as producer:
        watching = DropFolder(inbox, intake_on(settings, producer, pool))
        with structlog.testing.capture_logs() as lines:
            for _ in range(TRIES + 1):
                raised += await look_once(watching)
    logged = [each["exc_info"] for each in lines if "exc_info" in each]
    said = [
        *map(str, lines),
        *(line for why in (*raised, *logged) for line in traceback.format_exception(why)),
    ]
    assert {"file_taken", "file_refused", "file_failed"} <= {each["event"] for each in lines}
    assert len(raised) == TRIES - 1
    assert "Invalid cross-device link" in "".join(said)
    assert "Nguyen" not in "".join(said)
    assert "0912345678" not in "".join(said)
    assert {int(each["file"].removeprefix("inode ")) for each in lines} <= marks, "by it the file is found"


async def test_a_file_that_grows_while_it_is_read_is_read_again(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = inbox / "aaa" / "good.csv"
    honest = drop.take_any

    async def take(*parts: Any) -> Any:
        summary = await honest(*parts)
        if parts[2] == growing and growing.stat().st_size < 200:
            with growing.open("a") as more:
                more.write(LINE.format("LATE") * 5)
        return summary

    monkeypatch.setattr(drop, "take_any", take)
    await looks(settings, pool, inbox, 2)
    assert growing.exists()
    await looks(settings, pool, inbox, 2)
    assert not growing.exists()
    found = [event["event_id"] for event in await log(settings) if event["number"] == "LATE"]
    assert len(set(found)) == 1


async def test_links_in_the_place_of_our_folders_and_reports_are_not_followed(
    inbox: Path, settings: SharedSettings, pool: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "kept").write_text("kept")
    (inbox / "aaa" / "done").symlink_to(elsewhere)
    (inbox / "aaa" / "good.csv").write_text(HEADER + LINE.format("GOOD0") + "x,y,z\n")
    (inbox / "aaa" / "good.csv.rejected.csv").symlink_to(elsewhere / "kept")
    (inbox / "ghn" / "refused").mkdir()
    (inbox / "ghn" / "bad.csv").write_text("x\n")
    (inbox / "ghn" / "refused" / "bad.csv.error.txt").symlink_to(elsewhere / "kept")
    await looks(settings, pool, inbox, TRIES + 2)
    assert (elsewhere / "kept").read_text() == "kept"
    assert {path.name for path in elsewhere.iterdir()} == {"kept"}
    assert {"GOOD1", "GOOD2"} <= {event["number"] for event in await log(settings)}


async def test_what_vanishes_or_cannot_be_looked_into_hides_no_other(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = drop._wanted

    def looked(own: Path) -> Any:
        if own.name == "aaa":
            raise PermissionError
        yield from honest(own)

    monkeypatch.setattr(drop, "_wanted", looked)
    async with producer_on(settings) as producer:
        watching = DropFolder(inbox, intake_on(settings, producer, pool))
        (inbox / "ghn" / "0gone.csv").write_text(HEADER)
        await watching.look()
        monkeypatch.setattr(drop, "reporting", vanishing(inbox / "ghn" / "0gone.csv"))
        assert await look_once(watching) == []
        assert settled(inbox) == {inbox / "ghn/done/good.csv", inbox / "vnp/done/good.csv"}


def vanishing(path: Path) -> Any:
    """Finds the carrier of a file that is gone by then."""

    async def find(con: Any, code: str) -> Carrier:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return await reporting(con, code)

    return find


async def test_a_carrier_with_a_long_file_holds_up_no_other(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = asyncio.Event()
    honest = drop.take_any

    async def take(intake: Intake, carrier: Carrier, path: Path, advance: Any) -> Any:
        if carrier.code == "aaa":
            async with asyncio.timeout(20):
                await others.wait()
        if carrier.code == "vnp":
            others.set()
        return await honest(intake, carrier, path, advance)

    monkeypatch.setattr(drop, "take_any", take)
    await looks(settings, pool, inbox)
    assert len(await log(settings)) == 3


LINES = 3_000


def numbered(first: str) -> str:
    return HEADER + "".join(LINE.format(f"{first}{place:05}") for place in range(LINES))


async def finished(pool: Any) -> list[str]:
    """Carriers whose files are taken to their end, in the order of that."""
    rows = await pool.fetch("select carrier from files where finished_at is not null order by finished_at")
    return [code for [code] in rows]


async def test_a_short_file_that_comes_while_all_lanes_have_long_ones_is_taken_before_they_are_at_their_end(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one lane: each carrier comes to its turn, the long file goes on where it was, each line counts once."""
    monkeypatch.setattr(drop, "AT_ONCE", 1)
    monkeypatch.setattr(drop, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(drop, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(drop, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(file, "BATCH", 10)
    for code in ("ghn", "vnp"):
        (inbox / code / "good.csv").unlink()
    (inbox / "aaa" / "good.csv").write_text(numbered("LONG"))
    async with producer_on(settings) as producer:
        watching = asyncio.create_task(DropFolder(inbox, intake_on(settings, producer, pool)).run())
        try:
            await until(lambda: lines_done(pool), "the long file is begun")
            for code in ("ghn", "vnp"):
                (inbox / code / "short.csv").write_text(HEADER + LINE.format(f"SHORT{code}"))
            await until(lambda: all_finished(pool, 3), "all are taken")
        finally:
            watching.cancel()
    assert (await finished(pool))[-1] == "aaa"
    assert await pool.fetchval("select lines_done from files where carrier = 'aaa'") == LINES + 1
    assert (
        len({event["event_id"] for event in await log(settings)}) == len(await log(settings)) == LINES + 2
    )


async def lines_done(pool: Any) -> bool:
    return bool(await pool.fetchval("select max(lines_done) from files"))


async def all_finished(pool: Any, count: int) -> bool:
    return len(await finished(pool)) == count


async def test_a_turn_ends_only_where_another_carrier_waits(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drop, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(file, "BATCH", 10)
    (inbox / "aaa" / "good.csv").write_text(numbered("LONG"))
    async with producer_on(settings) as producer:
        watching = DropFolder(inbox, intake_on(settings, producer, pool))
        await watching.look()
        await watching.look()
        turns = 0
        while await watching.turn():
            turns += 1
    assert turns == 4, "some of the long file, the two others, and the rest of it"
    assert settled(inbox) == {inbox / code / "done" / "good.csv" for code in ("aaa", "ghn", "vnp")}
