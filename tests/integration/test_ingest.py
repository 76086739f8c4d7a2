"""The carriers' doors over HTTP, on the real broker and database."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from buuta.embedded.processes import free_port
from buuta.settings import SharedSettings
from buuta.storage.vault import Vault
from buuta.streaming.producer import Producer
from buuta.telemetry.health import Readiness
from services.ingest.app import wire
from services.ingest.doors.file import take_file
from services.ingest.intake import Result
from services.ingest.registry.locksmith import Locksmith
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.doors import GOOD, Door, add_carrier, inside, intake_on, log, quarantined
from tests.integration.parts import database_away
from tests.unit.test_carriers import FORM, GHN
from tests.waiting import until


async def test_an_accepted_item_lies_in_kafka_when_its_answer_comes(
    door: Door, settings: SharedSettings
) -> None:
    answer = await door.scans([GOOD])
    [item] = answer.json()
    [event] = await log(settings)
    assert (answer.status_code, item["result"], item["event_id"]) == (200, "accepted", event["event_id"])
    assert (event["carrier"], event["door"], event["status"]) == ("vnp", "api", "delivered")


async def test_one_bad_item_never_fails_the_others_and_is_kept(
    door: Door, pool: Any, settings: SharedSettings
) -> None:
    items = [GOOD, {**GOOD, "occurred_at": "hôm qua"}, None, {**GOOD, "code": "teleported"}, GOOD,
             {**GOOD, "provisional": "perhaps"}, {**GOOD, "number": "OTHER1"}]  # fmt: skip
    answers = (await door.scans(items)).json()
    assert [answer["result"] for answer in answers] == [
        "accepted", "rejected", "rejected", "quarantined", "duplicate", "rejected", "accepted",
    ]  # fmt: skip
    assert answers[1]["code"] == "time_invalid"
    assert "ISO 8601" in answers[1]["message"]
    kept = await quarantined(settings, pool)
    assert [each.reason for each in kept] == [
        "unknown_code", "time_invalid", "item_not_object", "provisional_invalid",
    ]  # fmt: skip
    assert json.loads(kept[1].said) == items[1]
    assert len(await log(settings)) == 2


async def test_an_unknown_code_is_kept_encrypted_and_counted(
    door: Door, pool: Any, settings: SharedSettings
) -> None:
    await door.scans([{**GOOD, "code": "teleported", "place": "chị Lan 0912345678"}])
    [row] = await pool.fetch("select * from quarantine")
    assert b"Lan" not in row["payload"]
    assert b"teleported" not in repr(dict(row)).encode()
    [kept] = await quarantined(settings, pool)
    assert (kept.carrier, kept.code, kept.reason) == ("vnp", "teleported", "unknown_code")
    assert b"Lan" in kept.said
    metrics = (await inside(door.client).get("/metrics")).text
    assert 'buuta_ingest_unknown_codes_total{carrier="vnp"}' in metrics
    assert "teleported" not in metrics
    assert "0912345678" not in metrics


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_not_json"), (b"{", 400, "body_not_json"), (b"[\xff\xfe]", 400, "body_not_utf8"),
        (b"7", 400, "body_not_array"), (b"[" * 100_000, 400, "body_too_deep"),
        (b"[" + b"1" * 150_000 + b"]", 200, None), (b"[" + b" " * 250_000, 413, "body_too_large"),
        (b"[" + b"{}," * 500 + b"{}]", 413, "too_many_items"),
    ],
)  # fmt: skip
async def test_a_hostile_body_gets_a_problem_that_says_what_to_fix(
    door: Door, body: bytes, status: int, code: str | None
) -> None:
    answer = await door.scans(body)
    assert answer.status_code == status
    if code is not None:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code
        assert len(answer.json()["detail"]) > 15


async def test_a_key_opens_only_its_own_carriers_door(door: Door, settings: SharedSettings) -> None:
    for headers in ({}, {"Authorization": "Bearer bk_wrong"}, {"Authorization": "Basic x"}):
        answer = await door.client.post("/v1/scans", json=[GOOD], headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    await door.scans([GOOD], carrier="ghn")
    assert [event["carrier"] for event in await log(settings)] == ["ghn"]


async def test_a_rotated_key_stops_and_the_new_one_works(door: Door, pool: Any) -> None:
    assert (await door.scans([GOOD])).status_code == 200
    async with pool.acquire() as con:
        smith = Locksmith(con, Vault(bytes(32)), "a test")
        api, webhook = await smith.rotate("vnp", 3600)
        old, door.secrets["vnp"] = door.secrets["vnp"], (api.key, webhook.key)
        await until(lambda: works(door), "the new key works")
        door.secrets["vnp"] = old
        assert await works(door), "both are valid at once"
        await smith.expire("vnp", None, 0)

        async def ended() -> bool:
            return not await works(door)

        await until(ended, "the old one has ended")


async def works(door: Door) -> bool:
    return (await door.scans([GOOD])).status_code == 200


async def test_keys_are_kept_as_hashes_only(door: Door, pool: Any) -> None:
    hashes = [each for [each] in await pool.fetch("select hash from carrier_keys where carrier = 'ghn'")]
    assert [len(each) for each in hashes] == [32, 32]
    assert not any(secret.encode() in each for secret in door.secrets["ghn"] for each in hashes)


async def test_ghns_webhook_takes_its_own_sample(door: Door, settings: SharedSettings) -> None:
    answer = await door.webhook("ghn", json=GHN)
    assert (answer.status_code, answer.json()["result"]) == (200, "accepted")
    repeated = await door.webhook("ghn", json={**GHN, "Type": "Update_fee"})
    assert repeated.json()["result"] == "ignored"
    assert [event["number"] for event in await log(settings)] == ["Z82BS"]


async def test_ghtks_webhook_takes_the_form_with_its_unescaped_plus(
    door: Door, settings: SharedSettings
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await door.webhook("ghtk", content=FORM, headers=headers)).json()["result"] == "accepted"
    escaped = FORM.replace(b"+", b"%2B")
    assert (await door.webhook("ghtk", content=escaped, headers=headers)).json()["result"] == "accepted"
    events = await log(settings)
    assert len({event["event_id"] for event in events}) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[7]", b'{"Type": "create"}',
     b'{"OrderCode": 5.5, "Type": "create", "Status": "picked", "Time": "x"}',
     b'{"OrderCode":"Z82BS","Type":"create","Status":"\\ud800","Time":"2021-11-11T03:52:50.158Z"}'],
)  # fmt: skip
async def test_a_malformed_webhook_is_answered_400_and_kept(door: Door, pool: Any, body: bytes) -> None:
    answer = await door.webhook("ghn", content=body)
    assert (answer.status_code, answer.json()["kept"]) == (400, True)
    assert await pool.fetchval("select count(*) from quarantine") == 1


async def test_a_guessed_token_and_another_vendors_token_learn_nothing(door: Door) -> None:
    for token in ("guess", quote("bw_ư"), door.secrets["ghtk"][1]):
        answer = await door.client.post(f"/v1/webhooks/{token}/ghn", json=GHN)
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_unknown")


async def test_the_description_is_openapi_3_1_and_names_every_door(door: Door) -> None:
    described = (await inside(door.client).get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert {"/v1/scans", "/v1/webhooks/{token}/ghn", "/v1/webhooks/{token}/ghtk"} <= described[
        "paths"
    ].keys()
    item = described["components"]["schemas"]["ScanItem"]
    assert item["required"] == ["number", "code", "occurred_at"]


async def test_kafka_and_the_spool_away_is_an_honest_503_with_retry_after(
    settings: SharedSettings, pool: Any
) -> None:
    key, _ = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    own = IngestSettings(
        **settings.model_dump()
        | {"kafka": f"127.0.0.1:{free_port()}", "ingest_patience": 0.5, "ingest_spool": 0}
    )
    async with (
        wire(own) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        answer = await client.post("/v1/scans", json=[GOOD], headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json()["code"]) == (503, "kafka_away")
        assert answer.headers["retry-after"] == "5"
        async with database_away(settings):

            async def waits_for_both() -> bool:
                waiting = await inside(client).get("/health/ready")
                return (
                    waiting.status_code == 503
                    and {"kafka", "database"} <= waiting.json()["waits_for"].keys()
                )

            await until(waits_for_both, "readiness says that neither is there")


async def test_too_much_at_once_is_turned_away_before_memory_is(
    settings: SharedSettings, pool: Any
) -> None:
    key, _ = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    own = IngestSettings(**settings.model_dump() | {"ingest_inside_bytes": 10})
    async with (
        wire(own) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        answer = await client.post("/v1/scans", json=[GOOD], headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_file_comes_in_and_its_refused_lines_come_back_with_the_reason(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    path = folder / "scans.csv"
    lines = ["number,code,occurred_at,proof_present,place", "Z82BS,picked,2026-11-24T09:30:00+07:00,yes,",
             "Z82BS,picked,24/11/2026,,Hà Nội", "Z82BS,teleported,2026-11-24T09:30:00Z,,",
             "Z1,x,y,no,z,w"]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    producer = Producer(settings, Readiness())
    await producer.start()
    await producer.connected()
    intake = intake_on(settings, producer, pool)
    done: list[int] = []
    summary = await take_file(intake, Carrier("ghn", "GHN", "ghn"), path, done.append)
    await producer.stop()
    assert (summary.counts[Result.ACCEPTED], sum(done)) == (1, 4)
    assert summary.report is not None
    report = summary.report.read_text(encoding="utf-8-sig").splitlines()
    assert report[0].startswith("rejected_line,rejected_code,rejected_message,number,code,occurred_at")
    assert [line.split(",")[:2] for line in report[1:]] == [
        ["3", "time_invalid"], ["4", "unknown_code"], ["5", "line_invalid"],
    ]  # fmt: skip
    assert report[1].endswith("Z82BS,picked,24/11/2026,,Hà Nội")
    assert report[3].endswith("Z1,x,y,no,z,w")
    [event] = await log(settings)
    assert (event["status"], event["door"], event["proof_present"]) == ("accepted", "file", True)


async def test_nothing_is_served_before_the_database_is_migrated(settings: SharedSettings) -> None:
    con = await asyncpg.connect(str(settings.database))
    await con.execute("drop schema public cascade; create schema public")
    await con.close()
    async with (
        wire(IngestSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):

        async def told() -> bool:
            waits = (await inside(client).get("/health/ready")).json()["waits_for"]
            return "buuta migrate" in waits.get("database", "")

        await until(told, "readiness names the missing migration")


async def test_a_correction_is_an_event_of_its_own_that_names_the_wrong_one(
    door: Door, settings: SharedSettings
) -> None:
    [first] = (await door.scans([GOOD])).json()
    correction = {**GOOD, "corrects": first["event_id"], "correction": "did_not_occur"}
    [second] = (await door.scans([correction])).json()
    assert second["result"] == "accepted"
    assert second["event_id"] != first["event_id"]
    [_, event] = await log(settings)
    assert (event["corrects_event_id"], event["correction_kind"]) == (first["event_id"], "did_not_occur")


@pytest.mark.parametrize("half", [{"corrects": "a" * 32}, {"correction": "incorrect_data"}])
async def test_half_a_correction_hears_what_is_missing(door: Door, half: dict[str, str]) -> None:
    [answer] = (await door.scans([{**GOOD, **half}])).json()
    assert (answer["result"], answer["code"]) == ("rejected", "item_invalid")
    assert "come together" in answer["message"]
