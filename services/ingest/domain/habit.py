"""A carrier's habit of reporting, and whether it is silent beyond it."""

from dataclasses import dataclass
from typing import Final

HOUR_SECONDS: Final = 3_600.0
LEAST_DAYS: Final = 7
"""Who has reported on fewer days has no habit yet."""
SLACK: Final = 1.5
"""The longest silence of four weeks may be so many times as long before it is worth waking somebody."""


@dataclass(frozen=True)
class Habit:
    """On how many days of the last four weeks a carrier reported, and its longest silence then, in seconds."""

    days: int
    longest_silence: float

    @property
    def allowed_silence(self) -> float | None:
        """After so many seconds without a report something is wrong; None where no habit is known."""
        if self.days < LEAST_DAYS:
            return None
        return max(SLACK * self.longest_silence, HOUR_SECONDS)


def is_silent(habit: Habit, silence: float) -> bool:
    """Whether a silence of so many seconds is beyond the habit."""
    return habit.allowed_silence is not None and silence > habit.allowed_silence
