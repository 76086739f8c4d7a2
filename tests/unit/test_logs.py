"""One warning a reason in ten seconds: what is away says so, and does not fill the disk."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from buuta.errors import Unopenable
from buuta.telemetry import logs
from buuta.telemetry.logs import Quiet


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def line(said: Any, level: int = logging.WARNING, name: str = "aiokafka.client") -> logging.LogRecord:
    return logging.LogRecord(name, level, "client.py", 1, said, (), None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Unable to connect to 127.0.0.1:9092", "Unable to connect to 127.0.0.1:19092"),
        (
            {"event": "retry", "part": "kafka", "error": "KafkaAway", "pause": 0.1},
            {"event": "retry", "part": "kafka", "error": "KafkaAway", "pause": 0.2},
        ),
        (
            {"event": "retry", "part": "partition 3", "error": "Paused"},
            {"event": "retry", "part": "partition 64", "error": "Paused"},
        ),
        (
            {"event": "failed", "exception": "Traceback\n  x.py:1\nOSError: gone"},
            {"event": "failed", "exception": "Traceback\n  y.py:2\nOSError: gone again"},
        ),
    ],
)
def test_the_same_reason_is_said_once_in_ten_seconds_and_then_how_often_it_was(
    first: Any, second: Any
) -> None:
    clock = Clock()
    quiet = Quiet(clock)
    assert quiet.filter(line(first))
    clock.now = 9.9
    assert not quiet.filter(line(second))
    assert not quiet.filter(line(second))
    clock.now = 10
    again = line(second)
    assert quiet.filter(again)
    assert (again.msg["dropped"] if isinstance(again.msg, dict) else again.__dict__["dropped"]) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (line("Unable to connect"), line("Unable to commit")),
        (line("away", name="aiokafka"), line("away", name="faust")),
        (
            line({"event": "retry", "part": "kafka", "error": "KafkaAway"}),
            line({"event": "retry", "part": "database", "error": "OSError"}),
        ),
        (line("started", logging.INFO), line("started", logging.INFO)),
    ],
)
def test_another_reason_and_what_is_no_warning_are_said(
    first: logging.LogRecord, second: logging.LogRecord
) -> None:
    quiet = Quiet(Clock())
    assert quiet.filter(first)
    assert quiet.filter(second)


def test_reasons_without_end_do_not_fill_memory() -> None:
    quiet = Quiet(Clock())
    for each in range(5_000):
        quiet.filter(line("x" * each))
    assert len(quiet._said) <= 1_001


PERSON = "Nguyễn Thị Canary, 12 Trần Phú"


def raised() -> BaseException:
    """An error of ours that came of others, in a group with one that came of it; each library quotes the data."""
    try:
        try:
            raise ValueError(PERSON)
        except ValueError as why:
            raise Unopenable("it was sealed elsewhere") from why
    except Unopenable as why:
        group = ExceptionGroup(PERSON, [why, KeyError(PERSON)])
        group.add_note(PERSON)
        return group


@pytest.fixture
def unconfigured() -> Iterator[None]:
    """Logging as it was, after a test that configures it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("unconfigured")
@pytest.mark.parametrize("library", [False, True])
def test_a_traceback_says_where_and_of_what_kind_and_quotes_no_library(
    capsys: pytest.CaptureFixture[str], *, library: bool
) -> None:
    logs.configure("a test")
    log: Any = logging.getLogger("asyncio") if library else structlog.get_logger("ours")
    log.error("failed", exc_info=raised())
    said = json.loads(capsys.readouterr().err)["exception"]
    assert "Canary" not in said
    for shown in ("ExceptionGroup", "ValueError", "KeyError", "Unopenable: it was sealed elsewhere"):
        assert shown in said
    assert said.index("ValueError") < said.index("Unopenable:")
    assert "test_logs.py" in said


def test_who_looked_at_what_is_written_whatever_the_level_of_the_rest() -> None:
    code = (
        "import structlog; from buuta.telemetry import logs; logs.configure('cli', 'ERROR'); "
        "structlog.get_logger(logs.WITNESS).info('details_shown', parcel='ghn:Z82BS', by='lan'); "
        "structlog.get_logger().info('another')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    [said] = [json.loads(each) for each in ran.stderr.splitlines()]
    assert (said["event"], said["parcel"], said["by"]) == ("details_shown", "ghn:Z82BS", "lan")
