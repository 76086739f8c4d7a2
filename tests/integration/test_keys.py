"""Keys at the doors: what each opens, how much at once, and what is kept of its use."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from buuta.settings import SharedSettings
from buuta.storage.vault import Vault, read_master_key
from services.ingest.domain.keys import Kind, Limits, Scope
from services.ingest.registry.locksmith import Cut, Locksmith, Shown, changes_of, keys_of
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, log
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
    for key, status, code in ((reader, 403, "scope_missing"), (elsewhere, 403, "address_not_allowed"),
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


async def test_a_signing_key_is_worth_nothing_without_its_signature(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    key = await made(settings, pool, Cut(Kind.SIGNING))
    assert key.signing_secret is not None
    assert (await post(door, key.key)).status_code == 401
    now = datetime.now(UTC)
    headers = {
        "webhook_id": "m1", "webhook_timestamp": str(int(now.timestamp())),
        "webhook_signature": Webhook(key.signing_secret).sign("m1", now, BODY),
    }  # fmt: skip
    assert (await post(door, key.key, **headers)).status_code == 200
    tampered = await post(door, key.key, BODY.replace("Z82BS", "Z82BT"), **headers)
    assert (tampered.status_code, tampered.json()["code"]) == (401, "key_unknown")
    assert [event["number"] for event in await log(settings)] == ["Z82BS"]


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
    assert (wrong.code, "write it as" in wrong.said) == (2, True)
    rotated = await buuta(settings, "carrier", "rotate-key", "vnp", "--overlap-hours", "1")
    assert rotated.said.count("bk_") == rotated.said.count("bw_") == rotated.said.count("bi_") == 1
    revoked = await buuta(settings, "carrier", "key", "revoke", "vnp", "1")
    assert "Key 1 has ended." in revoked.said
    assert (await buuta(settings, "carrier", "key", "revoke", "vnp", "1")).code == 2
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


@pytest.mark.parametrize("kind", list(Kind))
async def test_no_secret_is_stored_in_the_clear(settings: SharedSettings, pool: Any, kind: Kind) -> None:
    await pool.execute("insert into carriers (code, name, format) values ('vnp', 'VNPost', 'buuta')")
    key = await made(settings, pool, Cut(kind))
    row = await pool.fetchrow("select carrier_keys::text as stored from carrier_keys")
    for secret in (key.key, key.signing_secret or key.key):
        assert secret not in row["stored"]
        assert secret.encode().hex() not in row["stored"]
