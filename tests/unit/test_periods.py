"""Periods that figures are asked for are bounded, and cut into months and days without a gap."""

import contextlib
from datetime import date, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from buuta.model.times import EARLIEST, LATEST, VIETNAM_MINUTES
from services.portal.domain.periods import (
    FIRST_DAY,
    LAST_DAY,
    MOST_DAYS,
    Period,
    parts,
    period,
    published_period,
)

DAYS = st.dates(FIRST_DAY, LAST_DAY)
TODAY = date(2026, 11, 25)


def test_figures_can_be_asked_for_of_every_day_that_a_scan_can_have_and_of_no_other() -> None:
    here = timezone(timedelta(minutes=VIETNAM_MINUTES))
    days = [moment.astimezone(here).date() for moment in (EARLIEST, LATEST - timedelta(milliseconds=1))]
    assert days == [FIRST_DAY, LAST_DAY]


@given(DAYS, st.integers(0, MOST_DAYS - 1))
def test_the_parts_of_a_period_are_its_days_each_once(first: date, more: int) -> None:
    asked = Period(first, first + timedelta(days=more))
    before, months, after = parts(asked)
    found = [part for part in (before, months, after) if part.days]
    assert sum(part.days for part in found) == asked.days
    assert all(a.last + timedelta(days=1) == b.first for a, b in pairwise(found))
    assert (found[0].first, found[-1].last) == asked
    if months.days:
        assert months.first.day == (months.last + timedelta(days=1)).day == 1
        assert before.days < 31
        assert after.days < 31


@given(st.none() | DAYS, st.none() | DAYS, DAYS)
def test_whatever_is_asked_for_is_bounded_or_refused(
    first: date | None, last: date | None, today: date
) -> None:
    for ask, most in ((period, MOST_DAYS), (published_period, 31)):
        with contextlib.suppress(BadItem):
            asked = ask(first, last, today)
            assert 1 <= asked.days <= most
            assert first in (None, asked.first)
            assert last in (None, asked.last)


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (date(2000, 1, 1), None, "at most 1830"), (date(2020, 1, 1), date(2026, 1, 1), "at most 1830"),
        (date(2026, 2, 1), date(2026, 1, 1), "lies after"),
    ],
)  # fmt: skip
def test_a_period_that_is_too_long_or_upside_down_is_refused_with_the_limit(
    first: date, last: date | None, says: str
) -> None:
    with pytest.raises(BadItem, match=says):
        period(first, last, TODAY)


def test_without_dates_the_last_year_is_meant_and_of_published_figures_a_month() -> None:
    assert period(None, None, TODAY) == (date(2025, 11, 24), date(2026, 11, 25))
    assert published_period(None, None, TODAY) == (date(2026, 10, 26), TODAY)
    assert published_period(date(2026, 1, 1), None, TODAY) == (date(2026, 1, 1), date(2026, 1, 31))
    assert published_period(None, date(2026, 1, 31), TODAY) == (date(2026, 1, 1), date(2026, 1, 31))
