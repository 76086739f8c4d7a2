"""Write the tables of units, and of what became of every commune of before 1 July 2025: `make communes`.

They come from the data of the library `vietnamadminunits` (MIT), read in development only: it needs Unidecode,
which is GPL-2.0-or-later, and so cannot run with Buuta.
"""

import csv
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from vietnamadminunits import convert_address
from vietnamadminunits.converter.converter_2025 import DICT_PROVINCE_WARD_DIVIDED
from vietnamadminunits.database import get_data

SOURCE = f"# From vietnamadminunits {version('vietnamadminunits')} (MIT), by tools/communes.py."
UNITS = "# Provinces and communes of Vietnam since 1 July 2025, by the codes of the Statistics Office."
OLD = (
    "# What became of the communes of Vietnam on 1 July 2025, by their codes; 'divided' are those that became\n"
    "# several, and empty those whose commune of today the source does not know."
)
NAMES = ["wardCode", "ward", "district", "province", "wardKey", "districtKey", "provinceKey"]
Row = tuple[str, ...]


def units() -> list[Row]:
    """Code, name and province of every unit; a province has no other."""
    rows = get_data(["provinceCode", "province", "wardCode", "ward"], table="admin_units")
    provinces = {(row["provinceCode"], row["province"].removeprefix("Tỉnh "), "") for row in rows}
    return sorted(provinces | {(row["wardCode"], row["ward"], row["provinceCode"]) for row in rows})


def old_communes() -> list[Row]:
    """Old codes, and what became of each.

    Only names of units are asked for: given a street the library asks a geocoder.
    """
    divided = {key for province in DICT_PROVINCE_WARD_DIVIDED.values() for key in province}
    legacy = {
        row["wardCode"]: row for row in get_data(NAMES, table="admin_units_legacy") if row["wardCode"]
    }
    return [(old, _today(row, divided)) for old, row in sorted(legacy.items())]


def _today(row: dict[str, str], divided: set[str]) -> str:
    if f"{row['provinceKey']}_{row['districtKey']}_{row['wardKey']}" in divided:
        return "divided"
    return convert_address(f"{row['ward']}, {row['district']}, {row['province']}").ward_code or ""


def write(path: Path, notice: str, columns: Row, rows: Iterable[Row]) -> None:
    """Write a table, with where it comes from in front."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{notice}\n{SOURCE}\n")
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def main() -> int:
    """Write both tables to where they are read from."""
    write(Path("buuta/model/units.csv"), UNITS, ("code", "name", "province"), units())
    write(Path("services/ingest/registry/old_communes.csv"), OLD, ("old", "commune"), old_communes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
