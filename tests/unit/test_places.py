"""Distances that no flight covers."""

import pytest
import vietnam_provinces

from services.tracker.domain.places import CENTRES, distance_km, least_ms


@pytest.mark.parametrize(
    ("one", "other", "km"), [("01", "79", 1140), ("01", "48", 605), ("48", "79", 610), ("79", "92", 130)]
)
def test_distances_are_those_of_the_map(one: str, other: str, km: int) -> None:
    assert distance_km(CENTRES[one], CENTRES[other]) == pytest.approx(km, rel=0.06)


def test_every_province_has_a_place_and_no_other() -> None:
    assert {f"{each.value:02}" for each in vietnam_provinces.ProvinceCode} == set(CENTRES)


def test_neighbours_and_codes_we_do_not_know_bar_nothing() -> None:
    assert least_ms("01", "24") == least_ms("01", "99") == least_ms("01", "01") == 0
    assert least_ms("01", "79") == least_ms("79", "01") > 3_600_000
