"""`buuta doctor` says of every part whether it is there, and what mends it."""

import dataclasses
import json
import time
from typing import Any

import pytest
from pydantic import PostgresDsn, SecretStr

from buuta.audit import doctor
from buuta.audit.doctor import Found, State, examine
from buuta.demo.sinks import MailSink, SmsSink
from buuta.settings import SharedSettings
from buuta.storage.unlocking import open_vault
from services.ingest.carriers import RECIPES
from services.ingest.registry.locksmith import Locksmith
from services.ingest.storage import Carrier, add_carrier
from services.notifier.settings import NotifierSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta


def of(found: list[Found], part: str) -> list[Found]:
    return [each for each in found if each.part == part]


def notifier(settings: SharedSettings, **more: Any) -> NotifierSettings:
    return NotifierSettings(**{**settings.model_dump(), **more})


async def test_where_nothing_is_there_every_part_is_missing_with_what_mends_it(
    settings: SharedSettings,
) -> None:
    nothing: dict[str, Any] = {
        "kafka": "127.0.0.1:1", "database": PostgresDsn("postgresql://u:hunter2@127.0.0.1:1/x"), "smtp_port": 1,
        "smpp_port": 1, "schema_registry_url": "http://127.0.0.1:1",
    }  # fmt: skip
    found = await examine(notifier(settings, **nothing), RECIPES)
    missing = {each.part for each in found if each.state is State.MISSING}
    assert missing == {"PostgreSQL", "Kafka", "mail relay", "SMSC", "schema registry"}
    for each in found:
        assert each.state is State.OK or each.fix, each
        assert "hunter2" not in each.says
        assert "Error" not in each.says


async def test_where_all_is_there_nothing_is_missing(settings: SharedSettings, pool: Any) -> None:
    vault = await open_vault(pool, settings)
    await Locksmith(pool, vault, "a test").add_carrier(Carrier("ghn", "GHN", "ghn"))
    await add_shipper(pool, "shop", "Shop")
    mail, sms = MailSink(), SmsSink()
    mail.start()
    await sms.start()
    try:
        found = await examine(notifier(settings, smtp_port=mail.port, smpp_port=sms.port), RECIPES)
    finally:
        mail.stop()
        await sms.stop()
    assert not [each for each in found if each.state is State.MISSING]
    parts = {each.part for each in found if each.state is State.OK}
    assert {
        "PostgreSQL",
        "migrations",
        "clock",
        "master key",
        "carriers",
        "shippers",
        "Kafka",
        "SMSC",
    } <= parts


async def test_a_database_that_is_not_migrated_says_so(settings: SharedSettings, pool: Any) -> None:
    await pool.execute("create schema bare")
    bare = PostgresDsn(f"{settings.database}?options=-csearch_path%3Dbare")
    found = await doctor.database(notifier(settings, database=bare), RECIPES)
    [migrations] = of(found, "migrations")
    assert (migrations.state, migrations.fix) == (State.MISSING, "buuta migrate")
    assert "from 0001" in migrations.says


async def test_a_master_key_that_is_not_set_or_not_this_databases_is_missing(
    settings: SharedSettings, pool: Any
) -> None:
    await open_vault(pool, settings)
    for key, says in (("", "is not set"), ("ab" * 32, "is not the one"), ("short", "BUUTA_MASTER_KEY")):
        found = await doctor.database(notifier(settings, master_key=SecretStr(key)), RECIPES)
        [master] = of(found, "master key")
        assert master.state is State.MISSING
        assert says in master.says or "master key" in master.says
        assert "abab" not in master.says


async def test_topics_that_are_missing_or_of_another_number_of_partitions_are_told(
    settings: SharedSettings,
) -> None:
    found = of(await doctor.kafka(settings.model_copy(update={"rates_topic": "nowhere"})), "topics")
    [gone] = [each for each in found if "nowhere" in each.says]
    assert (gone.state, gone.says, gone.fix) == (State.MISSING, "nowhere is missing", "buuta topics create")
    again = of(await doctor.kafka(settings.model_copy(update={"rates_topic": "nowhere"})), "topics")
    assert gone in again, "to look makes no topic"
    found = of(await doctor.kafka(settings.model_copy(update={"partitions": 64})), "topics")
    other = [each for each in found if settings.events_topic in each.says and each.state is State.MISSING]
    assert "partitions and not 64" in other[0].says
    assert "buuta partitions copy" in other[0].fix


async def test_carriers_without_codes_keys_or_a_format_are_told(
    settings: SharedSettings, pool: Any
) -> None:
    for code, form in (("bare", "bare"), ("lost", "lost"), ("ghn", "ghn")):
        await add_carrier(pool, Carrier(code, code, form))
    recipes = {**RECIPES, "bare": dataclasses.replace(RECIPES["ghn"], format="bare", codes={})}
    said = {
        each.says: each.state for each in of(await doctor.database(notifier(settings), recipes), "carriers")
    }
    assert said["bare's format bare knows no codes: all that it reports waits in quarantine"] is State.LOOK
    assert said["lost speaks 'lost', which is no format here"] is State.MISSING
    assert said["ghn has no valid key"] is State.LOOK


async def test_a_clock_that_is_wrong_is_told(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr("buuta.audit.doctor.time.time", lambda: now - 7_200)
    [clock] = of(await doctor.database(notifier(settings), RECIPES), "clock")
    assert (clock.state, "+7200 s" in clock.says) == (State.MISSING, True), clock


async def test_links_to_this_machine_are_missing_where_messages_leave_it(settings: SharedSettings) -> None:
    [here] = await doctor.public_url(notifier(settings))
    [real] = await doctor.public_url(notifier(settings, smpp_host="smsc.example"))
    assert (here.state, real.state) == (State.LOOK, State.MISSING)


async def test_the_command_says_it_line_by_line_and_by_its_exit_code(settings: SharedSettings) -> None:
    ran = await buuta(settings, "doctor")
    assert ran.code == 1, "no carrier, and no mail relay"
    assert "-> buuta carrier add ghn" in ran.said
    assert " missing, " in ran.said.splitlines()[-1]
    rows = json.loads((await buuta(settings, "doctor", "--json")).said)
    assert {"state", "part", "says", "fix"} == set(rows[0])


async def test_settings_that_are_wrong_are_told_before_anything_is_asked(
    settings: SharedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUUTA_SMTP_PORT", "many")
    ran = await buuta(settings, "doctor")
    assert (ran.code, "missing  settings  BUUTA_SMTP_PORT is 'many'" in ran.said) == (1, True), ran.said
    assert "PostgreSQL" not in ran.said
