"""One warning a reason in ten seconds: what is away says so, and does not fill the disk."""

import logging
from typing import Any

import pytest

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
