"""Forms of times: what a recipe's form says is read; what it would read wrongly is refused when it is loaded."""

import contextlib
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from buuta.model.times import BusinessTime, LocalTime, iso_text
from services.ingest.domain.forms import read_by, ways_of
from services.ingest.domain.times import Apart, Times

SLASHED = "%d/%m/%Y %H:%M:%S"


def wall(form: str, raw: str) -> str:
    """What the clock showed, a day as its date."""
    said = read_by((form,), raw)
    assert isinstance(said, LocalTime)
    return said.wall.date().isoformat() if said.day_only else said.wall.isoformat()


def utc(times: Times, raw: str, **apart: str) -> str:
    said = times.read(raw, Apart(**apart))
    assert isinstance(said, BusinessTime)
    return iso_text(said.ms)[:19]


@pytest.mark.parametrize(
    ("form", "raw", "read"),
    [
        (SLASHED, "05/04/2022 06:21:31", "2022-04-05T06:21:31"),
        (SLASHED, "5/4/2022 6:21:31", "2022-04-05T06:21:31"),
        (SLASHED, "05/04/2022  06:21:31", "2022-04-05T06:21:31"),
        (SLASHED, "05/04/2022 06:21", "2022-04-05T06:21:00"),
        (SLASHED, "05/04/2022 06:21:31.25", "2022-04-05T06:21:31.250000"),
        (SLASHED, "05/04/2022", "2022-04-05"),
        (SLASHED, "2022-04-05 06:21:31", "2022-04-05T06:21:31"),
        (SLASHED, "05/04/2022 6:21:31 CH", "2022-04-05T18:21:31"),
        (SLASHED, "05/04/2022 6:21 SA", "2022-04-05T06:21:00"),
        ("%d/%m/%Y", "05/04/2022", "2022-04-05"),
        ("%H:%M %d/%m/%Y", "06:21 05/04/2022", "2022-04-05T06:21:00"),
        ("%H:%M %d/%m/%Y", "05/04/2022", "2022-04-05"),
        ("ngày %d tháng %m năm %Y lúc %Hh%M", "ngày 5 tháng 4 năm 2022 lúc 6h21", "2022-04-05T06:21:00"),
        ("%Y%m%d%H%M%S", "20220405062131", "2022-04-05T06:21:31"),
        ("%Y%m%d%H%M%S", "202204050621", "2022-04-05T06:21:00"),
        ("%Y%m%d%H%M%S", "20220405", "2022-04-05"),
        ("%d %b %Y %H:%M", "5 APR 2022 06:21", "2022-04-05T06:21:00"),
        ("%d %B %Y", "5 April 2022", "2022-04-05"),
        ("%Y-%j", "2022-095", "2022-04-05"),
        ("%d/%m/%Y %H:%M:%S.%f", "05/04/2022 06:21:31", "2022-04-05T06:21:31"),
        ("%d/%m/%Y %H:%M:%S.%f", "05/04/2022 06:21:31.123456789", "2022-04-05T06:21:31.123456"),
    ],
)
def test_a_time_is_read_by_the_carriers_form_also_without_seconds_and_without_a_clock(
    form: str, raw: str, read: str
) -> None:
    assert wall(form, raw) == read


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("24/11/2026 12:30:00 SA", "00:30"), ("24/11/2026 9:30:00 SA", "09:30"), ("24/11/2026 12:30 CH", "12:30"),
        ("24/11/2026 4:30 ch", "16:30"), ("24/11/2026 4:30 chiều", "16:30"), ("24/11/2026 4:30 sáng", "04:30"),
        ("24/11/2026 4:30 PM", "16:30"), ("24/11/2026 4:30 a.m.", "04:30"), ("24/11/2026 16:30 CH", "16:30"),
        ("24/11/2026 4:30 chie\u0302\u0300u", "16:30"),
    ],
)  # fmt: skip
def test_a_12_hour_clock_is_read_with_sa_and_ch(raw: str, read: str) -> None:
    assert wall("%d/%m/%Y %I:%M:%S %p", raw) == f"2026-11-24T{read}:00"


@pytest.mark.parametrize("raw", ["24/11/2026 16:30 SA", "24/11/2026 24:30 CH", "24/11/2026 4:30"])
def test_an_hour_that_no_half_of_a_day_has_is_refused(raw: str) -> None:
    with pytest.raises(BadItem):
        read_by(("%d/%m/%Y %I:%M:%S %p",), raw)


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        (SLASHED, "31/04/2022 06:21:31"), (SLASHED, "04/31/2022 06:21:31"), (SLASHED, "05-04-2022 06:21:31"),
        (SLASHED, "05/04/22 06:21:31"),
        (SLASHED, "05/04/2022 18:21 SA"), ("%Y%m%d%H%M%S", "2022111093015"), ("%Y%m%d%H%M%S", "20221109301"),
        ("%a %d %b %Y", "Mon 24 Nov 2026"), ("%Y-%j", "2022-366"), ("iso", "05/04/2022"), ("epoch_s", "1.7e9"),
        ("epoch_ms", "-5"), ("epoch", "yesterday"), (SLASHED, ""),
    ],
)  # fmt: skip
def test_what_does_not_have_the_form_is_refused_and_never_guessed(form: str, raw: str) -> None:
    with pytest.raises(BadItem) as refused:
        read_by((form,), raw)
    assert refused.value.code == "time_invalid"


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("%d/%m/%Y %H:%M:%S %Z", "drops it"), ("%G-W%V-%u", "week date"), ("%Y-W%W-%w", "week date"),
        ("%Y %U", "week date"), ("%d/%m/%y", "four digits"), ("%d/%m %H:%M", "no year"), ("%Y-%m", "no day"),
        ("%H:%M:%S", "no year"), ("%d/%M/%Y", "%M is the minute"), ("%Y/%d %H:%M", "one month"),
        ("DD/MM/YYYY HH:mm", "read as those letters"), ("dd/MM/yyyy", "read as those letters"),
        ("%d/%m/%Y HH:mm", "read as those letters"), ("%c", "language"), ("%x %X", "language"),
        ("%d/%m/%Y %I:%M", "come together"), ("%d/%m/%Y %H:%M %p", "come together"),
        ("%d/%m/%Y %H", "come together"),
        ("%d/%m/%Y %H:%S", "come together"), ("%d/%m/%Y %d", "twice"), ("%d/%m/%Y %H:%M:%S%f", "no beginning"),
        ("%d/%m/%Y %Q", "no %Q"), ("%s", "no %s"), ("isoformat", "no such form"), ("", "no such form"),
        ("%d/%m/%Y %H:%I:%M %p", "24 hours"), ("%Y-%j %d", "day of the year"), ("%d/%b/%m/%Y", "one month"),
    ],
)  # fmt: skip
def test_a_form_that_reads_something_else_than_was_meant_is_refused_with_a_sentence(
    form: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        ways_of((form,))


@pytest.mark.parametrize(
    ("form", "raw", "ms"),
    [
        ("epoch_s", "1795480000", 1_795_480_000_000), ("epoch_ms", "1795480000123", 1_795_480_000_123),
        ("epoch_s", "1795480000.5", 1_795_480_000_500), ("epoch_ms", "1795480000123.9", 1_795_480_000_123),
        ("epoch", "1795480000", 1_795_480_000_000), ("epoch", "1795480000123", 1_795_480_000_123),
        ("iso", "1795480000", 1_795_480_000_000), (SLASHED, "1795480000123", 1_795_480_000_123),
        ("epoch_s", "1795480000123", 1_795_480_000_123),
    ],
)  # fmt: skip
def test_a_count_since_1970_cannot_be_mistaken_and_is_read_by_every_recipe(
    form: str, raw: str, ms: int
) -> None:
    said = read_by((form,), raw)
    assert isinstance(said, BusinessTime)
    assert said.ms == ms


@given(st.integers(946_684_800_000, 4_102_444_799_999))
def test_seconds_and_milliseconds_are_told_apart_by_their_size(ms: int) -> None:
    for raw, read in ((str(ms), ms), (str(ms // 1000), ms // 1000 * 1000)):
        said = read_by(("epoch",), raw)
        assert isinstance(said, BusinessTime)
        assert said.ms == read


@given(
    st.datetimes(datetime(2000, 1, 3), datetime(2099, 12, 29)),  # noqa: DTZ001 - what a clock shows
    st.sampled_from(
        [
            "%d/%m/%Y %H:%M:%S",
            "%Y%m%d%H%M%S",
            "%d-%m-%Y %I:%M:%S %p",
            "%b %d, %Y %H:%M:%S",
            "%Y-%j %H:%M:%S",
        ]
    ),
)
def test_what_a_form_writes_it_reads(moment: datetime, form: str) -> None:
    moment = moment.replace(microsecond=0)
    assert wall(form, moment.strftime(form)) == moment.isoformat()


@given(st.datetimes(datetime(2000, 1, 3), datetime(2099, 12, 29)), st.integers(1, 13))  # noqa: DTZ001
def test_digits_without_separators_are_read_at_their_full_width_alone(moment: datetime, cut: int) -> None:
    """`strptime` reads thirteen digits of fourteen as some other time."""
    written = moment.strftime("%Y%m%d%H%M%S")
    shorter = written[:-cut]
    if len(shorter) in (8, 12):
        assert wall("%Y%m%d%H%M%S", shorter)
    else:
        with pytest.raises(BadItem):
            read_by(("%Y%m%d%H%M%S",), shorter)


@pytest.mark.parametrize(
    ("day", "clock", "read"),
    [
        ("24/11/2026", "16:25:30", "2026-11-24T16:25:30"), ("24/11/2026", "4:25 CH", "2026-11-24T16:25:00"),
        ("24/11/2026", "1625", "2026-11-24T16:25:00"), ("24/11/2026", "92530", "2026-11-24T09:25:30"),
        ("24/11/2026", "9h25", "2026-11-24T09:25:00"), ("2026-11-24 00:00:00", "16:25", "2026-11-24T16:25:00"),
        ("24/11/2026", "", "2026-11-24"),
    ],
)  # fmt: skip
def test_date_and_clock_may_stand_in_two_fields(day: str, clock: str, read: str) -> None:
    said = Times((SLASHED,)).read(day, Apart(clock=clock))
    assert isinstance(said, LocalTime)
    assert (said.wall.date().isoformat() if said.day_only else said.wall.isoformat()) == read


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        ("24/11/2026 09:30", "16:25"),
        ("2026-11-23T17:00:00Z", "16:25"),
        ("24/11/2026", "soon"),
        ("24/11/2026", "25:00"),
    ],
)
def test_a_day_that_has_a_clock_of_its_own_is_refused_beside_another(day: str, clock: str) -> None:
    """A day that a browser wrote in UTC is the day before: joined with the clock it would be a day off."""
    with pytest.raises(BadItem):
        Times((SLASHED,)).read(day, Apart(clock=clock))


@pytest.mark.parametrize(
    ("apart", "moment"),
    [
        ({"zone": "Asia/Tokyo"}, "2026-07-01T00:30:00"), ({"zone": "Europe/Berlin"}, "2026-07-01T07:30:00"),
        ({"zone": "UTC+7"}, "2026-07-01T02:30:00"), ({"zone": "GMT"}, "2026-07-01T09:30:00"),
        ({"offset": "+09:00"}, "2026-07-01T00:30:00"), ({"offset": "7"}, "2026-07-01T02:30:00"),
        ({"zone": "Asia/Tokyo", "offset": "+01:00"}, "2026-07-01T00:30:00"),
    ],
)  # fmt: skip
def test_zone_and_offset_may_stand_in_fields_of_their_own(apart: dict[str, str], moment: str) -> None:
    assert utc(Times((SLASHED,)), "01/07/2026 09:30:00", **apart) == moment


def test_the_offset_that_a_time_has_in_itself_goes_before_that_of_another_field() -> None:
    assert utc(Times(), "2026-07-01T09:30:00Z", offset="+09:00") == "2026-07-01T09:30:00"
    said = Times().read("2026-07-01T09:30:00Z", Apart(zone="Asia/Tokyo"))
    assert isinstance(said, BusinessTime)
    assert said.zone == "Asia/Tokyo"


def test_an_offset_may_be_told_in_minutes() -> None:
    assert utc(Times(offset_unit="minutes"), "2026-07-01T09:30:00", offset="420") == "2026-07-01T02:30:00"
    assert utc(Times(offset_unit="minutes"), "2026-07-01T09:30:00", offset="-210") == "2026-07-01T13:00:00"
    assert (
        utc(Times(offset_unit="minutes"), "2026-07-01T09:30:00", offset="+07:00") == "2026-07-01T02:30:00"
    )


@pytest.mark.parametrize(
    "apart", [{"zone": "SE Asia Standard Time"}, {"zone": "ICT"}, {"offset": "x"}, {"offset": "420"}]
)
def test_a_zone_or_offset_that_is_none_is_refused(apart: dict[str, str]) -> None:
    with pytest.raises(BadItem):
        Times().read("2026-07-01T09:30:00", Apart(**apart))


def test_a_recipe_may_say_the_zone_of_all_its_times() -> None:
    assert utc(Times(zone="Europe/Berlin"), "2026-07-01T09:30:00") == "2026-07-01T07:30:00"
    said = Times(zone="Europe/Berlin").read("2026-07-01")
    assert isinstance(said, BusinessTime)
    assert (said.zone, said.day_only, said.source) == ("Europe/Berlin", True, "assumed")


def test_a_day_is_the_day_of_the_place_whatever_offset_a_format_assumes_for_its_clocks() -> None:
    """A format whose clocks are UTC means the recipient's calendar by a day without one."""
    times = Times(assumed_minutes=0)
    assert utc(times, "2026-07-01T09:30:00") == "2026-07-01T09:30:00"
    assert isinstance(times.read("2026-07-01"), LocalTime)


@given(st.text(max_size=30), st.text(max_size=10), st.text(max_size=10), st.text(max_size=10))
def test_whatever_stands_in_the_fields_is_read_or_refused(
    raw: str, clock: str, offset: str, zone: str
) -> None:
    for times in (Times(), Times((SLASHED, "%Y%m%d")), Times(offset_unit="minutes", zone="Asia/Tokyo")):
        for day in (raw, "2026-11-24", "24/11/2026"):
            with contextlib.suppress(BadItem):
                times.read(day, Apart(clock, offset, zone))


def test_offsets_reach_as_far_as_places_do() -> None:
    said = Times().read("2026-11-24T09:30:00+14:00")
    assert isinstance(said, BusinessTime)
    assert said.offset_minutes == timedelta(hours=14).total_seconds() / 60
