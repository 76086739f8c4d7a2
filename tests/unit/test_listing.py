"""Listings: rows that people read at any width, and machines by `--json`."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from rich.cells import cell_len

from buuta import cli
from buuta.cli.listing import Listing, lines, show
from buuta.cli.main import Commands

WIDE = Listing(
    ("message", "parcel", "told", "channel", "why", "since"),
    [
        ("3f2b7f0e-8a4e-4f3d-9f5e-0d9f6c1f2a11", "ghn:Z82BS", "delivered 1", "sms", "smpp_0x58", None),
        ("5f2b7f0e-8a4e-4f3d-9f5e-0d9f6c1f2a12", "vnp:EJ012345678VN", "đang giao 2", "email", "", None),
    ],
)
LISTS = {
    "list",
    "changes",
    "formats",
    "polls",
    "report",
    "unknown",
    "unconfirmed",
    "status",
    "held",
    "failed",
}


def commands(group: Any, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name."""
    for name, command in dict(group).items():
        if hasattr(command, "commands"):
            yield from commands(command.commands, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 200])
def test_no_line_of_a_listing_is_wider_than_the_terminal_and_no_value_is_lost(width: int) -> None:
    shown = list(lines(WIDE, width))
    assert all(cell_len(line) <= width for line in shown)
    for row in WIDE.rows:
        for value in filter(None, row):
            assert re.sub(r"\s", "", value) in re.sub(r"\s", "", "".join(shown))


def test_a_row_that_does_not_fit_is_a_block_of_names_and_values() -> None:
    assert list(lines(WIDE, 60))[:3] == [
        "message  3f2b7f0e-8a4e-4f3d-9f5e-0d9f6c1f2a11",
        "parcel   ghn:Z82BS",
        "told     delivered 1",
    ]


def test_a_long_last_column_wraps_beside_the_others() -> None:
    listing = Listing(
        ("variable", "meaning"), [("BUUTA_KAFKA", "Bootstrap servers, host:port with commas.")]
    )
    assert list(lines(listing, 40)) == [
        "variable     meaning",
        "-" * 40,
        "BUUTA_KAFKA  Bootstrap servers,",
        "             host:port with commas.",
    ]


def test_what_would_steer_a_terminal_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    show(Listing(("code",), [("\x1b[2J[red]x\u202e",)]), as_json=False)
    assert "\\x1b[2J[red]x\\u202e" in capsys.readouterr().out


def test_json_has_a_name_for_every_column_and_values_and_not_their_texts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = datetime(2026, 11, 30, 9, 25, tzinfo=UTC)
    show(Listing(("last used", "scans"), [(at, 3), (None, 0)]), as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"last_used": "2026-11-30T09:25:00+00:00", "scans": 3},
        {"last_used": None, "scans": 0},
    ]
    show(Listing(("code",), [], "No carrier."), as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_every_listing_of_the_command_has_json() -> None:
    listing = {name: command for name, command in commands(Commands()) if name.split()[-1] in LISTS}
    assert len(listing) > 20
    for name, command in listing.items():
        assert "--json" in {option for each in command.params for option in each.opts}, name


def test_rows_are_printed_by_one_mechanism() -> None:
    for path in Path(str(cli.__file__)).parent.glob("*.py"):
        assert not re.search(r"rich\.table|Table\(", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("seconds", "people"), [(0, "0 s"), (59, "59 s"), (61, "1 min"), (7_300, "2 h"), (200_000, "2 d")]
)
def test_a_span_is_read_in_its_largest_unit_and_is_seconds_for_machines(
    seconds: int, people: str, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = Listing(("waits",), [(timedelta(seconds=seconds),)])
    show(listing, as_json=False)
    assert capsys.readouterr().out.split("\n")[2] == people
    show(listing, as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"waits": seconds}]
