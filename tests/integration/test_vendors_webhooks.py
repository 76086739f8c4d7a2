"""Vendors' webhooks through the door: signed, of several events, in XML, by GET and PUT, with the wanted reply."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.storage.vault import Vault, read_master_key
from services.ingest.app import wire
from services.ingest.carriers.pairs import Pair
from services.ingest.domain.keys import Kind
from services.ingest.domain.recipe import Recipe
from services.ingest.registry.locksmith import Cut, Locksmith
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier, add_carrier
from tests.examples import EXAMPLE_PAIRS, EXAMPLES, FOLDER, SECRET, request_of
from tests.golden import named
from tests.integration.command import buuta
from tests.integration.doors import inside, log, quarantined, served

LOCAL = {
    "byget": (
        'title = "It asks by GET"\nversion = "1"\nidentity = ["number", "code", "time"]\n'
        '[fields]\nnumber = "no"\ncode = "st"\ntime = "at"\n[times]\nforms = ["epoch_s"]\n'
        '[webhook]\nmethods = ["GET", "PUT"]\nreply_text = "OK ${no}"\nreply_type = "text/plain"\n'
        '[webhook.signature]\nkind = "token"\nquery = "key"\n'
    ),
    "stubborn": (
        'title = "It repeats for ever"\nversion = "1"\nidentity = ["number", "code", "time"]\n'
        '[fields]\nnumber = "no"\ncode = "st"\ntime = "at"\n'
        '[webhook]\nnever_refuse = true\nreply = { code = "success" }\n'
    ),
}


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, and two formats of this file."""
    folder = tmp_path_factory.mktemp("recipes")
    for each in FOLDER.iterdir():
        (folder / each.name).symlink_to(each)
    for name, recipe in LOCAL.items():
        (folder / name).mkdir()
        (folder / name / "recipe.toml").write_text(recipe)
        (folder / name / "codes.csv").write_text("code,status\n5,delivered\n")
    return folder


@pytest.fixture
async def client(settings: SharedSettings, pool: Any, more: Path) -> AsyncIterator[httpx.AsyncClient]:
    own = IngestSettings(**settings.model_dump() | {"ingest_recipes": more})
    async with served(wire, own) as client:
        yield client


def smith_on(settings: SharedSettings, pool: Any) -> Locksmith:
    return Locksmith(pool, Vault(read_master_key(settings.master_key)), "a test")


async def address(
    settings: SharedSettings, pool: Any, format_name: str, secret: str | None = SECRET
) -> str:
    """The webhook of a carrier of this format, whose token knows what the vendor signs with."""
    await add_carrier(pool, Carrier("vendor", "A vendor", format_name))
    cut = Cut(Kind.WEBHOOK, vendor_secret=secret)
    made = await smith_on(settings, pool).make("vendor", cut)
    return f"/v1/webhooks/{made.key}/{format_name}"


def body_of(recipe: Recipe, pair: Pair) -> bytes:
    if pair.body:
        return pair.body.encode()
    if recipe.webhook is not None and recipe.webhook.body == "form":
        return urlencode({"DataSign": "x", "sign": "x", **dict(pair.payload)}).encode()
    return json.dumps(pair.payload).encode()


def wanted_of(recipe: Recipe, pair: Pair) -> int:
    assert recipe.webhook is not None
    if pair.becomes == "rejected":
        return 400
    return recipe.webhook.reply.status if recipe.webhook.reply is not None else 200


@pytest.mark.parametrize("recipe", EXAMPLES.values(), ids=named)
async def test_a_public_format_through_its_webhook(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any, recipe: Recipe
) -> None:
    """Every pair of it, signed as the vendor's document says."""
    url = await address(settings, pool, recipe.format)
    pairs = [pair for own, pair in EXAMPLE_PAIRS if own is recipe]
    for pair in pairs:
        answer = await client.post(url, **request_of(recipe, pair, body_of(recipe, pair)))
        assert answer.status_code == wanted_of(recipe, pair), (pair.name, answer.text)
        assert pair.reply in (None, answer.json() if pair.reply else None)
    expected = [each for pair in pairs for each in pair.expected]
    events = {
        (event["number"], event["occurred_at"], event["raw_code"]): event for event in await log(settings)
    }
    scans = [each.scan for each in expected if each.becomes == "accepted"]
    for scan in scans:
        found = [event for event in events.values() if {name: event[name] for name in scan} == dict(scan)]
        assert len(found) == 1, scan
    told = {(scan["number"], scan["occurred_at"], scan.get("raw_code", scan["status"])) for scan in scans}
    assert len(events) == len(told)
    kept = await quarantined(settings, pool)
    assert len(kept) == sum(each.becomes in ("quarantined", "rejected") for each in expected)
    assert not any(SECRET.encode() in each.said for each in kept)


async def test_what_its_vendor_has_not_signed_is_refused_and_nothing_of_it_is_kept(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = EXAMPLES["easypost"]
    pair = next(pair for own, pair in EXAMPLE_PAIRS if own is recipe)
    url = await address(settings, pool, "easypost")
    signed = request_of(recipe, pair, body_of(recipe, pair))
    forged = {**signed, "content": signed["content"].replace(b"EZ4000000004", b"EZ4000000005")}
    for request in (forged, {**signed, "headers": {}}, {**forged, "content": b"{"}):
        answer = await client.post(url, **request)
        assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
        assert SECRET not in answer.text
    assert (await log(settings), await quarantined(settings, pool)) == ([], [])
    assert SECRET not in caplog.text
    assert (await client.post(url, **signed)).status_code == 200
    metrics = (await inside(client).get("/metrics")).text
    assert 'reason="signature_invalid"' in metrics or 'why="signature_invalid"' in metrics


async def test_a_token_without_the_vendors_secret_says_how_to_make_one_that_has(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    answer = await client.post(await address(settings, pool, "easypost", None), json={})
    assert answer.status_code == 401
    assert "--vendor-secret-file" in answer.json()["detail"]


async def test_the_command_makes_a_token_that_knows_the_vendors_secret(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any, more: Path, tmp_path: Path
) -> None:
    own = IngestSettings(**settings.model_dump() | {"ingest_recipes": more})
    added = await buuta(own, "carrier", "add", "pathao", "--name", "Pathao", "--format", "pathao")
    assert "--vendor-secret-file" in added.said
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    made = ("carrier", "key", "add", "pathao", "--vendor-secret-file", str(secret))
    assert (await buuta(own, *made)).code != 0, "an API key signs nothing"
    shown = await buuta(own, *made, "--kind", "webhook")
    assert SECRET not in shown.said
    [token] = re.findall(r"bw_\S+", shown.said)
    recipe = EXAMPLES["pathao"]
    pair = next(pair for own, pair in EXAMPLE_PAIRS if own is recipe)
    answer = await client.post(
        f"/v1/webhooks/{token}/pathao", **request_of(recipe, pair, body_of(recipe, pair))
    )
    assert answer.status_code == 202
    assert SECRET.encode() not in b"".join(
        await pool.fetchval("select array_agg(sealed) from carrier_keys where sealed is not null")
    )


async def test_a_rotated_token_keeps_the_vendors_secret(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    await address(settings, pool, "pathao")
    [made] = await smith_on(settings, pool).rotate("vendor", 0)
    recipe = EXAMPLES["pathao"]
    pair = next(pair for own, pair in EXAMPLE_PAIRS if own is recipe)
    url = f"/v1/webhooks/{made.key}/pathao"
    answer = await client.post(url, **request_of(recipe, pair, body_of(recipe, pair)))
    assert answer.status_code == 202
    assert answer.headers["x-pathao-merchant-webhook-integration-secret"].startswith("f3992ecc")


async def test_get_and_put_where_the_recipe_says_so_and_nothing_else(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    url = await address(settings, pool, "byget")
    report = {"no": "123456789", "st": "5", "at": "1795487400"}
    answer = await client.get(url, params={**report, "key": SECRET})
    assert (answer.status_code, answer.text) == (200, "OK 123456789")
    assert answer.headers["content-type"].startswith("text/plain")
    answer = await client.put(url, params={"key": SECRET}, json={**report, "no": "123456788"})
    assert (answer.status_code, answer.text) == (200, "OK 123456788")
    assert len(await log(settings)) == 2
    refused = await client.post(url, params={"key": SECRET}, json=report)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PUT")
    described = (await inside(client).get("/openapi.json")).json()["paths"]["/v1/webhooks/{token}/byget"]
    assert sorted(described) == ["get", "put"]
    unread = await client.get(url, params={"no": "1", "key": SECRET})
    assert unread.status_code == 400
    [kept] = await quarantined(settings, pool)
    assert SECRET.encode() not in kept.said


async def test_one_wrong_event_beside_good_ones_is_kept_and_the_body_is_not_asked_for_again(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    url = await address(settings, pool, "royalmail", None)
    good = {"eventCode": "EVKSP", "eventDateTime": "2026-10-21T11:00:00+01:00"}
    body = {
        "mailPieces": {
            "mailPieceId": "090367574000000FE1E1B",
            "events": [good, {**good, "eventDateTime": "x"}],
        }
    }
    answer = await client.post(url, json=body)
    assert answer.status_code == 200
    assert [each["result"] for each in answer.json()["results"]] == ["accepted", "rejected"]
    assert len(await quarantined(settings, pool)) == 1
    again = await client.post(url, json=[body, body])
    assert [each["result"] for each in again.json()["results"]] == [
        "accepted", "rejected", "duplicate", "rejected",
    ]  # fmt: skip


async def test_who_repeats_for_ever_hears_what_it_wants_whatever_it_sends(
    client: httpx.AsyncClient, settings: SharedSettings, pool: Any
) -> None:
    url = await address(settings, pool, "stubborn", None)
    for body in (b"{", b"[1]", b"{}"):
        answer = await client.post(url, content=body)
        assert (answer.status_code, answer.json()) == (200, {"code": "success"})
    assert len(await quarantined(settings, pool)) == 3
