"""Working days between two invitations (Postal Law 49/2010/QH12, Art. 17(1)), Tet included."""

from datetime import UTC, datetime

import pytest

from services.tracker.domain.invitations import far_enough_apart


def at(day: str) -> int:
    """Ten in the morning in Vietnam."""
    return round(datetime.fromisoformat(f"{day}T03:00").replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("first", "second", "enough"),
    [
        ("2026-06-01", "2026-06-02", False),  # Monday, Tuesday
        ("2026-06-01", "2026-06-03", True),  # Monday, Wednesday
        ("2026-06-05", "2026-06-08", False),  # Friday, Monday
        ("2026-06-05", "2026-06-09", True),  # Friday, Tuesday
        ("2026-02-13", "2026-02-23", False),  # Friday before Tet, first working day after
        ("2026-02-13", "2026-02-24", True),
        ("2026-04-29", "2026-05-04", False),  # 30 April, 1 May and a weekend lie between
        ("2026-08-28", "2026-09-03", False),  # 31 August was worked for on 22 August
        ("2026-06-01", "2026-06-01", False),
        ("2026-06-01", "2027-06-01", True),
    ],
)
def test_two_working_days_lie_between(first: str, second: str, *, enough: bool) -> None:
    assert far_enough_apart(at(first), at(second)) is enough
