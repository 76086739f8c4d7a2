"""People are told the clock of the place, and a day without one; a clock that is not Vietnam's is named."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.model.times import LocalTime
from buuta.model.zones import Zones, is_zone, named_unless_vietnam, offset_name, one_zone, told_time

ZONES = sorted(available_timezones())
DAYS = st.dates(date(2000, 1, 2), date(2099, 12, 30))
MOMENTS = st.builds(datetime.combine, DAYS, st.times(timezones=st.just(UTC)))


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "zone", "day_only", "told"),
    [
        ("2026-11-24T09:25:59.999Z", None, False, "24/11/2026 16:25"),
        ("2026-11-24T17:30:00Z", None, False, "25/11/2026 00:30"),
        ("2026-11-24T09:25:00Z", "Asia/Tokyo", False, "24/11/2026 18:25 (UTC+9)"),
        ("2026-07-01T16:00:00Z", "Europe/Berlin", False, "01/07/2026 18:00 (UTC+2)"),
        ("2026-12-01T16:00:00Z", "Europe/Berlin", False, "01/12/2026 17:00 (UTC+1)"),
        ("2026-12-01T16:00:00Z", "America/St_Johns", False, "01/12/2026 12:30 (UTC-3:30)"),
        ("2026-12-01T16:00:00Z", "Asia/Vientiane", False, "01/12/2026 23:00"),
        ("2026-12-01T16:00:00Z", "UTC", False, "01/12/2026 16:00 (UTC)"),
        ("2026-12-01T16:00:00Z", "Nowhere/At_All", False, "01/12/2026 16:00 (UTC)"),
        ("2026-11-25T23:59:59.999+07:00", None, True, "25/11/2026"),
        ("2026-11-25T23:59:59.999-08:00", "America/Los_Angeles", True, "25/11/2026"),
    ],
)
def test_a_time_is_told_by_the_clock_of_the_place(
    moment: str, zone: str | None, *, day_only: bool, told: str
) -> None:
    assert told_time(ms(moment), zone, day_only=day_only) == told


@given(MOMENTS, st.sampled_from(ZONES))
def test_what_is_told_of_any_zone_reads_back_to_the_minute_it_was_told_of(
    moment: datetime, zone: str
) -> None:
    text = told_time(round(moment.timestamp() * 1000), zone)
    clock, _, named = text.partition(" (")
    local = datetime.strptime(clock, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
    away = moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    assert timedelta() <= moment + away - local < timedelta(minutes=1)
    assert named.removesuffix(")") == (
        "" if away == timedelta(hours=7) else offset_name(round(away.total_seconds() / 60))
    )


@given(DAYS, st.sampled_from(ZONES))
def test_a_day_is_told_as_the_day_that_it_was_at_the_place(day: date, zone: str) -> None:
    last = datetime.fromisoformat(f"{day}T23:59:59.999").replace(tzinfo=ZoneInfo(zone))
    assert told_time(round(last.timestamp() * 1000), zone, day_only=True) == f"{day:%d/%m/%Y}"


def test_times_of_one_page_are_told_in_one_zone() -> None:
    assert one_zone([]) is None
    assert one_zone([None, None]) is None
    assert one_zone(["Asia/Tokyo", "Asia/Tokyo"]) == "Asia/Tokyo"
    assert one_zone(["Asia/Tokyo", None]) is None


def test_a_zone_is_an_iana_name_and_vietnams_needs_none() -> None:
    assert all(map(is_zone, ("Asia/Tokyo", "UTC", "Etc/GMT+12")))
    assert not any(
        map(is_zone, ("", "Asia", "asia/nowhere", "../etc/passwd", "/etc/passwd", "A" * 65, "Asia/\0"))
    )
    assert named_unless_vietnam("Asia/Ho_Chi_Minh") is None
    assert named_unless_vietnam("Asia/Tokyo") == "Asia/Tokyo"


@pytest.mark.parametrize("code", ["JPKIX1", "jpkix1"])
def test_a_facility_has_its_zone_in_whatever_case_its_code_is_written(code: str) -> None:
    zones = Zones(None, {"JPKIX1": "Asia/Tokyo"})
    said = LocalTime(datetime.fromisoformat("2026-11-24T09:30"))
    assert zones.settled(said, code).zone == "Asia/Tokyo"
    assert zones.settled(said, "JPKIX2").zone is None
