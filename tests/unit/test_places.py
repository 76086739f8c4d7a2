"""Distances that no flight covers."""

import pytest

from buuta.errors import BadItem
from buuta.model.units import read_table, units
from services.ingest.registry.units import commune_since_2025
from services.tracker.domain.places import CENTRES, distance_km, least_ms


@pytest.mark.parametrize(
    ("one", "other", "km"), [("01", "79", 1140), ("01", "48", 605), ("48", "79", 610), ("79", "92", 130)]
)
def test_distances_are_those_of_the_map(one: str, other: str, km: int) -> None:
    assert distance_km(CENTRES[one], CENTRES[other]) == pytest.approx(km, rel=0.06)


def test_every_province_has_a_place_and_no_other() -> None:
    assert {code for code, unit in units().items() if unit.province is None} == set(CENTRES)


def test_there_are_34_provinces_and_3321_communes_each_in_one_of_them() -> None:
    communes = {code: unit for code, unit in units().items() if unit.province is not None}
    provinces = set(units()) - set(communes)
    assert (len(provinces), len(communes)) == (34, 3321)
    assert {unit.province for unit in communes.values()} == provinces
    assert {len(code) for code in communes} == {5}
    assert units()["00070"] == ("Phường Hoàn Kiếm", "01")


def test_an_old_commune_leads_to_one_of_today_or_says_why_not() -> None:
    assert commune_since_2025("00001") == "00097"
    became = {row["commune"] for row in read_table("services.ingest.registry", "old_communes.csv")}
    assert became - {"divided"} <= {code for code, unit in units().items() if unit.province is not None}
    with pytest.raises(BadItem, match="before 1 July 2025"):
        commune_since_2025("99999")


def test_neighbours_and_codes_we_do_not_know_bar_nothing() -> None:
    assert least_ms("01", "24") == least_ms("01", "99") == least_ms("01", "01") == 0
    assert least_ms("01", "79") == least_ms("79", "01") > 3_600_000
