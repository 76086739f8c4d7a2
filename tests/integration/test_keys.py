"""Keys at the doors: what each opens, how much at once, and what is kept of its use."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from buuta.settings import SharedSettings
from buuta.storage.access import AccessKeys, Holder
from buuta.storage.access import keys_of as holders_keys
from buuta.storage.vault import Vault, read_master_key
from services.ingest.domain.document import document_of
from services.ingest.domain.keys import Key, Kind, Limits, Scope
from services.ingest.registry.keyring import Keyring
from services.ingest.registry.locksmith import Cut, Locksmith, Shown, changes_of, keys_of
from services.ingest.registry.signatures import Signatures
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, add_carrier, inside, log
from tests.integration.parts import chunk, worker
from tests.integration.test_epcis import A, event
from tests.scans import scan
from tests.unit.test_carriers import GHN
from tests.waiting import until

BODY = json.dumps([GOOD])


async def made(settings: SharedSettings, pool: Any, cut: Cut, carrier: str = "vnp") -> Shown:
    vault = Vault(read_master_key(settings.master_key))
    return await Locksmith(pool, vault, "a test").make(carrier, cut)


async def post(
    door: Door, key: str, body: str = BODY, path: str = "/v1/scans", **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await door.client.post(path, content=body, headers={"Authorization": f"Bearer {key}"} | named)


async def test_a_key_opens_what_it_was_cut_for(door: Door, settings: SharedSettings, pool: Any) -> None:
    reader = await made(settings, pool, Cut(Kind.API, (Scope.READ,)))
    elsewhere = await made(settings, pool, Cut(Kind.API, networks=("203.0.113.0/24",)))
    here = await made(settings, pool, Cut(Kind.API, networks=("203.0.113.0/24", "127.0.0.0/8")))
    expired = await made(settings, pool, Cut(Kind.API, expires_at=datetime.now(UTC)))
    reporter = await made(settings, pool, Cut(Kind.API, (Scope.REPORT,)))
    webhook = await made(settings, pool, Cut(Kind.WEBHOOK))
    for key, status, code in ((reader, 403, "scope_missing"), (elsewhere, 401, "key_unknown"),
                              (expired, 401, "key_unknown")):  # fmt: skip
        answer = await post(door, key.key)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await post(door, here.key)).status_code == 200
    assert (await post(door, reporter.key)).status_code == 200
    assert (await post(door, reporter.key, path="/v1/scans/withdraw")).status_code == 403
    assert (await post(door, webhook.key)).status_code == 401, "a token of a URL is no API key"


async def test_a_webhook_token_is_used_from_its_vendors_addresses(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    elsewhere = await made(settings, pool, Cut(Kind.WEBHOOK, networks=("203.0.113.0/24",)), "ghn")
    here = await made(settings, pool, Cut(Kind.WEBHOOK, networks=("127.0.0.1/32",)), "ghn")
    for token, status in ((elsewhere, 404), (here, 200)):
        answer = await door.client.post(f"/v1/webhooks/{token.key}/ghn", json=GHN)
        assert answer.status_code == status


def signed(
    key: Shown, method: str, target: str, body: str = "", identity: str = "", kind: str = "application/json"
) -> dict[str, str]:
    """The headers of a signed request, as the standard's own library makes them."""
    assert key.signing_secret is not None
    now, identity = datetime.now(UTC), identity or uuid.uuid4().hex
    payload = f"{method} {target}\ncontent-type:{kind}\n\n{body}"
    return {
        "authorization": f"Bearer {key.key}", "webhook-id": identity,
        "webhook-timestamp": str(int(now.timestamp())), "content-type": kind,
        "webhook-signature": Webhook(key.signing_secret).sign(identity, now, payload),
    }  # fmt: skip


async def test_a_signing_key_is_worth_nothing_without_its_signature(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    key = await made(settings, pool, Cut(Kind.SIGNING))
    assert (await post(door, key.key)).status_code == 401
    headers = signed(key, "POST", "/v1/scans", BODY)
    tampered = await door.client.post("/v1/scans", content=BODY.replace("Z82BS", "Z82BT"), headers=headers)
    assert (tampered.status_code, tampered.json()["code"]) == (401, "key_unknown")
    elsewhere = await door.client.post("/v1/scans/withdraw", content=BODY, headers=headers)
    assert elsewhere.status_code == 401
    assert (await door.client.post("/v1/scans", content=BODY, headers=headers)).status_code == 200
    assert [event["number"] for event in await log(settings)] == ["Z82BS"]


MANIFEST = {"manifest": "M1", "since": "2026-11-24T00:00:00Z", "until": "2026-11-25T00:00:00Z", "pieces": 2}


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [("GET", "/v1/scans/received", "", 200), ("GET", "/v1/quarantine", "", 200),
     ("GET", "/v1/quarantine/odd?after=3", "", 200), ("GET", "/v1/manifests/M1", "", 404),
     ("POST", "/v1/manifests", json.dumps(MANIFEST), 201), ("POST", "/v1/scans/withdraw", BODY, 200)],
)  # fmt: skip
async def test_a_signing_key_signs_whatever_it_asks_and_each_signature_holds_once(
    door: Door, settings: SharedSettings, pool: Any, method: str, target: str, body: str, status: int
) -> None:
    key = await made(settings, pool, Cut(Kind.SIGNING))
    bare = {"authorization": f"Bearer {key.key}", "content-type": "application/json"}

    async def asked(headers: dict[str, str], path: str = target) -> httpx.Response:
        return await door.client.request(method, path, content=body, headers=headers)

    assert (await asked(bare)).status_code == 401
    headers = signed(key, method, target, body)
    assert (await asked(headers, f"{target}{'&' if '?' in target else '?'}x=1")).status_code == 401
    assert (await asked(headers | {"content-type": "application/x-ndjson"})).status_code == 401
    for name, value in (
        ("idempotency-key", "k"),
        ("content-encoding", "identity"),
        ("gs1-epcis-version", "2.0.0"),
    ):
        assert (await asked(headers | {name: value})).status_code == 401, name
    assert (await asked(headers)).status_code == status
    if status == 404:
        assert (await asked(headers)).status_code == 404, "what was refused has done nothing"
        return
    again = await asked(headers)
    assert (again.status_code, again.json()["code"]) == (401, "signature_used")
    other = Signatures(pool)
    assert await other.take(key.key_id, headers["webhook-id"]) is None, "every process knows"


async def test_a_signed_request_that_was_not_answered_for_good_may_come_again(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    key = await made(settings, pool, Cut(Kind.SIGNING))
    headers = signed(key, "GET", "/v1/quarantine")
    assert (await door.client.get("/v1/carriers-unknown", headers=headers)).status_code == 404
    await pool.execute("alter table quarantine rename to elsewhere")
    assert (await door.client.get("/v1/quarantine", headers=headers)).status_code == 500
    await pool.execute("alter table elsewhere rename to quarantine")
    assert (await door.client.get("/v1/quarantine", headers=headers)).status_code == 200


async def test_an_id_is_taken_with_the_success_of_its_request_and_not_before(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    """Whatever refuses it, from the look at the id itself to the item's own check: the same may come once more."""
    key = await made(settings, pool, Cut(Kind.SIGNING, (Scope.REPORT,), limits=Limits(1, 100)))

    async def asked(headers: dict[str, str], path: str = "/v1/scans", body: str = BODY) -> int:
        return (await door.client.post(path, content=body, headers=headers)).status_code

    headers = signed(key, "POST", "/v1/scans", BODY)
    await pool.execute("alter table signed_requests rename to elsewhere")
    assert await asked(headers) == 500
    await pool.execute("alter table elsewhere rename to signed_requests")
    forbidden = signed(key, "POST", "/v1/scans/withdraw", BODY)
    broken = signed(key, "POST", "/v1/scans", "[")
    for _ in range(2):
        assert await asked(forbidden, "/v1/scans/withdraw") == 403
        assert await asked(broken, body="[") == 400
    assert await asked(headers) == 200
    assert await asked(headers) == 401
    many = json.dumps([{**GOOD, "attempt": attempt} for attempt in range(1, 9)])
    too_fast = signed(key, "POST", "/v1/scans", many)
    assert [await asked(too_fast, body=many) for _ in range(2)] == [429, 429]


async def test_an_id_that_is_given_back_while_postgresql_is_away_is_free_once_it_is_back(pool: Any) -> None:
    class Away:
        is_away = False

        async def fetchval(self, query: str, *values: Any) -> Any:
            return await self._within(pool.fetchval(query, *values))

        async def execute(self, query: str, *values: Any) -> Any:
            return await self._within(pool.execute(query, *values))

        async def _within(self, work: Any) -> Any:
            if self.is_away:
                work.close()
                raise ConnectionRefusedError
            return await work

    way = Away()
    mine, other = Signatures(way), Signatures(pool)
    taken = await mine.take(1, "a")
    assert taken is not None
    assert await other.take(1, "a") is None
    way.is_away = True
    await mine.give_back(taken)
    way.is_away = False
    assert await mine.take(1, "b") is not None
    assert await other.take(1, "a") is not None, "another process, too, knows that it is free"
    assert await mine.take(1, "a") is None


async def test_what_is_tried_in_the_sandbox_counts_in_no_metric_of_production_and_in_no_habit(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    """By every door: unknown codes, wrong items, refusals, and the time that answers take."""
    await add_carrier(pool, Carrier("gs1", "GS1", "epcis"))
    trial = (await made(settings, pool, Cut(Kind.API, sandbox=True, limits=Limits(4, 100)))).key
    token = (await made(settings, pool, Cut(Kind.WEBHOOK, sandbox=True), "ghn")).key
    epcis = (await made(settings, pool, Cut(Kind.API, sandbox=True), "gs1")).key
    items = [GOOD, {**GOOD, "code": "teleported"}, {**GOOD, "occurred_at": "yesterday"}, 5]
    before = await counted(door)
    assert (await post(door, trial, json.dumps(items))).status_code == 200
    assert (await post(door, trial, json.dumps(items * 9))).status_code == 429
    for payload in (GHN, {**GHN, "Status": "teleported"}, "["):
        await door.client.post(f"/v1/webhooks/{token}/ghn", json=payload)
    document = document_of([event("urn:post:bizstep:odd", 1, A), {"type": "nonsense"}])
    captured = await post(
        door, epcis, json.dumps(document), "/epcis/capture",
        content_type="application/json", gs1_capture_error_behaviour="proceed",
    )  # fmt: skip
    assert captured.status_code == 202
    after = await counted(door)
    moved = {line for line in after.items() if line not in before.items()}
    assert {name.partition("{")[0] for name, _ in moved} == {"buuta_ingest_sandbox_items_total"}
    assert 'buuta_ingest_sandbox_items_total{carrier="vnp",door="api",result="quarantined"}' in dict(moved)


async def counted(door: Door) -> dict[str, str]:
    """The counters and histograms of ingest, by name and labels."""
    said = (await inside(door.client).get("/metrics")).text
    lines = [line.rpartition(" ") for line in said.splitlines() if line.startswith("buuta_ingest_")]
    return {name: value for name, _, value in lines if "_created" not in name and "records" not in name}


async def test_a_sandbox_key_reads_nothing_real_and_a_real_one_nothing_of_the_sandbox(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    """A key's world is decided where its caller is known, for reading as for writing."""
    trial = (await made(settings, pool, Cut(Kind.API, sandbox=True))).key
    real = door.secrets["vnp"][0]
    today = round(datetime.now(UTC).timestamp() * 1000)
    async with worker(settings, pool) as tracker:
        seen = scan("accepted", received_at=today - 60_000)._replace(carrier="vnp")
        await tracker.handle(chunk(settings, 0, [seen]))
    await door.scans([{**GOOD, "code": "teleported"}])
    await door.client.post("/v1/manifests", json=MANIFEST, headers={"Authorization": f"Bearer {real}"})

    async def read(key: str, path: str) -> httpx.Response:
        return await door.client.get(path, headers={"Authorization": f"Bearer {key}"})

    since = datetime.fromtimestamp(today / 1000 - 600, UTC).isoformat().replace("+", "%2B")
    for path in (f"/v1/scans/received?from={since}", "/v1/quarantine", "/v1/quarantine/teleported"):
        assert len((await read(real, path)).text) > 10, path
        assert (await read(trial, path)).text in ("", "[]"), path
    assert (await read(trial, "/v1/registrations/unconfirmed")).text == "[]"
    assert (await read(real, "/v1/manifests/M1")).status_code == 200
    assert (await read(trial, "/v1/manifests/M1")).status_code == 404
    headers = {"Authorization": f"Bearer {trial}"}
    other = {**MANIFEST, "pieces": 9}
    assert (await door.client.post("/v1/manifests", json=other, headers=headers)).status_code == 201
    assert (await read(real, "/v1/manifests/M1")).json()["pieces"] == 2


async def test_more_than_a_key_may_send_is_429_with_what_is_left_and_when_to_come_again(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    key = await made(settings, pool, Cut(Kind.API, limits=Limits(2, 5)))
    two = json.dumps([GOOD, {**GOOD, "number": "OTHER"}])
    answer = await post(door, key.key, two)
    assert answer.headers["ratelimit-limit"] == "2"
    assert answer.headers["ratelimit-remaining"] == "0"
    assert answer.headers["ratelimit-policy"] == "2;w=1, 5;w=86400"
    fast = await post(door, key.key, two)
    assert (fast.status_code, fast.json()["code"], fast.headers["retry-after"]) == (429, "too_fast", "1")

    async def passes() -> bool:
        return (await post(door, key.key, two)).status_code == 200

    await until(passes, "a second later there is room")
    used = await post(door, key.key, two)
    assert (used.status_code, used.json()["code"]) == (429, "quota_used")
    assert 0 < int(used.headers["retry-after"]) <= 86_400


async def test_what_a_key_was_used_for_before_midnight_is_kept_of_its_day_whenever_it_is_written(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    cut = await made(settings, pool, Cut(Kind.API))
    keyring = Keyring(pool, Vault(bytes(32)), 20)
    key = Key(cut.key_id, "vnp", Kind.API, frozenset(Scope), (), False, Limits(10, 100), None)
    midnight = int(datetime(2026, 11, 28, 17, tzinfo=UTC).timestamp() * 1000)
    for at, scans in ((midnight - 1, 3), (midnight, 5)):
        monkeypatch.setattr("services.ingest.registry.keyring.now_ms", partial(int, at))
        keyring.use(key).requests += 1
        keyring.use(key).scans += scans
    await keyring.write_down()
    keyring.use(key).scans += 2
    await keyring.write_down()
    rows = await pool.fetch("select scans from key_usage where key_id = $1 order by day", key.id)
    assert [row["scans"] for row in rows] == [3, 7]


async def test_what_a_key_was_used_for_is_kept_and_counts_for_every_process(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    key = await made(settings, pool, Cut(Kind.API, (Scope.REPORT,), limits=Limits(100, 3)))
    await post(door, key.key, json.dumps([GOOD, GOOD]))
    await post(door, key.key, path="/v1/scans/withdraw")

    async def kept() -> bool:
        [row] = [each for each in await keys_of(pool, "vnp") if each["id"] == key.key_id]
        return (row["scans"], row["refused"]) == (2, 1)

    await until(kept, "the use is written down")
    await pool.execute("update key_usage set scans = 3 where key_id = $1", key.key_id)

    async def used_up() -> bool:
        return (await post(door, key.key)).status_code == 429

    await until(used_up, "what another process counted counts here")


async def test_a_sandbox_key_hears_all_and_moves_nothing(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    key = await made(settings, pool, Cut(Kind.API, sandbox=True))
    items = [GOOD, {**GOOD, "code": "teleported"}, {**GOOD, "occurred_at": "hôm qua"}]
    answer = await post(door, key.key, json.dumps(items))
    assert [item["result"] for item in answer.json()] == ["accepted", "quarantined", "rejected"]
    assert await log(settings) == []
    assert await pool.fetchval("select count(*) from quarantine") == 0


async def test_keys_are_made_rotated_and_revoked_by_command_and_every_change_is_kept(
    settings: SharedSettings, pool: Any
) -> None:
    added = await buuta(settings, "carrier", "add", "vnp", "--name", "VNPost")
    assert "API key        bk_" in added.said
    signing = await buuta(
        settings, "carrier", "key", "add", "vnp", "--kind", "signing", "--scope", "report"
    )
    assert "signing secret whsec_" in signing.said
    wrong = await buuta(settings, "carrier", "key", "add", "vnp", "--network", "203.0.113.7/24")
    assert (wrong.code, "write it as" in wrong.said) == (1, True)
    rotated = await buuta(settings, "carrier", "key", "rotate", "vnp", "--overlap-hours", "1")
    assert rotated.said.count("bk_") == rotated.said.count("bw_") == rotated.said.count("bi_") == 1
    assert "The keys before it hold for 1 h more" in rotated.said
    revoked = await buuta(settings, "carrier", "key", "revoke", "vnp", "1")
    assert "Key 1 has ended." in revoked.said
    assert (await buuta(settings, "carrier", "key", "revoke", "vnp", "1")).code == 1
    changes = [(row["key_id"], row["what"]) for row in await changes_of(pool, "vnp")]
    assert changes == [
        (1, "made"), (2, "made"), (3, "made"), (1, "expires in 3600 s"), (2, "expires in 3600 s"),
        (3, "expires in 3600 s"), (4, "made"), (5, "made"), (6, "made"), (1, "expires in 0 s"),
    ]  # fmt: skip
    for arguments in (("key", "list"), ("key", "changes", "vnp")):
        shown = await buuta(settings, "carrier", *arguments)
        assert shown.code == 0
        assert "signing" in shown.said
        assert "whsec_" not in shown.said
    scopes = {row["id"]: row["scopes"] for row in await keys_of(pool, "vnp")}
    assert scopes[6] == scopes[3] == ["report"]


async def test_a_rotated_key_is_of_use_no_longer_than_it_was_cut_for(
    settings: SharedSettings, pool: Any
) -> None:
    """Of a shipper, whose keys are followed by one, as long as the last of them was."""
    week, month = (datetime.now(UTC) + timedelta(days=days) for days in (7, 30))
    await pool.execute("insert into carriers (code, name, format) values ('vnp', 'VNPost', 'buuta')")
    await pool.execute("insert into shippers (code, name) values ('shop', 'Shop'), ('own', 'Own')")
    smith = Locksmith(pool, Vault(read_master_key(settings.master_key)), "a test")
    for until_ in (week, None):
        await smith.make("vnp", Cut(Kind.API, expires_at=until_))
    rotated = {each.key_id for each in await smith.rotate("vnp", 0)}
    ends = [row["expires_at"] for row in await keys_of(pool, "vnp") if row["id"] in rotated]
    assert ends == [week, None]
    access = AccessKeys(pool, Holder.SHIPPER, "a test")
    for holder, cut in (("shop", (week, month)), ("own", (week, None))):
        for until_ in cut:
            await access.make(holder, until_)
        made_anew = await access.rotate(holder, 0)
        assert made_anew is not None
        found = {row["id"]: row["expires_at"] for row in await holders_keys(pool, Holder.SHIPPER, holder)}
        assert found[made_anew.key_id] == cut[-1]


@pytest.mark.parametrize("kind", list(Kind))
async def test_no_secret_is_stored_in_the_clear(settings: SharedSettings, pool: Any, kind: Kind) -> None:
    await pool.execute("insert into carriers (code, name, format) values ('vnp', 'VNPost', 'buuta')")
    key = await made(settings, pool, Cut(kind))
    row = await pool.fetchrow("select carrier_keys::text as stored from carrier_keys")
    for secret in (key.key, key.signing_secret or key.key):
        assert secret not in row["stored"]
        assert secret.encode().hex() not in row["stored"]
