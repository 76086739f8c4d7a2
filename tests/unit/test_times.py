from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from buuta.model.times import iso_text, local_text, parse_iso, parse_pattern, vietnam_day


@pytest.mark.parametrize(
    ("raw", "ms", "offset", "source"),
    [
        ("2021-11-11T03:52:50.158Z", 1636602770158, 0, "carrier"),
        ("2016-11-02T12:18:39+07:00", 1478063919000, 420, "carrier"),
        ("2016-11-02T12:18:39 07:00", 1478063919000, 420, "carrier"),
        ("2016-11-02T12:18:39", 1478063919000, 420, "assumed"),
        ("2016-11-02 12:18:39", 1478063919000, 420, "assumed"),
        ("2016-11-02T19:18:39+14:00", 1478063919000, 840, "carrier"),
    ],
)
def test_iso_times_keep_utc_the_offset_and_who_said_it(raw: str, ms: int, offset: int, source: str) -> None:
    time = parse_iso(raw)
    assert (time.ms, time.offset_minutes, time.source) == (ms, offset, source)


@pytest.mark.parametrize(
    "raw", ["", "hôm qua", "21/04/2022", "2025-02-29T00:00:00Z", "300000-01-01", "NaN"]
)
def test_what_is_no_time_is_refused(raw: str) -> None:
    with pytest.raises(BadItem, match="ISO 8601"):
        parse_iso(raw)


@pytest.mark.parametrize(
    "raw", ["0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59-12:00", "1999-12-31T00:00:00Z"]
)
def test_a_year_that_no_parcel_has_is_refused(raw: str) -> None:
    with pytest.raises(BadItem, match="2000 to 2099"):
        parse_iso(raw)


def test_day_first_dates_are_read_by_the_carriers_pattern_and_never_guessed() -> None:
    assert (
        parse_pattern("05/04/2022 06:21:31", "%d/%m/%Y %H:%M:%S").ms == parse_iso("2022-04-05T06:21:31").ms
    )
    with pytest.raises(BadItem):
        parse_pattern("04/31/2022 06:21:31", "%d/%m/%Y %H:%M:%S")


def test_the_day_is_that_of_vietnam() -> None:
    before_midnight = datetime(2026, 11, 24, 16, 59, tzinfo=UTC).timestamp() * 1000
    assert vietnam_day(int(before_midnight)).isoformat() == "2026-11-24"
    assert vietnam_day(int(before_midnight) + 60_000).isoformat() == "2026-11-25"


@given(st.integers(946_800_000_000, 4_102_300_000_000), st.integers(-720, 840))
def test_a_time_that_was_written_reads_back(ms: int, offset: int) -> None:
    time = parse_iso(iso_text(ms, offset))
    assert (time.ms, time.offset_minutes) == (ms, offset)


def test_people_read_local_time() -> None:
    assert local_text(1478063919000, 420) == "02/11/2016 12:18"
