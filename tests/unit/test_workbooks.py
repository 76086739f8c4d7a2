"""A workbook is read by a process that may die; what it cannot read is refused, and says so."""

import contextlib
import io
import os
import sys
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest

from buuta.errors import BadItem
from services.ingest.doors import workbook
from services.ingest.doors.sheets import opened

SHEET = "xl/worksheets/sheet1.xml"


def made(path: Path, *cells: tuple[str, object]) -> Path:
    book = openpyxl.Workbook()
    for place, value in cells:
        book.active[place] = value
    book.save(path)
    return path


def changed(path: Path, member: str, text: bytes) -> Path:
    """A workbook in which one part was replaced."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()} | {member: text}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in parts.items():
            new.writestr(name, content)
    return path


def lines(path: Path) -> list[list[str]]:
    with opened(path) as sheet:
        return [list(sheet.columns), *([*cells.values(), *more] for _, cells, more in sheet.rows)]


def test_numbers_and_line_breaks_are_as_people_read_them(tmp_path: Path) -> None:
    path = made(tmp_path / "a.xlsx", ("A1", "number"), ("B1", "code"), ("A3", 7.0), ("B3", "two\nlines"))
    with opened(path) as sheet:
        assert list(sheet.rows) == [(3, {"number": "7", "code": "two lines"}, [])]


def test_a_cell_in_the_last_corner_is_refused_within_bounds(tmp_path: Path) -> None:
    path = made(tmp_path / "a.xlsx", ("A1", "number"), ("XFD1048576", "x"))
    assert path.stat().st_size < 10_000
    begun = time.monotonic()
    with pytest.raises(BadItem, match="split it, delete what lies outside"):
        lines(path)
    assert time.monotonic() - begun < workbook.SECONDS


def bomb(path: Path) -> Path:
    text = b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'>"
    return changed(
        path, "xl/sharedStrings.xml", text + b"<si><t>" + b"x" * 1_200_000_000 + b"</t></si></sst>"
    )


def entities(path: Path) -> Path:
    steps = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12))
    return changed(
        path, SHEET, f"<!DOCTYPE x [<!ENTITY e0 'xxxxxxxxxx'>{steps}]><worksheet><sheetData><row><c t='str'>"
        "<v>&e11;</v></c></row></sheetData></worksheet>".encode(),
    )  # fmt: skip


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:700])
    return path


def no_sheet(path: Path) -> Path:
    return changed(path, SHEET, b"\x00\xff<<<")


@pytest.mark.parametrize("spoil", [bomb, entities, cut, no_sheet])
def test_what_is_no_honest_workbook_is_refused_or_has_no_lines(tmp_path: Path, spoil: object) -> None:
    path = spoil(made(tmp_path / "a.xlsx", ("A1", "number"), ("A2", "x")))  # type: ignore[operator]
    with contextlib.suppress(BadItem):
        found = lines(path)
        assert sum(len(cell) for line in found for cell in line) < 10_000


@pytest.mark.parametrize(
    "cell",
    [b't="b"><v>Nguyen Canary</v>', b't="e"><v>Nguyen Canary</v>', b't="Nguyen Canary"><v>1</v>',
     b't="n"><v>Nguyen Canary</v>'],
)  # fmt: skip
def test_of_a_cell_that_cannot_be_read_nothing_is_repeated(tmp_path: Path, cell: bytes) -> None:
    names = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = b'<worksheet %s><sheetData><row r="1"><c r="A1" %s</c></row></sheetData></worksheet>'
    path = changed(made(tmp_path / "a.xlsx", ("A1", "number")), SHEET, sheet % (names, cell))
    with pytest.raises(BadItem, match="save it anew") as caught:
        lines(path)
    assert "Canary" not in str(caught.value)


def test_the_process_that_reads_knows_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is changed for one that tells its surroundings."""
    telling = tmp_path / "telling"
    telling.write_text("#!/bin/sh\nenv\n")
    telling.chmod(0o755)
    monkeypatch.setenv("BUUTA_MASTER_KEY", "11" * 32)
    monkeypatch.setattr(sys, "executable", str(telling))
    with workbook.as_lines(made(tmp_path / "a.xlsx", ("A1", "number"))) as (told, _):
        said = told.read()
    assert "PYTHONPATH" in said
    assert "BUUTA" not in said


def test_a_link_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("number,code,occurred_at\n")
    (tmp_path / "a.csv").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "b.csv")
    for name in ("a.csv", "b.csv"):
        with pytest.raises(BadItem, match=r"link|no file"):
            lines(tmp_path / name)


def test_a_workbook_that_was_packed_by_hand_is_read() -> None:
    assert list(workbook.read(_packed())) == [["number"], ["7"]]


def _packed() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["number"])
    book.active.append([7])
    book.save(out)
    return out.getvalue()
