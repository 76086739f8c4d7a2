"""Batches: a JSON array, NDJSON or an Avro container, packed or not; the same key hears the same answer."""

import asyncio
import gzip
import hashlib
import io
import json
import struct
from typing import Any

import fastavro
import httpx
import pytest
from backports import zstd

from buuta.settings import SharedSettings
from buuta.telemetry import metrics
from services.ingest.app import wire
from services.ingest.domain.recipe import Receipt
from services.ingest.doors.batch import read_report
from services.ingest.intake import PIECE
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.doors import GOOD, Door, add_carrier, intake_on, log, quarantined, ready
from tests.integration.parts import database_away, producer_on
from tests.waiting import until

OTHER = {**GOOD, "number": "OTHER1", "attempt": 2, "proof_present": True}
ITEM = {
    "type": "record",
    "name": "Item",
    "fields": [
        {"name": "number", "type": "string"},
        {"name": "code", "type": "string"},
        {"name": "occurred_at", "type": "string"},
        {"name": "attempt", "type": ["null", "int"], "default": None},
        {"name": "proof_present", "type": ["null", "boolean"], "default": None},
    ],
}


def container(schema: Any, records: list[Any], codec: str = "null") -> bytes:
    target = io.BytesIO()
    fastavro.writer(target, schema, records, codec=codec, sync_marker=bytes(16))
    return target.getvalue()


async def post(door: Door, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    key = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    return await door.client.post("/v1/scans", content=body, headers=key | named)


NDJSON = b"\n".join(json.dumps(item).encode() for item in (GOOD, OTHER)) + b"\n\n"
ARRAY = json.dumps([GOOD, OTHER]).encode()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (ARRAY, {}),
        (ARRAY, {"content_type": "application/json; charset=utf-8"}),
        (NDJSON, {"content_type": "application/x-ndjson"}),
        (container(ITEM, [GOOD, OTHER]), {"content_type": "application/avro"}),
        (gzip.compress(ARRAY), {"content_encoding": "gzip"}),
        (gzip.compress(NDJSON[:50]) + gzip.compress(NDJSON[50:]),
         {"content_encoding": "gzip", "content_type": "application/x-ndjson"}),
        (zstd.compress(ARRAY), {"content_encoding": "zstd"}),
    ],
)  # fmt: skip
async def test_a_batch_of_any_kind_comes_in(
    door: Door, settings: SharedSettings, body: bytes, headers: dict[str, str]
) -> None:
    answer = await post(door, body, **headers)
    assert [item["result"] for item in answer.json()] == ["accepted", "accepted"]
    events = {event["number"]: event for event in await log(settings)}
    assert (events["OTHER1"]["attempt"], events["OTHER1"]["proof_present"]) == (2, True)
    assert events["Z82BS"]["attempt"] is None


async def test_a_line_that_is_no_json_never_fails_the_others_and_is_kept(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    lines = [json.dumps(GOOD).encode(), b'{"number": ', b"[1]", json.dumps(OTHER).encode()]
    answer = await post(door, b"\n".join(lines), content_type="application/x-ndjson")
    assert [item["result"] for item in answer.json()] == ["accepted", "rejected", "rejected", "accepted"]
    assert [item.get("code") for item in answer.json()] == [None, "line_not_json", "item_not_object", None]
    [first, _] = await quarantined(settings, pool)
    assert first.said == lines[1]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(GOOD).encode(), "application/json"), (json.dumps([GOOD]).encode(), ""),
        (json.dumps([GOOD]).encode(), "application/x-www-form-urlencoded"),
        (json.dumps([GOOD]).encode(), "text/plain; charset=utf-8"),
        (b"\xef\xbb\xbf" + json.dumps([GOOD]).encode(), "application/json"),
        (json.dumps([GOOD]).encode("utf-16"), "application/json"),
    ],
)  # fmt: skip
async def test_one_item_alone_and_json_of_another_media_type_are_read(
    door: Door, settings: SharedSettings, body: bytes, kind: str
) -> None:
    answer = await post(door, body, **({"content_type": kind} if kind else {}))
    assert [item["result"] for item in answer.json()] == ["accepted"]
    assert len(await log(settings)) == 1


async def test_what_does_not_fit_costs_itself_and_a_note_in_the_answer_and_is_counted(
    door: Door, settings: SharedSettings
) -> None:
    before = _notes("vnp", "facility_invalid")
    odd = {**GOOD, "facility": "BC 129060", "place": "x" * 301, "adress": "12 Lê Lợi", "attempt": "thrice"}
    [item] = (await post(door, json.dumps([odd]).encode())).json()
    assert item["result"] == "accepted"
    assert sorted((note["field"], note["code"]) for note in item["notes"]) == [
        ("adress", "field_unknown"), ("attempt", "attempt_invalid"), ("facility", "facility_invalid"),
        ("place", "place_cut"),
    ]  # fmt: skip
    assert "BC 129060" not in json.dumps(item["notes"])
    [event] = await log(settings)
    assert (event["facility"], event["attempt"]) == (None, None)
    assert _notes("vnp", "facility_invalid") == before + 1


async def test_a_webhook_hears_of_what_was_left_out_where_its_words_are_ours(
    door: Door, settings: SharedSettings
) -> None:
    report = {
        "OrderCode": "Z82BS",
        "Status": "DELIVERED",
        "Time": "2026-11-24T02:30:00Z",
        "ReasonCode": [1],
    }
    answer = await door.webhook("ghn", json=report)
    assert answer.json()["result"] == "accepted"
    assert [note["code"] for note in answer.json()["notes"]] == ["reason_invalid"]
    assert [event["raw_code"] for event in await log(settings)] == ["delivered"]


def _notes(carrier: str, code: str) -> float:
    return float(metrics.INGEST_NOTES.labels(carrier, code)._value.get())


ENDLESS = {
    "type": "record",
    "name": "Item",
    "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}],
}


def endless() -> bytes:
    """A container whose one record says that it holds 2^50 nulls, which take no bytes."""
    whole = container(ENDLESS, [{"a": [None]}])
    sync = whole[-16:]
    count = b"".join(struct.pack("B", each) for each in (0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01))
    data = count + b"\x00"
    return whole[: whole.rindex(sync, 0, -16) + 16] + b"\x02" + bytes([len(data) * 2]) + data + sync


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"number,code", {"content_type": "text/csv"}, 415, "media_type_unknown"),
        (ARRAY, {"content_encoding": "br"}, 415, "encoding_unknown"),
        (ARRAY, {"content_encoding": "gzip"}, 400, "body_not_packed"),
        (gzip.compress(ARRAY)[:-5], {"content_encoding": "gzip"}, 400, "body_not_packed"),
        (gzip.compress(b"[" + b" " * 10**8), {"content_encoding": "gzip"}, 413, "body_too_large"),
        (zstd.compress(b"[" + b" " * 10**8), {"content_encoding": "zstd"}, 413, "body_too_large"),
        (b"{}\n" * 501, {"content_type": "application/x-ndjson"}, 413, "too_many_items"),
        (container(ITEM, [GOOD] * 501), {"content_type": "application/avro"}, 413, "too_many_items"),
        (b"Obj\x01junk", {"content_type": "application/avro"}, 400, "body_not_avro"),
        (container(ITEM, [GOOD], "deflate"), {"content_type": "application/avro"}, 400, "avro_packed"),
        (endless(), {"content_type": "application/avro"}, 400, "avro_not_plain"),
        (container("null", [None] * 9), {"content_type": "application/avro"}, 400, "avro_not_plain"),
    ],
)  # fmt: skip
async def test_a_batch_that_is_not_what_it_says_or_too_much_hears_so(
    door: Door, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await post(door, body, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_same_idempotency_key_hears_the_same_answer(door: Door, settings: SharedSettings) -> None:
    first = await post(door, ARRAY, idempotency_key="batch 7")
    again = await post(door, ARRAY, idempotency_key="batch 7")
    assert (again.status_code, again.content) == (200, first.content)
    assert len(await log(settings)) == 2, "nothing was sent on a second time"
    other = await post(door, NDJSON, idempotency_key="batch 7", content_type="application/x-ndjson")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await post(door, ARRAY, idempotency_key="batch 8")).status_code == 200


async def test_answers_are_forgotten_after_a_day(door: Door, pool: Any) -> None:
    await post(door, ARRAY, idempotency_key="yesterday's")
    await pool.execute("update answered set answered_at = now() - interval '25 hours'")
    [[before]] = await pool.fetch("select key from answered")
    await post(door, ARRAY, idempotency_key="today's")
    [[after]] = await pool.fetch("select key from answered")
    assert len({before, after, "yesterday's", "today's"}) == 4, "a key is kept as a keyed hash"


async def test_what_is_kept_of_a_body_tells_nothing_to_who_tries_bodies(door: Door, pool: Any) -> None:
    await post(door, ARRAY, idempotency_key="batch 9")
    [[kept]] = await pool.fetch("select request_hash from answered")
    body = ARRAY if isinstance(ARRAY, bytes) else ARRAY.encode()
    assert kept not in (hashlib.sha256(body).digest(), hashlib.sha256(b"/v1/scans" + body).digest())


async def test_a_key_is_no_reason_to_refuse_while_postgresql_is_away(
    door: Door, settings: SharedSettings
) -> None:
    await post(door, ARRAY)
    async with database_away(settings):
        assert (await post(door, ARRAY, idempotency_key="a")).status_code == 200


async def test_a_wrong_batch_is_withdrawn_by_sending_it_again_to_be_taken_back(
    door: Door, settings: SharedSettings
) -> None:
    reported = [item["event_id"] for item in (await post(door, ARRAY)).json()]
    key = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    for _ in range(2):
        answer = await door.client.post("/v1/scans/withdraw", content=ARRAY, headers=key)
        assert [item["result"] for item in answer.json()] == ["accepted", "accepted"]
    corrections = [event for event in await log(settings) if event["corrects_event_id"]]
    assert {event["corrects_event_id"] for event in corrections} == set(reported)
    assert {event["correction_kind"] for event in corrections} == {"did_not_occur"}
    assert len({event["event_id"] for event in corrections}) == 2, "withdrawn twice is withdrawn once"


WIDE = {
    "type": "record",
    "name": "Item",
    "fields": [{"name": f"f{each}", "type": "null"} for each in range(101)],
}
LONG_NAME = "a" * 60_000
LONG = {"type": "record", "name": "Item", "fields": [{"name": LONG_NAME, "type": "string"}]}
NAMES = {f"name{each}": each for each in range(100_000)}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"\n" * 190_000, {"content_type": "application/x-ndjson"}, 413, "too_many_items"),
        (container(WIDE, [{}] * 500), {"content_type": "application/avro"}, 400, "avro_not_plain"),
        (container(LONG, [{LONG_NAME: "x"}]), {"content_type": "application/avro"}, 413, "avro_schema_too_large"),
        (b"[" + b"[]," * 60_000 + b"[]]", {}, 413, "too_many_items"),
    ],
)  # fmt: skip
async def test_a_body_of_very_many_very_small_things_is_refused_before_they_are_taken_apart(
    door: Door, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await post(door, body, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_object_of_very_many_names_is_one_wrong_item_and_blocks_nobody(
    settings: SharedSettings, pool: Any
) -> None:
    secret, _ = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    _, form = await add_carrier(pool, Carrier("ghtk", "GHTK", "ghtk"))
    async with wire(IngestSettings(**settings.model_dump())) as (app, _):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest", timeout=60) as client:
            await until(lambda: ready(client), "ingest is ready")
            headers = {"Authorization": f"Bearer {secret}"}
            answer = await client.post("/v1/scans", json=[NAMES, GOOD], headers=headers)
            assert [each["result"] for each in answer.json()] == ["rejected", "accepted"]
            assert answer.json()[0]["code"] == "too_many_fields"
            fields = "&".join(map(str, range(20_000)))
            answer = await client.post(f"/v1/webhooks/{form}/ghtk", content=fields)
            assert (answer.status_code, answer.json()["code"]) == (400, "too_many_fields")


async def test_a_batch_gives_way_to_others_between_its_pieces_once_their_time_is_up(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.intake.BREAK_SECONDS", 0.0)
    async with producer_on(settings) as producer:
        intake, turns = intake_on(settings, producer, pool), 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        running = asyncio.create_task(others())
        items = [{"number": f"N{each:05}"} for each in range(5_000)]
        receipt = Receipt("vnp", "api", 9)
        answers = await intake.take(Carrier("vnp", "VNPost", "buuta"), receipt, items, read_report)
        running.cancel()
    assert {each.code for each in answers} == {"field_missing"}
    assert turns >= len(items) // PIECE
