"""Lines of CSV stand alone: what is broken in one takes no other with it, and nothing is held that has no end."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.doors import lines as doors_lines
from services.ingest.doors.lines import (
    MOST_CELLS,
    MOST_CHARACTERS,
    MOST_LINES,
    MOST_TRIES,
    Record,
    open_after,
    records,
)
from services.ingest.doors.report import harmless

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def read(text: str) -> list[Record]:
    return list(records(io.StringIO(text, newline=""), ","))


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=6))
def test_what_a_spreadsheet_writes_is_read_as_it_is(lines: Sequence[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(lines)
    assert [record.cells for record in read(written.getvalue())] == lines


@pytest.mark.parametrize(
    "broken",
    [
        'a,"b', '"' + "x" * 200_000, "x" * 200_000, "x" * 10_000_000, '"' * 131_071,
        ",".join("x" * (MOST_CELLS + 1)),
        "," * 1_000_000, 'a,"b\r', '"a"b"',
    ],
)  # fmt: skip
def test_a_broken_line_is_told_and_its_neighbours_are_read(broken: str) -> None:
    found = read(f"1,2\n{broken}\n3,4\n5,6\n")
    good = [record for record in found if record.wrong is None and len(record.cells) == 2]
    assert [record.cells for record in good if record.cells[0] in "135"] == [
        ["1", "2"],
        ["3", "4"],
        ["5", "6"],
    ]
    assert all(len(record.cells[0]) <= 1_000 for record in found if record.wrong)
    assert len(found) >= 4


def test_a_quote_that_is_still_open_at_the_end_is_broken_and_what_follows_it_is_read() -> None:
    found = read('1,2\n3,"4\n5,6\n7,8')
    assert [(record.line, record.wrong is None) for record in found] == [
        (1, True), (2, False), (3, True), (4, True),
    ]  # fmt: skip
    assert "quote" in (found[1].wrong or "")


def test_a_cell_of_several_lines_is_one_cell_and_lines_keep_their_numbers() -> None:
    assert read('a,"b\r\nc"\r\nd,e\r\n') == [Record(1, ["a", "b\r\nc"]), Record(3, ["d", "e"])]


@given(st.text(max_size=200_000 // 1000), st.text('",\n x', max_size=400))
def test_whatever_is_written_is_read_to_its_end(some: str, more: str) -> None:
    assert sum(len(record.cells) > 0 for record in read(some + more)) <= len(some + more) + 1
    assert all(len(record.cells) <= MOST_CELLS for record in read("," * MOST_CHARACTERS + some))


@given(st.text('",;a', max_size=12), st.booleans())
def test_a_quote_is_open_where_pythons_reader_asks_for_the_next_line(line: str, inside: bool) -> None:  # noqa: FBT001
    before = ['"begun\n'] if inside else []
    reader = csv.reader([*before, line + "\n", "next"], delimiter=",")
    next(reader)
    asked = reader.line_num > len(before) + 1
    assert open_after(line + "\n", ",", inside=inside) == asked


@pytest.mark.parametrize("line", ['a","', '"', 'a,"' + "x" * 1_200, '"a",b'])
def test_quotes_that_are_never_closed_are_looked_after_only_so_often(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def counted(*given: Any, **more: Any) -> bool:
        nonlocal looks
        looks += 1
        return open_after(*given, **more)

    monkeypatch.setattr(doors_lines, "open_after", counted)
    count = 5_000
    assert read(f"{line}\n" * count)
    assert looks <= count + MOST_TRIES * MOST_LINES


@pytest.mark.parametrize("cell", ["=1+1", "+84", "-1", "@x", "\t=1", "\r=1", "  =HYPERLINK(1)"])
def test_what_a_sender_wrote_is_no_formula_in_our_report(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless("Z82BS") == "Z82BS"
