"""Event lateness: receipt minus business time, by carrier and day of receipt, on a fixed scale."""

from datetime import date

import pytest

from buuta.contracts.columns import batch_of
from services.tracker.domain.figures import LATER_MINUTES
from services.tracker.lateness import lateness
from tests.scans import HOUR, MORNING, scan

MINUTE = 60_000


@pytest.mark.parametrize(
    ("late_ms", "within"),
    [
        (-HOUR, -60), (-HOUR + 1, -10), (-10 * MINUTE, -10), (-10 * MINUTE + 1, 0), (-7 * HOUR + MINUTE, -400),
        (-25 * HOUR, -1_440), (-(2**62), -1_440), (-1, 0), (0, 0),
        (1, 1), (MINUTE, 1), (MINUTE + 1, 5), (24 * HOUR, 1_440), (24 * HOUR + 1, 2_880),
        (30 * 24 * HOUR, 43_200), (30 * 24 * HOUR + 1, LATER_MINUTES), (2**62, LATER_MINUTES),
    ],
)  # fmt: skip
def test_a_scan_counts_within_the_least_bound_that_holds(late_ms: int, within: int) -> None:
    received = min(MORNING + late_ms, MORNING + 24 * HOUR) if late_ms < HOUR * 800 else MORNING
    batch = batch_of(
        "ScanEvent", [scan("held")._replace(received_at=received, occurred_at=received - late_ms)]
    )
    assert [(carrier, minutes) for carrier, _, minutes in lateness(batch)] == [("ghn", within)]


def test_a_scan_that_says_no_clock_is_neither_late_nor_ahead() -> None:
    """A day ends at midnight, and may be told in the morning."""
    batch = batch_of(
        "ScanEvent", [scan("held", day_only=True), scan("held", 1), scan("held", 2, day_only=True)]
    )
    assert sum(lateness(batch).values()) == 1


def test_days_are_days_in_vietnam_and_equal_scans_add_up() -> None:
    before_midnight = MORNING - MORNING % (24 * HOUR) + 17 * HOUR - 1
    scans = [
        scan("held")._replace(received_at=before_midnight + each, occurred_at=MORNING) for each in (0, 1, 2)
    ]
    days = {day: count for (_, day, _), count in lateness(batch_of("ScanEvent", scans)).items()}
    assert days == {date(2026, 11, 24): 1, date(2026, 11, 25): 2}
    assert lateness(batch_of("ScanEvent", [])) == {}
