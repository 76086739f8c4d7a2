"""Figures as people write them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.domain.rates import Range
from services.portal.domain.spoken import Spoken

VI, EN = Spoken("vi"), Spoken("en")


def test_numbers_and_days_are_written_as_the_language_does() -> None:
    assert (VI.number(1234567), EN.number(1234567)) == ("1.234.567", "1,234,567")
    assert (VI.percent(0.6034), EN.percent(0.6034)) == ("60,3 %", "60.3 %")
    assert (VI.day(date(2026, 11, 4)), EN.day(date(2026, 11, 4))) == ("04/11/2026", "4 Nov 2026")
    assert VI.days(date(2026, 11, 4), date(2026, 11, 4)) == "04/11/2026"
    assert (VI.number(None), VI.percent(None)) == ("–", "–")


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (Range(0.5, 0.5, 40), "50,0 %"),
        (Range(0.0, 1.0, 40), "0,0 – 100,0 %"),
        (Range(None, None, 0), "–"),
    ],
)
def test_a_range_is_one_figure_only_where_nothing_is_unknown(bounds: Range, said: str) -> None:
    assert VI.range(bounds) == said


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_all_is_a_hundred_per_cent_and_only_nothing_is_none(share: float) -> None:
    assert EN.percent(share) not in ("0.0 %", "100.0 %")
