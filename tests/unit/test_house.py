"""The house holds together: settings, metrics, errors and documents name the same things."""

import inspect
import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from buuta import errors
from buuta.demo.journeys import PLACES
from buuta.settings import SharedSettings
from buuta.storage import faults
from buuta.telemetry import metrics
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.portal.places import place_name, unit_name
from services.portal.settings import PortalSettings
from services.tracker.domain.parcel import STATE_FIELDS
from services.tracker.history import SCAN_COLUMNS
from services.tracker.settings import TrackerSettings
from services.tracker.storage import COUNTS

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "tracker", "notifier", "portal")
CATALOGUE = {name: each for name, each in vars(metrics).items() if isinstance(each, MetricWrapperBase)}
SETTINGS = (SharedSettings, IngestSettings, TrackerSettings, NotifierSettings, PortalSettings)
UNITS = ("_total", "_seconds", "_records", "_build", "_waiting", "_watchers")


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_setting_says_what_it_means(kind: type[SharedSettings]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_metric_is_ours_and_names_its_unit() -> None:
    for metric in CATALOGUE.values():
        [family] = metric.describe()
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name.startswith("buuta_")
        assert name.endswith(UNITS), name


def test_every_metric_is_used() -> None:
    files = [path for folder in ("buuta", "services") for path in (ROOT / folder).rglob("*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    for name in CATALOGUE:
        assert f"metrics.{name}" in code, name


def test_the_tree_of_errors_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    classes = {name for name, each in vars(errors).items() if inspect.isclass(each)} - {"BuutaError"}
    assert drawn == classes


def test_no_sqlstate_class_is_both_away_and_bad_data() -> None:
    assert not set(faults.AWAY) & set(faults.BAD_DATA)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    rooms = {path.name for path in (ROOT / "services" / service).iterdir()}
    assert {"__init__.py", "__main__.py", "app.py", "domain", "settings.py", "storage.py"} <= rooms


def test_the_tables_have_the_columns_that_the_code_writes() -> None:
    files = sorted((ROOT / "buuta/storage/migrations").glob("*.sql"))
    sql = "".join(path.read_text(encoding="utf-8") for path in files)
    for table, columns in (("scans", SCAN_COLUMNS), ("parcels", STATE_FIELDS), ("rate_cells", COUNTS)):
        body = sql.split(f"create table {table} (")[1].split("\n)")[0]
        added = "".join(re.findall(rf"alter table {table}\n(.*?);", sql, re.DOTALL))
        written = re.findall(r"^  (\w+)", body, re.MULTILINE) + re.findall(r"add column (\w+)", added)
        assert set(columns) <= set(written), table


def test_the_demo_plays_in_communes_that_exist() -> None:
    for province, commune in PLACES:
        assert place_name(commune, province).count(", ") == 1
        assert not any(character.isdigit() for character in unit_name(province))


def test_no_wait_swallows_a_cancellation() -> None:
    """`asyncio.wait_for` of Python 3.11 does, where what it waits for ends in the same turn: `asyncio.timeout`."""
    for folder in ("buuta", "services"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "asyncio.wait_for(" not in path.read_text(encoding="utf-8"), path


def test_files_stay_small() -> None:
    for folder in ("buuta", "services"):
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 310, path


def test_the_readme_names_only_what_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:buuta|services|docs|schemas)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= targets | {"and"}
