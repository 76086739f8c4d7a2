"""A recipe's times, from its folder to the scan: fields of their own, zones, and forms that are refused at load."""

import json
from pathlib import Path
from typing import Any

import pytest

from buuta.errors import BadSettings
from buuta.model.scan import Scan
from buuta.model.times import iso_text
from buuta.model.zones import Zones, told_time
from services.ingest.carriers.loading import load_recipes
from services.ingest.domain.recipe import Receipt, to_scan

FIELDS = {"number": "so", "code": "ma", "time": "ngay"}
APART = {"clock": "gio", "offset": "lech", "zone": "mui"}


def loaded(folder: Path, times: str, pairs: list[dict[str, Any]], fields: dict[str, str] = FIELDS) -> Any:
    own = folder / "hop"
    own.mkdir()
    named = "\n".join(f'{name} = "{path}"' for name, path in fields.items())
    (own / "recipe.toml").write_text(
        f'title = "A co-op"\nversion = "1"\nidentity = ["number", "code", "time"]\n[fields]\n{named}\n'
        f"[times]\n{times}\n[webhook]\n"
    )
    (own / "codes.csv").write_text("code,status,reason,mode,provisional\n1,delivered,,,\n")
    golden = [
        {"name": str(place), "payload": each, "scan": {"number": "HT001"}}
        for place, each in enumerate(pairs)
    ]
    (own / "golden.json").write_text(json.dumps(golden))
    return load_recipes(folder, package=None)["hop"]


def said(**fields: Any) -> dict[str, Any]:
    return {"so": "HT001", "ma": "1", **fields}


def scan(recipe: Any, zones: Zones, **fields: Any) -> Scan:
    found = to_scan(recipe, recipe.parse(said(**fields)), Receipt("hop", "webhook", 9, zones=zones))
    assert found is not None
    return found


WHOLE = said(ngay="24/11/2026", gio="9:30", lech="+07:00", mui="Asia/Tokyo")


@pytest.mark.parametrize(
    ("fields", "moment", "zone"),
    [
        ({"ngay": "24/11/2026", "gio": "4:25 CH"}, "2026-11-24T09:25:00", None),
        ({"ngay": "24/11/2026", "gio": "16:25", "lech": "+09:00"}, "2026-11-24T07:25:00", None),
        ({"ngay": "24/11/2026", "gio": "16:25", "mui": "Asia/Tokyo"}, "2026-11-24T07:25:00", "Asia/Tokyo"),
        ({"ngay": "24/07/2026 16:25:00", "mui": "Europe/Berlin"}, "2026-07-24T14:25:00", "Europe/Berlin"),
        ({"ngay": "24/11/2026"}, "2026-11-24T16:59:59", None),
        ({"ngay": "24/11/2026", "mui": "Asia/Tokyo"}, "2026-11-24T14:59:59", "Asia/Tokyo"),
        ({"ngay": 1795480000.5}, "2026-11-24T00:26:40", None),
    ],
)
def test_clock_offset_and_zone_in_fields_of_their_own(
    tmp_path: Path, fields: dict[str, Any], moment: str, zone: str | None
) -> None:
    recipe = loaded(tmp_path, 'forms = ["%d/%m/%Y %H:%M:%S"]', [WHOLE], FIELDS | APART)
    found = scan(recipe, Zones(), **fields)
    assert (iso_text(found.occurred_at)[:19], found.zone) == (moment, zone)


def test_a_carriers_times_are_told_by_its_own_clock_and_a_recipes_zone_goes_before_it(
    tmp_path: Path,
) -> None:
    recipe = loaded(tmp_path, 'forms = ["%d/%m/%Y %H:%M"]', [said(ngay="24/11/2026 09:30")])
    tokyo = scan(recipe, Zones("Asia/Tokyo"), ngay="24/11/2026 09:30")
    assert told_time(tokyo.occurred_at, tokyo.zone) == "24/11/2026 09:30 (UTC+9)"
    (tmp_path / "more").mkdir()
    said_so = loaded(tmp_path / "more", 'zone = "Europe/Berlin"', [said(ngay="2026-07-24T09:30")])
    berlin = scan(said_so, Zones("Asia/Tokyo"), ngay="2026-07-24T09:30")
    assert (iso_text(berlin.occurred_at)[:19], berlin.zone) == ("2026-07-24T07:30:00", "Europe/Berlin")


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ('forms = ["%d/%m/%Y %H:%M:%S %Z"]', "drops it"), ('forms = ["iso", "%G-W%V-%u"]', "week date"),
        ('forms = ["DD/MM/YYYY HH:mm:ss"]', "read as those letters"), ('forms = ["%d/%m/%y"]', "four digits"),
        ('forms = ["rfc3339"]', "no such form"), ("forms = []", "forms"), ('zone = "Hanoi"', "no IANA name"),
        ('zone = "Asia/Tokyo"\nassumed_minutes = 420', "not both"), ("assumed_minutes = 900", "assumed_minutes"),
        ('offset_unit = "days"', "offset_unit"),
    ],
)  # fmt: skip
def test_a_recipe_whose_times_would_be_read_wrongly_is_refused_with_file_place_and_sentence(
    tmp_path: Path, times: str, says: str
) -> None:
    with pytest.raises(BadSettings) as refused:
        loaded(tmp_path, times, [said(ngay="2026-11-24T09:30")])
    assert says in str(refused.value)
    assert "recipe.toml" in str(refused.value)
