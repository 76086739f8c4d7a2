"""Odd spreadsheets of strangers: every form of CSV and XLSX is read as it was meant, or refused with what to do."""

import codecs
import io
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from buuta.errors import BadItem
from services.ingest.carriers import RECIPES
from services.ingest.doors.cells import Line, clean, folded
from services.ingest.doors.encodings import WINDOWS_NOTE
from services.ingest.doors.file import names_of, parse_of
from services.ingest.doors.sheets import opened

HEADER: Final = "number,code,occurred_at,place"
TIME: Final = "2026-11-24T09:30:00+07:00"
PLACE: Final = "Bưu cục Đống Đa – Hà Nội"
PLAIN: Final = f"{HEADER}\nZ82BS,delivered,{TIME},{PLACE}\n"
READ: Final = [("Z82BS", "delivered", PLACE)]


def reports(path: Path, format_name: str = "buuta") -> list[tuple[str, str, str]]:
    """Number, code and place of each line."""
    recipe = RECIPES[format_name]
    with opened(path, names_of(recipe)) as sheet:
        parse = parse_of(recipe, sheet.columns)
        read = [
            parse({**cells, "\x00surplus": surplus} if surplus else cells)
            for _, cells, surplus in sheet.rows
        ]
    return [(each.number, each.raw_code, each.place) for each in read if each is not None]


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


TEXTS: Final = {
    "UTF-8": PLAIN.encode(),
    "UTF-8 with its mark": PLAIN.encode("utf-8-sig"),
    "UTF-16, as Excel's Unicode Text": codecs.BOM_UTF16_LE + PLAIN.replace(",", "\t").encode("utf-16-le"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "lines of Windows": PLAIN.replace("\n", "\r\n").encode(),
    "lines of old Macs": PLAIN.replace("\n", "\r").encode(),
    "no line end at the end": PLAIN.rstrip().encode(),
    "sep=;": b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
    "sep=; with a mark and quotes": b'\xef\xbb\xbf"SEP=;"\n' + PLAIN.replace(",", ";").encode(),
    "sep=|": b"sep=|\n" + PLAIN.replace(",", "|").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "pipes": PLAIN.replace(",", "|").encode(),
    "quoted": PLAIN.replace("Z82BS", '"Z82BS"').replace(PLACE, f'"{PLACE}"').encode(),
    "accents in parts (NFD)": unicodedata.normalize("NFD", PLAIN).encode(),
    "names in capitals with spaces": PLAIN.replace(HEADER, " Number , CODE,Occurred At,  Place ").encode(),
    "names with hyphens": PLAIN.replace("occurred_at", "occurred-at").encode(),
    "a mark that nobody sees in a name": PLAIN.replace("number", "\u200bnumber").encode(),
    "empty lines around": f"\n\n{PLAIN}\n,,,\n  ,,,\n".encode(),
    "a title above": f"BÁO CÁO GIAO HÀNG\nTháng 11,,,\n\n{PLAIN}".encode(),
    "what is known above the names": f"Từ ngày,24/11/2026\nĐến ngày,24/11/2026\nTổng,1\n{PLAIN}".encode(),
    "a title with commas above semicolons": f"Hà Nội, ngày 24, tháng 11\n{PLAIN.replace(',', ';')}".encode(),
    "empty columns at the end": PLAIN.replace("\n", ",,,\n").encode(),
    "text by a formula": PLAIN.replace("Z82BS", '="Z82BS"').encode(),
    "a space that does not break": PLAIN.replace("Z82BS", "\xa0Z82BS ").encode(),
    "columns that are not ours": PLAIN.replace(HEADER, f"{HEADER},Ghi chú").replace(PLACE, f"{PLACE},x").encode(),
    "our own report, put right": f"rejected_line,rejected_code,rejected_message,{HEADER}\n2,x,y,"
    f"{PLAIN.splitlines()[1]}\n".encode(),
}  # fmt: skip


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS.keys())
def test_whatever_a_spreadsheet_writes_as_text_is_read(tmp_path: Path, content: bytes) -> None:
    assert reports(written(tmp_path / "a.csv", content)) == READ


def test_windows_1258_is_read_where_all_of_it_is_vietnamese_and_that_is_said(tmp_path: Path) -> None:
    text = PLAIN.replace("–", "-")
    path = written(tmp_path / "a.csv", _in_windows_1258(text))
    with opened(path) as sheet:
        assert sheet.notes == [WINDOWS_NOTE]
    assert reports(path) == [("Z82BS", "delivered", PLACE.replace("–", "-"))]


def _in_windows_1258(text: str) -> bytes:
    """As Windows writes it: letters with one mark as one byte, tones behind them."""
    found = b""
    for letter in unicodedata.normalize("NFC", text):
        try:
            found += letter.encode("cp1258")
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", letter)
            base = unicodedata.normalize(
                "NFC", parts[0] + "".join(each for each in parts[1:] if each in "\u0302\u0306\u031b")
            )
            tones = "".join(each for each in parts[1:] if each not in "\u0302\u0306\u031b")
            found += (base + tones).encode("cp1258")
    return found


NO_TEXT: Final = {
    "German in Windows-1252": ("a.csv", f"{HEADER}\nZ,x,{TIME},Köln für\n".encode("cp1252"), "not UTF-8 .line 2"),
    "Vietnamese in TCVN3": ("a.csv", f"{HEADER}\nZ,x,{TIME},Hµ Néi b­u ®iÖn\n".encode("latin-1"), "not UTF-8"),
    "UTF-16 without its mark": ("a.csv", PLAIN.encode("utf-16-le"), "not UTF-8"),
    "UTF-32": ("a.csv", PLAIN.encode("utf-32"), "not UTF-8"),
    "a workbook named .csv": ("a.csv", b"PK\x03\x04rest", "name a workbook .xlsx"),
    "an old workbook named .csv": ("a.csv", b"\xd0\xcf\x11\xe0rest", "old form"),
    "a web page": ("a.csv", b"\r\n<HTML><table><tr><td>1", "web page"),
    "a packed file": ("a.csv", b"\x1f\x8b\x08", "unpack it"),
    "a PDF": ("a.txt", b"%PDF-1.7", "PDF"),
    "the old form": ("a.xls", b"\xd0\xcf\x11\xe0", "kind .xls are not read: save it as XLSX"),
    "OpenDocument": ("a.ods", b"PK\x03\x04", "kind .ods are not read"),
    "a binary workbook": ("a.xlsb", b"PK\x03\x04", "kind .xlsb are not read"),
    "a password": ("a.xlsx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "by a password"),
    "an old workbook named .xlsx": ("a.xlsx", b"\xd0\xcf\x11\xe0....", "old form"),
    "text named .xlsx": ("a.xlsx", PLAIN.encode(), "name a CSV file .csv"),
    "two columns of a name": ("a.csv", b"number,code,Number,occurred_at\n", "two columns have the name number"),
    "a name misspelt": ("a.csv", b"number,code,occurred_at,delivery_mod\nZ,x,y,z\n", "not known: delivery_mod;"),
    "no names": ("a.csv", f"Z82BS,delivered,{TIME}\n".encode(), "missing: number, code, occurred_at"),
    "nothing": ("a.csv", b"", "missing: number"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "says"), NO_TEXT.values(), ids=NO_TEXT.keys())
def test_what_is_not_read_is_refused_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    with pytest.raises(BadItem, match=says):
        reports(written(tmp_path / name, content))


def test_of_utf_8_with_a_damaged_line_that_line_alone_is_lost(tmp_path: Path) -> None:
    good = f"Z82BS,delivered,{TIME},{PLACE}\n".encode()
    path = written(tmp_path / "a.csv", HEADER.encode() + b"\n" + good * 3 + b"Z,x,y,\xe0\xff\n" + good)
    with opened(path) as sheet:
        rows = [cells["place"] for _, cells, _ in sheet.rows]
    assert rows.count(PLACE) == 4


LOST: Final = [
    "1.68406E+12",
    "1,68406E+12",
    "1.68406e12",
    "168406E+7",
    "8.9312345e+17",
    "893123450000000000.0",
]


@pytest.mark.parametrize("number", LOST)
@pytest.mark.parametrize("column", ["number", "code", "natural_id"])
def test_a_number_that_has_lost_digits_is_refused_with_format_as_text(
    tmp_path: Path, number: str, column: str
) -> None:
    cells = {"number": "Z82BS", "code": "x", "occurred_at": TIME, "natural_id": "1", column: number}
    path = written(tmp_path / "a.csv", f"{';'.join(cells)}\n{';'.join(cells.values())}\n")
    with pytest.raises(
        BadItem, match=f"^{column} (is a number|has signs).* format the column as text"
    ) as told:
        reports(path)
    assert told.value.code == "field_lost_digits"


@pytest.mark.parametrize("number", LOST)
def test_the_same_of_a_carriers_own_columns(tmp_path: Path, number: str) -> None:
    [names] = [each.columns for each in RECIPES.values() if each.format == "spx"]
    columns = [each[0] for each in names]
    path = written(tmp_path / "a.csv", f"{';'.join(columns)}\n{number};F980;2026-11-24 09:30:00\n")
    with pytest.raises(BadItem, match="format the column as text"):
        reports(path, "spx")


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("1684063821201.0", "1684063821201"), ("1684063821201", "1684063821201"), ("'0912", "0912"),
        ('="00123"', "00123"), ("893123450000000018", "893123450000000018"), ("S1.A1.17373471", "S1.A1.17373471"),
        ("5E12345", "5E12345"), ("4.0", "4"), ("1.5", "1.5"), (" x ", "x"), ("\ufeffx", "x"), ("-7.00", "-7"),
        ("Hà Nội", "Hà Nội"), ("''", "''"), ("'s", "'s"),
    ],
)  # fmt: skip
def test_a_cell_is_what_was_meant(cell: str, meant: str) -> None:
    assert clean(cell) == meant
    assert clean(clean(cell)) == meant


def book(path: Path, rows: list[list[Any]], **more: Any) -> Path:
    made = openpyxl.Workbook()
    if more.get("old_macs"):
        made.epoch = CALENDAR_MAC_1904
    for row in rows:
        made.active.append(row)
    for name, other in more.get("others", {}).items():
        sheet = made.create_sheet(name, 0 if more.get("first") else None)
        sheet["A1"] = other
        sheet.sheet_state = more.get("state", "visible")
    for cells in more.get("merged", ()):
        made.active.merge_cells(cells)
    made.save(path)
    return path


moment: Final = datetime.fromisoformat
NAMES: Final[list[Any]] = ["number", "code", "occurred_at", "place"]


def test_cells_of_a_workbook_are_read_as_they_were_entered(tmp_path: Path) -> None:
    path = book(
        tmp_path / "a.xlsx",
        [
            ["Báo cáo"], [], NAMES,
            [1684063821201, 4, moment("2026-11-24T09:30"), PLACE],
            ["0912", "x", moment("2026-11-24").date(), True],
            ["EJ012345678VN", "x", moment("2026-11-24T23:59:59.999999"), 1.5],
            ["=A4", "x", moment("2026-11-24T09:30").time(), None],
        ],
    )  # fmt: skip
    with opened(path) as sheet:
        rows = [(line, list(cells.values())) for line, cells, _ in sheet.rows]
    assert rows == [
        (4, ["1684063821201", "4", "2026-11-24T09:30:00", PLACE]), (5, ["0912", "x", "2026-11-24", "true"]),
        (6, ["EJ012345678VN", "x", "2026-11-25T00:00:00", "1.5"]), (7, ["", "x", "09:30:00", ""]),
    ]  # fmt: skip


def test_dates_of_old_macs_are_the_same_dates(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [NAMES, ["Z1X", "x", moment("2026-11-24T09:30"), ""]], old_macs=True)
    with opened(path) as sheet:
        assert [cells["occurred_at"] for _, cells, _ in sheet.rows] == ["2026-11-24T09:30:00"]


@pytest.mark.parametrize("number", [893123450000000018, 1684063821201123, 10**15, 1e20])
def test_a_numeric_cell_beyond_15_digits_is_another_parcel(tmp_path: Path, number: float) -> None:
    path = book(tmp_path / "a.xlsx", [NAMES, [number, "x", TIME, ""]])
    with pytest.raises(BadItem, match="format the column as text"):
        reports(path)


@pytest.mark.parametrize("cell", [46350.39583, 46350, "46350,39583"])
def test_a_count_of_days_is_no_time_and_hears_how_to_format_it(tmp_path: Path, cell: Any) -> None:
    path = book(tmp_path / "a.xlsx", [NAMES, ["Z1X", "x", cell, ""]])
    with pytest.raises(
        BadItem, match="occurred_at is a spreadsheet's count of days: format the column as date"
    ):
        reports(path)


def test_fifteen_digits_are_exact(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [NAMES, [999_999_999_999_999, "x", TIME, ""]])
    assert reports(path) == [("999999999999999", "x", "")]


def test_a_cell_that_is_merged_downwards_holds_for_each_of_its_lines(tmp_path: Path) -> None:
    rows = [
        NAMES,
        ["Z1X", "a", TIME, ""],
        [None, "b", TIME, ""],
        [None, "c", TIME, ""],
        ["Z2X", "d", TIME, ""],
    ]
    path = book(tmp_path / "a.xlsx", rows, merged=["A2:A4"])
    assert [number for number, *_ in reports(path)] == ["Z1X", "Z1X", "Z1X", "Z2X"]


def test_the_first_sheet_that_is_shown_and_has_lines_is_read_and_others_are_told_of(tmp_path: Path) -> None:
    rows = [NAMES, ["Z1X", "x", TIME, ""]]
    for state, says in (("visible", "1 more were not"), ("hidden", "hidden were not read")):
        path = book(tmp_path / f"{state}.xlsx", rows, others={"More": "lines"}, state=state)
        with opened(path) as sheet:
            assert says in " ".join(sheet.notes)
        assert reports(path) == [("Z1X", "x", "")]
    hidden = book(tmp_path / "a.xlsx", rows, others={"Old": "lines"}, state="hidden", first=True)
    assert reports(hidden) == [("Z1X", "x", "")]
    empty = book(tmp_path / "b.xlsx", rows, others={"Empty": None}, first=True)
    assert reports(empty) == [("Z1X", "x", "")]


NAME: Final = st.sampled_from(["number", "code", "occurred_at", "Mã vận đơn", "Thời gian", "place"])


CASES: Final = st.sampled_from([str.upper, str.lower, str.title])


@given(NAME, st.sampled_from(["NFC", "NFD"]), CASES, st.sampled_from([" ", "_", "-", "  "]))
def test_a_column_has_one_name_however_it_is_written(name: str, form: Any, case: Any, between: str) -> None:
    odd = unicodedata.normalize(form, f" {case(name)} ").replace(" ", between)
    assert folded(odd) == folded(name)
    assert Line({odd: "x"})[name] == "x"


@given(
    st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=5), max_size=6), st.sampled_from(",;\t|")
)
def test_whatever_is_written_is_rows_or_a_sentence(rows: list[list[str]], delimiter: str) -> None:
    import csv
    import tempfile

    made = io.StringIO(newline="")
    csv.writer(made, delimiter=delimiter).writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "a.csv", made.getvalue().encode("utf-8", "surrogatepass"))
        try:
            with opened(path) as sheet:
                assert sum(1 for _ in sheet.rows) <= len(made.getvalue()) + 1
        except BadItem as bad:
            assert str(bad)  # noqa: PT017 - or it is rows
