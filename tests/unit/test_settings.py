"""No password is printed; what may be a mistake is told at the start."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from pydantic import SecretStr

from buuta.errors import BadSettings
from buuta.setting_names import OF_INGEST, OF_NOTIFIER, OF_PORTAL, OF_TRACKER
from buuta.settings import Environment, SharedSettings, describe, doubts, load, masked, unknown_names
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.portal.settings import PortalSettings
from services.tracker.settings import TrackerSettings

SERVICES: tuple[type[SharedSettings], ...] = (
    IngestSettings,
    TrackerSettings,
    NotifierSettings,
    PortalSettings,
)
DSNS = (
    "postgresql://buuta:s3cr3t@db.example:5432/buuta",
    "postgresql://buuta:s3cr3t@db1.example,db2.example/buuta",
    "postgresql://db.example/buuta?user=buuta&password=s3cr3t",
    "postgresql://buuta:s3cr3t%40x@db.example/buuta?sslmode=require",
)
WRONG = (
    "postgresql://buuta:s3cr3t@db.example:port/buuta",
    "postgres:/buuta:s3cr3t@db.example/buuta",
    "buuta:s3cr3t@db.example",
    "postgresql://buuta:s3cr/3t@db.example:port/buuta",
    "mysql://buuta:s3cr3t@db.example/buuta",
)
SCRIPT = """
import logging, structlog, sys
from buuta.telemetry.logs import configure
configure("test")
try:
    raise OSError(f"cannot reach {sys.argv[1]}")
except OSError as why:
    structlog.get_logger().error("failed", dsn=sys.argv[1], exc_info=why)
    logging.getLogger("asyncpg").error("no way to %s", sys.argv[1])
"""


@pytest.mark.parametrize("dsn", DSNS)
def test_no_print_of_the_settings_holds_the_databases_password(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUUTA_DATABASE", dsn)
    monkeypatch.setenv("BUUTA_SCHEMA_REGISTRY_URL", dsn.replace("postgresql", "https"))
    settings = load(SharedSettings)
    assert str(settings.database) == dsn, "what connects has it"
    for shown in (repr(settings), str(settings), *describe(settings).values(), f"{settings!r}"):
        assert "s3cr3t" not in shown


@pytest.mark.parametrize("dsn", [*WRONG])
def test_no_error_of_a_setting_repeats_a_password(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUUTA_DATABASE", dsn)
    with pytest.raises(BadSettings, match="BUUTA_DATABASE is ") as wrong:
        load(SharedSettings)
    assert "s3cr" not in str(wrong.value)
    assert wrong.value.__cause__ is None


@pytest.mark.parametrize("dsn", DSNS[:2])
def test_no_log_line_and_no_traceback_in_it_holds_a_password(dsn: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, dsn], capture_output=True, text=True, check=True)
    assert len([json.loads(line) for line in done.stderr.splitlines()]) == 2
    assert "s3cr3t" not in done.stderr


def test_an_address_without_a_password_is_shown_as_it_is() -> None:
    for plain in (
        "postgresql://db.example:5432/buuta",
        "kafka.example:9092",
        "buuta@example.vn",
        "https://x/?a=1",
    ):
        assert masked(plain) == plain


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("BUUTA_DATABSE", "BUUTA_DATABASE"), ("BUUTA_MASTERKEY", "BUUTA_MASTER_KEY"),
        ("BUUTA_KAFKA_SESION_TIMEOUT", "BUUTA_KAFKA_SESSION_TIMEOUT"), ("BUUTA_WEATHER", None),
    ],
)  # fmt: skip
def test_a_name_of_no_setting_is_told_with_the_one_that_it_resembles(name: str, near: str | None) -> None:
    assert unknown_names({name: "1", "BUUTA_KAFKA": "k:9092", "PATH": "/bin"}) == {name: near}
    said = doubts(SharedSettings(), {name: "1", "BUUTA_ENVIRONMENT": "development"})
    meant = f"; did you mean {near}?" if near else " of any service."
    assert said == [f"{name} is no setting{meant}"]


def test_the_table_of_names_is_what_the_services_have() -> None:
    shared = set(SharedSettings.model_fields)
    for names, kind in zip((OF_INGEST, OF_TRACKER, OF_NOTIFIER, OF_PORTAL), SERVICES, strict=True):
        assert set(names) == set(kind.model_fields) - shared, kind.__name__


@pytest.mark.parametrize("own", SERVICES)
def test_a_service_alone_knows_the_settings_of_all_and_tells_every_other_name(
    own: type[SharedSettings],
) -> None:
    code = (
        f"import json, os; from {own.__module__} import {own.__name__}; "
        "from buuta.settings import unknown_names; print(json.dumps(unknown_names(os.environ)))"
    )
    every = {f"BUUTA_{name.upper()}": "1" for kind in SERVICES for name in kind.model_fields}
    strange: dict[str, str | None] = {"BUUTA_SMTP_HOTS": "BUUTA_SMTP_HOST", "BUUTA_WEATHER": None}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | every | dict.fromkeys(strange, "1"),
        capture_output=True,
        check=True,
    )
    assert json.loads(said.stdout) == strange


def test_in_production_loopback_addresses_and_secrets_that_are_not_set_are_told() -> None:
    own: dict[str, Any] = {
        "environment": Environment.PRODUCTION, "kafka": "kafka.example:9092",
        "database": "postgresql://u:pw@db.example/buuta", "portal_url": "https://track.example",
        "smtp_host": "mail.example", "smpp_host": "smsc.example", "smpp_password": SecretStr("8letters"),
        "operations_port": 9_083,
    }  # fmt: skip
    assert doubts(NotifierSettings(**own), {}) == []
    for name, value in (
        ("kafka", "kafka.example:9092,localhost:9092"), ("database", "postgresql://u:pw@127.0.0.1/buuta"),
        ("smtp_host", "::1"), ("smpp_host", "127.0.1.1"), ("portal_url", "http://[::1]:8082"),
        ("smpp_password", SecretStr("buuta")), ("smtp_user", "buuta"), ("operations_port", 0),
    ):  # fmt: skip
        [said] = doubts(NotifierSettings(**own | {name: value}), {})
        assert "in production" in said
        assert "pw" not in said.replace("password", "").replace("Password", "")
    settings = NotifierSettings(**own | {"host": "127.0.0.1", "operations_host": "127.0.0.1"})
    assert doubts(settings, {}) == [], "where we listen, behind a proxy, that is right"


@pytest.mark.parametrize("kind", SERVICES)
def test_in_production_a_port_that_the_system_chooses_is_told_where_somebody_must_know_it(
    kind: type[SharedSettings],
) -> None:
    settings = kind(environment=Environment.PRODUCTION)
    told = {each.split()[0] for each in doubts(settings, {}) if " is 0 " in each}
    public = {"BUUTA_PORT"} if kind in (IngestSettings, PortalSettings) else set()
    assert told == {"BUUTA_OPERATIONS_PORT"} | public


def test_a_desk_is_told_once_that_it_counts_as_one() -> None:
    [said] = doubts(SharedSettings(), {})
    assert said.startswith("BUUTA_ENVIRONMENT is development")
    assert doubts(SharedSettings(), {"BUUTA_ENVIRONMENT": "development"}) == []
