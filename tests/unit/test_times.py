"""Times keep their instant, the offset as it was given, and who gave it; a clock without one is the place's."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from buuta.model.times import BusinessTime, LocalTime, iso_text, vietnam_day
from buuta.model.zones import Zones
from services.ingest.domain.iso import offset_of, read_iso

ZONES = sorted(available_timezones())
PLACE = Zones()


def settled(raw: str, zone: str | None = None) -> BusinessTime:
    return Zones(zone).settled(read_iso(raw), None)


def utc(raw: str, zone: str | None = None) -> str:
    return iso_text(settled(raw, zone).ms)[:19]


@pytest.mark.parametrize(
    ("raw", "ms", "offset", "source"),
    [
        ("2021-11-11T03:52:50.158Z", 1636602770158, 0, "carrier"),
        ("2021-11-11t03:52:50.158z", 1636602770158, 0, "carrier"),
        ("2016-11-02T12:18:39+07:00", 1478063919000, 420, "carrier"),
        ("2016-11-02T12:18:39+0700", 1478063919000, 420, "carrier"),
        ("2016-11-02T12:18:39+07", 1478063919000, 420, "carrier"),
        ("2016-11-02 12:18:39 +0700", 1478063919000, 420, "carrier"),
        ("2016-11-02T12:18:39 07:00", 1478063919000, 420, "carrier"),
        ("2016-11-02 05:18:39 UTC", 1478063919000, 0, "carrier"),
        ("2016-11-02 12:18:39 GMT+7", 1478063919000, 420, "carrier"),
        ("2016-11-02 12:18:39 UTC+07:00", 1478063919000, 420, "carrier"),
        ("2016-11-02T12:18:39", 1478063919000, 420, "assumed"),
        ("2016-11-02 12:18:39", 1478063919000, 420, "assumed"),
        (" 2016-11-02\u00a0 12:18:39 ", 1478063919000, 420, "assumed"),
        ("2016-11-02T12:18", 1478063880000, 420, "assumed"),
        ("20161102T121839+0700", 1478063919000, 420, "carrier"),
        ("2016-11-02T19:18:39+14:00", 1478063919000, 840, "carrier"),
        ("2016-11-02T01:18:39\u221204:00", 1478063919000, -240, "carrier"),
        ("2016-11-02T12:18:39,123456789+07:00", 1478063919123, 420, "carrier"),
        ("2016-11-02T12:18:39+07:00[Asia/Ho_Chi_Minh]", 1478063919000, 420, "carrier"),
        ("2016-11-02T14:18:39[Asia/Tokyo]", 1478063919000, 540, "carrier"),
    ],
)
def test_iso_times_keep_utc_the_offset_and_who_said_it(raw: str, ms: int, offset: int, source: str) -> None:
    time = settled(raw)
    assert (time.ms, time.offset_minutes, time.source, time.day_only) == (ms, offset, source, False)


@pytest.mark.parametrize(
    "raw",
    [
        "", "hôm qua", "21/04/2022", "2025-02-29T00:00:00Z", "300000-01-01", "NaN", "2026-11-24T25:00",
        "2026-11-24T09:60", "2026-11-24T09:30+15:00", "2026-11-24T09:30+07:60",
        "2026-11-24T09:30:00+07:60", "2026-11-24T24:00:00", "2026-11-24T09:30:00+14:01",
         "2026-11-24T09:30+700",
        "2026-11-24T09:30[Asia/Nowhere]",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(raw: str) -> None:
    with pytest.raises(BadItem) as refused:
        read_iso(raw)
    assert refused.value.code == "time_invalid"


@pytest.mark.parametrize(
    "raw",
    [
        "2026-W48-3", "2026-W48", "2026W483", "2026-333", "2026333", "2026-11-24T09", "2026-11-24X09:30",
        "2026-11-2409:30", "2026-11-24T09:30:00+07:00:30", "2026-11", "20261124093000", "2026-1-2",
        "2026-11-24T09:30:00 ICT",
    ],
)  # fmt: skip
def test_what_reads_as_something_else_than_was_meant_is_refused(raw: str) -> None:
    """`fromisoformat` takes the most of these, each by its own rules."""
    with pytest.raises(BadItem, match="ISO 8601"):
        read_iso(raw)


@pytest.mark.parametrize(
    "raw", ["0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59-12:00", "1999-12-31T00:00:00Z", "9999-12-31"]
)
def test_a_year_that_no_parcel_has_is_refused(raw: str) -> None:
    with pytest.raises(BadItem, match="2000 to 2099"):
        read_iso(raw)


@pytest.mark.parametrize("raw", ["2026-11-25", "20261125", " 2026-11-25 "])
def test_a_date_without_a_clock_is_a_day_and_sorts_at_its_end(raw: str) -> None:
    time = settled(raw)
    assert time.day_only
    assert iso_text(time.ms, 420) == "2026-11-25T23:59:59.999+07:00"
    assert settled("2026-11-25T23:59:59+07:00").ms < time.ms < settled("2026-11-26T00:00:00+07:00").ms


@given(st.dates(date(2000, 1, 3), date(2099, 12, 29)), st.sampled_from(ZONES))
def test_a_day_ends_when_it_ends_at_the_place(day: date, zone: str) -> None:
    end = datetime.fromtimestamp(settled(day.isoformat(), zone).ms / 1000, ZoneInfo(zone))
    assert end.date() == day
    assert (end + timedelta(milliseconds=1)).astimezone(ZoneInfo(zone)).date() >= day


@pytest.mark.parametrize(
    ("raw", "zone", "moment"),
    [
        ("2026-07-01T12:00", "Europe/Berlin", "2026-07-01T10:00:00"),
        ("2026-12-01T12:00", "Europe/Berlin", "2026-12-01T11:00:00"),
        ("2026-12-01T12:00", "Asia/Tokyo", "2026-12-01T03:00:00"),
        ("2026-12-01T12:00", None, "2026-12-01T05:00:00"),
        # Clocks go from 3 back to 2, and 02:30 comes twice: the first, before the change.
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00"),
        # Clocks go from 2 on to 3, and 02:30 never comes: 03:30, by the offset before the change.
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30:00"),
    ],
)
def test_a_clock_without_an_offset_is_read_in_the_carriers_zone_with_its_summer_time(
    raw: str, zone: str | None, moment: str
) -> None:
    assert utc(raw, zone) == moment
    assert settled(raw, zone).zone == zone


@given(
    st.datetimes(datetime(2000, 1, 3), datetime(2099, 12, 29)),  # noqa: DTZ001 - what a clock shows
    st.sampled_from(ZONES),
)
def test_a_clock_in_any_zone_is_read_as_the_offset_of_before_a_change_has_it(
    wall: datetime, zone: str
) -> None:
    read = Zones(zone).settled(LocalTime(wall), None)
    before = wall.replace(tzinfo=ZoneInfo(zone), fold=0).utcoffset() or timedelta()
    assert abs(
        datetime.fromtimestamp(read.ms / 1000, UTC) - (wall.replace(tzinfo=UTC) - before)
    ) < timedelta(milliseconds=1)
    assert read.source == "assumed"


def test_the_zone_of_the_place_is_the_facilitys_else_the_reports_else_the_carriers() -> None:
    zones = Zones("Asia/Tokyo", {"HAN": "Asia/Ho_Chi_Minh", "LPQ": "Asia/Vientiane"})
    clock, said = read_iso("2026-11-24T09:30"), read_iso("2026-11-24T09:30+08:00[Asia/Manila]")
    assert zones.settled(clock, None).zone == "Asia/Tokyo"
    assert zones.settled(clock, "UNKNOWN").zone == "Asia/Tokyo"
    assert zones.settled(said, None).zone == "Asia/Manila"
    assert zones.settled(said, "LPQ").zone == "Asia/Vientiane"
    assert zones.settled(clock, "HAN").zone == "Asia/Ho_Chi_Minh"
    assert zones.settled(clock, "HAN").offset_minutes == 420
    vietnam = read_iso("2026-11-24T09:30+08:00[Asia/Ho_Chi_Minh]")
    assert zones.settled(zones.settled(vietnam, None), None).zone == "Asia/Ho_Chi_Minh"


def test_what_is_settled_stays_as_it_is() -> None:
    zones = Zones("Asia/Tokyo", {"LPQ": "Asia/Vientiane"})
    for raw in ("2026-11-24T09:30", "2026-11-24", "2026-11-24T09:30Z", "2026-11-24T09:30[Asia/Saigon]"):
        for facility in (None, "LPQ"):
            once = zones.settled(read_iso(raw), facility)
            assert zones.settled(once, facility) == once


def test_a_stated_offset_says_how_a_time_was_written_and_not_where_it_was() -> None:
    time = Zones().settled(read_iso("2026-11-24T09:25:00Z"), None)
    assert (time.offset_minutes, time.zone) == (0, None)


@pytest.mark.parametrize(
    ("raw", "minutes"),
    [
        ("Z", 0), ("UTC", 0), ("gmt", 0), ("+07:00", 420), ("+0700", 420), ("+7", 420), ("7", 420), ("UTC+7", 420),
        ("GMT +07:00", 420), ("-3:30", -210), ("+5:45", 345), ("+14", 840),
    ],
)  # fmt: skip
def test_an_offset_is_read_as_people_write_it(raw: str, minutes: int) -> None:
    assert offset_of(raw) == timedelta(minutes=minutes)


@pytest.mark.parametrize("raw", ["", " ", "ICT", "+15", "+07:60", "420", "7.5", "+-7"])
def test_what_is_no_offset_is_refused(raw: str) -> None:
    with pytest.raises(BadItem, match="offset"):
        offset_of(raw)


def test_the_day_is_that_of_vietnam() -> None:
    before_midnight = datetime(2026, 11, 24, 16, 59, tzinfo=UTC).timestamp() * 1000
    assert vietnam_day(int(before_midnight)).isoformat() == "2026-11-24"
    assert vietnam_day(int(before_midnight) + 60_000).isoformat() == "2026-11-25"


@given(st.integers(946_800_000_000, 4_102_300_000_000), st.integers(-720, 840))
def test_a_time_that_was_written_reads_back(ms: int, offset: int) -> None:
    time = settled(iso_text(ms, offset))
    assert (time.ms, time.offset_minutes) == (ms, offset)


@given(st.text(max_size=40) | st.from_regex(r"[0-9TWZ:+.,\[\] /-]{4,40}", fullmatch=True))
def test_whatever_is_sent_as_a_time_is_read_or_refused(raw: str) -> None:
    with contextlib.suppress(BadItem):
        time = PLACE.settled(read_iso(raw), None)
        assert 2000 <= datetime.fromtimestamp(time.ms / 1000, UTC).year < 2100
