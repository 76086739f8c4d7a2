"""No password is printed; what may be a mistake is told at the start."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from buuta.endpoints import masked
from buuta.errors import BadSettings
from buuta.setting_names import OF_INGEST, OF_NOTIFIER, OF_PORTAL, OF_TRACKER
from buuta.settings import Environment, SharedSettings, describe, doubts, load, unknown_names
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
    monkeypatch.setenv(
        "BUUTA_SCHEMA_REGISTRY_URL", dsn.replace("postgresql", "https").replace(",db2.example", "")
    )
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
        "https://x/a/b",
        "postgresql://h1:1,h2:2/db",
        "Buuta <buuta@example.vn>",
        "[::1]:9092,[::2]:9092",
        "::",
    ):
        assert masked(plain) == plain


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("postgresql://u:hunter2@h:1/db?sslmode=require&sslpassword=hunter2", "postgresql://h:1/db"),
        ("https://hunter2@reg:8081/a#hunter2", "https://reg:8081/a"), ("https://x/?hunter2", "https://x/"),
        ("http://u:pa hunter2@reg:8081", "http://reg:8081"), ("https://u:a/hunter2@reg", "**********"),
        ("http://u:hunter2#x@reg:8081", "**********"), ("http://u:hunter2?x@reg", "**********"),
        ("u:hunter2@k:9092", "**********"), ("host=h password = hunter2", "**********"),
        ("k:9092,u:hunter2@k:9092", "**********"),
    ],
)  # fmt: skip
def test_of_an_address_scheme_hosts_ports_and_path_are_printed_and_nothing_else(
    address: str, printed: str
) -> None:
    assert masked(address) == printed
    unchecked = SharedSettings().model_copy(update={"kafka": address})
    assert describe(unchecked)["BUUTA_KAFKA"] == printed
    assert "hunter2" not in repr(unchecked)
    folder = IngestSettings().model_copy(
        update={"ingest_recipes": Path(f"postgresql://u:hunter2@h/{address}")}
    )
    assert "hunter2" not in repr(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE", "host=h user=u password='my hunter2'"), ("DATABASE", "host=h password = hunter2"),
        ("DATABASE", "postgresql://u:12#hunter2@h/db"), ("DATABASE", "postgresql://u:12/hunter2@h/db"),
        ("DATABASE", "postgresql://u:12?hunter2@h/db"), ("EVENTS_TOPIC", "http://u:hunter2@h"),
        ("RATES_TOPIC", "hunter2 "),
        ("DATABASE", "hunter2"), ("SCHEMA_REGISTRY_URL", "http://u:pa hunter2@reg:8081"),
        ("SCHEMA_REGISTRY_URL", "u:hunter2@reg:8081"), ("SCHEMA_REGISTRY_URL", "http://u:12/hunter2@reg:8081"),
        ("SCHEMA_REGISTRY_URL", "ftp://hunter2"),
        ("SCHEMA_REGISTRY_URL", "http://u:12#hunter2@reg:8081"),
        ("SCHEMA_REGISTRY_URL", "http://hunter2:99999"),
        ("KAFKA", "u:hunter2@k:9092"), ("KAFKA", "SASL_SSL://k:9092 hunter2"), ("KAFKA", "k:9092,hunter2:port"),
        ("SMTP_HOST", "u:hunter2@mail"), ("SMPP_HOST", "smpp://hunter2"), ("HOST", "hunter2:80"),
        ("PORTAL_URL", "https://u:hunter2@track.example"), ("PORTAL_URL", "https://track.example?key=hunter2"),
        ("TRUSTED_PROXIES", "u:hunter2@10.0.0.0/8"),
        ("MAIL_FROM", "hunter2"), ("PARTITIONS", "postgresql://u:hunter2@h/db"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_told_with_what_is_wrong_and_never_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BUUTA_{name}", value)
    with pytest.raises(
        BadSettings, match=f"^BUUTA_{name} is wrong .its value is not shown.: [a-z]"
    ) as wrong:
        load(NotifierSettings)
    assert "hunter2" not in str(wrong.value)
    assert wrong.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kafka", "k1:9092,k2.example:9092"), ("kafka", "[::1]:9092"), ("kafka", "kafka_1"),
        ("schema_registry_url", "http://u:pa%20ss@reg:8081/apis/ccompat/v7"), ("schema_registry_url", "https://reg"),
        ("host", "::"), ("host", "0.0.0.0"), ("smtp_host", "mail-1.example.vn"),
        ("portal_url", "https://track.example/vn"), ("trusted_proxies", "10.0.0.0/8, fd00::/8"),
    ],
)  # fmt: skip
def test_a_right_address_is_taken_as_it_is(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BUUTA_{name.upper()}", value)
    assert getattr(load(NotifierSettings), name) == value


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
    assert not any(" is 0 " in each for each in doubts(kind(environment=Environment.PRODUCTION), {}))
    settings = kind(environment=Environment.PRODUCTION, port=0, operations_port=0)
    told = {each.split()[0] for each in doubts(settings, {}) if " is 0 " in each}
    public = {"BUUTA_PORT"} if kind in (IngestSettings, PortalSettings) else set()
    assert told == {"BUUTA_OPERATIONS_PORT"} | public


def test_a_desk_is_told_once_that_it_counts_as_one() -> None:
    [said] = doubts(SharedSettings(), {})
    assert said.startswith("BUUTA_ENVIRONMENT is development")
    assert doubts(SharedSettings(), {"BUUTA_ENVIRONMENT": "development"}) == []


def test_a_service_tells_all_that_is_doubtful_at_its_start_and_not_the_first_alone() -> None:
    """Of lines that say the same again one is let through each ten seconds; these do not say the same."""
    wrong = {
        "BUUTA_DATABSE": "x",
        "BUUTA_WEATHER": "x",
        "BUUTA_ENVIRONMENT": "production",
        "BUUTA_KAFKA": "k:9092",
    }
    code = (
        "from buuta.settings import SharedSettings; from buuta.telemetry.service import main; "
        "main('x', SharedSettings, None)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | wrong, capture_output=True, check=False
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith(b"{")]
    told = [each["why"] for each in lines if each["event"] == "setting_doubtful"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wrong.items():
            patch.setenv(name, value)
        assert told == doubts(SharedSettings(), os.environ)
    assert len(told) > 2


def test_a_command_tells_names_of_no_setting_before_it_works_elsewhere() -> None:
    code = "from buuta.cli.main import main; main()"
    wrong = {"BUUTA_DATABSE": "postgresql://u:hunter2@h/db", "BUUTA_DATABASE": "postgresql://127.0.0.1:1/x"}
    ran = subprocess.run(
        [sys.executable, "-c", code, "migrate"], env=os.environ | wrong, capture_output=True, check=False
    )
    assert ran.stderr.decode().startswith("BUUTA_DATABSE is no setting; did you mean BUUTA_DATABASE?\n")
    assert b"hunter2" not in ran.stderr


def test_links_to_this_machine_in_messages_that_leave_it_are_told_on_a_desk_too() -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"smpp_host": "smsc.example"}, "SMS leave"),
        ({"smtp_host": "mail.example", "smpp_host": "smsc.example"}, "SMS and e-mails leave"),
    )
    for own, leaving in cases:
        [said] = NotifierSettings(**own).doubts()
        assert said.startswith("BUUTA_PORTAL_URL is a loopback address, and " + leaving)
        assert not list(NotifierSettings(portal_url="https://track.example", **own).doubts())
    assert not list(NotifierSettings().doubts()), "as in the demo: nothing leaves"


def test_what_does_not_go_together_is_told() -> None:
    [long] = NotifierSettings(smpp_password=SecretStr("nineletters")).doubts()
    assert "longer than 8 characters" in long
    assert "nineletters" not in long
    [uneven] = SharedSettings(partitions=6).doubts()
    assert "no power of two" in uneven
