"""Files that carriers put into their folder come in, each once, and lie where everybody sees what became."""

from pathlib import Path
from typing import Any

import pytest

from buuta.settings import SharedSettings
from services.ingest.doors import drop
from services.ingest.doors.drop import DropFolder
from services.ingest.storage import Carrier
from tests.integration.doors import add_carrier, intake_on, log
from tests.integration.drops import look_once, settled
from tests.integration.parts import producer_on

HEADER = "number,code,occurred_at\n"
LINE = "Z82BS,delivered,2026-11-24T09:30:00Z\n"


async def looked(settings: SharedSettings, pool: Any, folder: Path, times: int = 2) -> list[Path]:
    """Look so often; returns where each file lies now that was moved."""
    before = settled(folder)
    async with producer_on(settings) as producer:
        watching = DropFolder(folder, intake_on(settings, producer, pool))
        for _ in range(times):
            assert await look_once(watching) == []
    return sorted(settled(folder) - before)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
async def inbox(pool: Any, folder: Path) -> Path:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    return made(folder / "vnp")


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def test_a_file_that_stays_as_it_is_is_taken_in_and_lies_in_done(
    inbox: Path, settings: SharedSettings, pool: Any
) -> None:
    (inbox / "scans.csv").write_text(HEADER + LINE + "Z11,oops,2026-11-24T09:30:00Z\n")
    assert await looked(settings, pool, inbox.parent, 1) == [], "it may still be growing"
    assert await looked(settings, pool, inbox.parent) == [inbox / "done" / "scans.csv"]
    assert "unknown_code" in (inbox / "done" / "scans.csv.rejected.csv").read_text()
    assert names(inbox) == {"done"}
    (inbox / "scans.csv").write_text(HEADER + LINE)
    assert await looked(settings, pool, inbox.parent) == [inbox / "done" / "scans-1.csv"]
    assert len({event["event_id"] for event in await log(settings)}) == 1


async def test_a_file_that_grows_is_left_alone_and_so_is_what_is_no_table(
    inbox: Path, settings: SharedSettings, pool: Any
) -> None:
    async with producer_on(settings) as producer:
        watching = DropFolder(inbox.parent, intake_on(settings, producer, pool))
        for name in ("scans.csv", ".hidden.csv", "scans.csv.part", "notes.pdf"):
            (inbox / name).write_text(HEADER)
        await look_once(watching)
        (inbox / "scans.csv").write_text(HEADER + LINE)
        await look_once(watching)
        assert settled(inbox.parent) == set()
        await look_once(watching)
        assert settled(inbox.parent) == {inbox / "done" / "scans.csv"}
    assert names(inbox) == {"done", ".hidden.csv", "scans.csv.part", "notes.pdf"}


async def test_a_file_that_cannot_be_read_lies_in_refused_with_the_reason(
    inbox: Path, settings: SharedSettings, pool: Any
) -> None:
    (inbox / "odd.csv").write_text("a,b\n1,2\n")
    (made(inbox.parent / "nobody") / "scans.csv").write_text(HEADER + LINE)
    await looked(settings, pool, inbox.parent)
    assert "missing: number" in (inbox / "refused" / "odd.csv.error.txt").read_text()
    assert "no carrier by the name" in (inbox.parent / "nobody/refused/scans.csv.error.txt").read_text()
    assert await log(settings) == []


async def test_killed_before_the_move_it_is_moved_by_the_next_look_and_comes_in_once(
    inbox: Path, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "scans.csv").write_text(HEADER + LINE)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drop, "_moved", killed)
        with pytest.raises(KeyboardInterrupt):
            await looked(settings, pool, inbox.parent)
    assert await looked(settings, pool, inbox.parent) == [inbox / "done" / "scans.csv"]
    assert len(await log(settings)) == 1, "a file that is finished is not sent again"
