"""Guessing numbers and keys at the doors: a limit, and one answer for what is unknown and what is restricted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.storage.access import Holder, holder_of
from buuta.telemetry.service import http
from buuta.web.guessing import Allowance
from services.ingest.app import wire as wire_ingest
from services.ingest.domain.keys import Kind
from services.ingest.registry.locksmith import Cut
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import Door, add_carrier
from tests.integration.parts import chunk, worker
from tests.integration.test_keys import BODY, made, post
from tests.scans import scan
from tests.waiting import until


async def test_1500_numbers_are_not_guessed_and_404_and_429_are_all_a_guesser_hears(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long it takes here, nothing is given back meanwhile.
    monkeypatch.setattr("services.portal.doors.tracking.NUMBERS", Allowance(60, 0.001))
    await add_carrier(pool, Carrier("ghn", "GHN", "buuta"))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted")]))
    own = PortalSettings(**settings.model_dump() | {"trusted_proxies": "127.0.0.0/8"})
    async with wire_portal(own) as (app, _), http(app, own) as port:
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=60
        ) as client:

            async def ask(path: str, who: str) -> httpx.Response:
                return await client.get(path, headers={"X-Forwarded-For": who})

            paths = ("/v1/parcels/ghn/N{}", "/v1/numbers/N{}", "/t/ghn/N{}", "/t/N{}", "/t/ghn/N{}/events")
            numbers = [paths[place % len(paths)].format(f"{place:06}") for place in range(1_500)]
            heard = await asyncio.gather(*(ask(path, "203.0.113.9") for path in numbers))
            passed = [answer for answer in heard if answer.status_code != 429]
            assert len(passed) == 60
            assert {answer.status_code for answer in passed} <= {200, 404}
            refused = next(answer for answer in heard if answer.status_code == 429)
            assert int(refused.headers["retry-after"]) >= 1
            assert (await ask("/v1/parcels/ghn/Z82BS", "203.0.113.9")).status_code == 429, (
                "nor is it told what is"
            )
            assert (await ask("/v1/parcels/ghn/Z82BS", "198.51.100.7")).status_code == 200, "others go on"


@contextlib.asynccontextmanager
async def portal(settings: SharedSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The portal as everybody at one address sees it."""
    async with wire_portal(PortalSettings(**settings.model_dump())) as (app, _):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
            yield client


async def test_many_people_behind_one_address_read_their_own_parcels_without_end(
    settings: SharedSettings, pool: Any
) -> None:
    await add_carrier(pool, Carrier("ghn", "GHN", "buuta"))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted")]))
    async with portal(settings) as client:
        for place in range(300):
            status = (await client.get("/v1/parcels/ghn/Z82BS")).status_code
            assert (place, status) == (place, 200)


async def test_300_keys_are_not_guessed_and_a_good_one_is_let_in_all_the_same(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    tried = await asyncio.gather(*(post(door, f"bk_{place}") for place in range(300)))
    heard = [answer.status_code for answer in tried]
    assert set(heard) == {401, 429}
    assert heard.count(401) <= 25
    tokens = [door.client.post(f"/v1/webhooks/bw_{place}/ghn", json={}) for place in range(50)]
    assert {answer.status_code for answer in await asyncio.gather(*tokens)} <= {404, 429}
    assert (await post(door, door.secrets["vnp"][0])).status_code == 200


@pytest.mark.parametrize(
    ("find", "path"),
    [("services.portal.storage.shipper_of", "/v1/registrations"),
     ("services.ingest.registry.operators.name_of", "/v1/operations/quarantine")],
)  # fmt: skip
async def test_wrong_keys_of_shippers_and_operators_cost_no_query_beyond_the_limit(
    settings: SharedSettings, find: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    async def counted(_: Any, key: str) -> None:
        looks.append(key)

    monkeypatch.setattr(find, counted)
    kind = PortalSettings if "portal" in find else IngestSettings
    wire: Any = wire_portal if "portal" in find else wire_ingest
    async with (
        wire(kind(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
    ):
        keys = [{"Authorization": f"Bearer k_{place}"} for place in range(100)]
        heard = [(await client.get(path, headers=each)).status_code for each in keys]
    assert set(heard) == {401, 429}
    assert len(looks) == heard.count(401) <= 25


async def test_an_unknown_key_and_one_that_is_restricted_hear_the_same(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    elsewhere = await made(settings, pool, Cut(Kind.API, networks=("203.0.113.0/24",)))
    webhook = await made(settings, pool, Cut(Kind.WEBHOOK))
    heard = [await post(door, key) for key in ("bk_nobody", elsewhere.key, webhook.key)]
    assert {(each.status_code, each.content) for each in heard} == {(401, heard[0].content)}
    assert {tuple(sorted(each.headers.items())) for each in heard} == {
        tuple(sorted(heard[0].headers.items()))
    }


async def test_the_client_is_whom_a_trusted_proxy_names_and_nobody_else_is_believed(
    settings: SharedSettings, pool: Any
) -> None:
    """A key that is used from 203.0.113.0/24 alone: what X-Forwarded-For says counts by the setting alone."""
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    key = await made(settings, pool, Cut(Kind.API, networks=("203.0.113.0/24",)))
    for proxies, said, status in (("", "203.0.113.9", 401), ("127.0.0.1", "203.0.113.9", 200),
                                  ("127.0.0.1", "203.0.113.9, 198.51.100.1", 401),
                                  ("10.0.0.0/8", "203.0.113.9", 401)):  # fmt: skip
        own = IngestSettings(**settings.model_dump() | {"trusted_proxies": proxies})
        async with wire_ingest(own) as (app, _), http(app, own) as port, httpx.AsyncClient() as client:
            headers = {"Authorization": f"Bearer {key.key}", "X-Forwarded-For": said}
            answer = await client.post(f"http://127.0.0.1:{port}/v1/scans", content=BODY, headers=headers)
            assert answer.status_code == status, (proxies, said)


@pytest.mark.parametrize(("kind", "prefix"), [("shipper", "bs_"), ("operator", "bo_")])
async def test_keys_of_shippers_and_operators_are_listed_rotated_expired_and_revoked_by_command(
    settings: SharedSettings, pool: Any, kind: str, prefix: str
) -> None:
    name = ("--name", "Shop") if kind == "shipper" else ()
    added = await buuta(settings, kind, "add", "own", *name)
    first = next(word for word in added.said.split() if word.startswith(prefix))
    rotated = await buuta(settings, kind, "key", "rotate", "own", "--overlap-hours", "1")
    second = next(word for word in rotated.said.split() if word.startswith(prefix))
    assert "3600" in (await buuta(settings, kind, "key", "changes", "own")).said
    third = next(
        word for word in (await buuta(settings, kind, "key", "add", "own", "--days", "30")).said.split()
        if word.startswith(prefix)
    )  # fmt: skip

    async def opens(key: str) -> bool:
        return await holder_of(pool, Holder(kind), key) == "own"

    assert [await opens(each) for each in (first, second, third, "bs_x")] == [True, True, True, False]
    assert await pool.fetchval("select count(*) from access_keys where last_used_at is not null") == 3
    assert (await buuta(settings, kind, "key", "revoke", "own", "1")).code == 0
    assert [await opens(each) for each in (first, second)] == [False, True]
    assert (await buuta(settings, kind, "key", "revoke", "own", "1")).code == 1
    assert (await buuta(settings, kind, "key", "rotate", "nobody")).code == 1
    assert (await buuta(settings, kind, "key", "add", "nobody")).code == 1
    for arguments in (("list",), ("key", "list"), ("key", "list", "own"), ("key", "changes")):
        shown = await buuta(settings, kind, *arguments)
        assert (shown.code, "own" in shown.said, prefix in shown.said) == (0, True, False)
    stored = await pool.fetchval("select string_agg(access_keys::text, '') from access_keys")
    assert not any(secret in stored for secret in (first, second, third))


async def test_a_shippers_key_before_and_after_a_rotation_both_register(
    settings: SharedSettings, pool: Any
) -> None:
    await add_carrier(pool, Carrier("ghn", "GHN", "buuta"))
    keys = [await add_shipper(pool, "shop", "Shop")]
    rotated = await buuta(settings, "shipper", "key", "rotate", "shop")
    keys.append(next(word for word in rotated.said.split() if word.startswith("bs_")))
    async with portal(settings) as client:
        for place, key in enumerate(keys):
            body = {"carrier": "ghn", "number": f"ROT{place}", "recipient": {"phone": "+84912345678"}}
            headers = {"Authorization": f"Bearer {key}"}
            assert (await client.post("/v1/parcels", json=body, headers=headers)).status_code == 201


async def test_one_sender_has_only_so_many_live_pages_and_all_of_them_leave_room(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.portal.live.MOST_OF_ONE", 2)
    monkeypatch.setattr("services.portal.live.MOST_LIVE", 3)
    await add_carrier(pool, Carrier("ghn", "GHN", "buuta"))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [scan("accepted")]))
    own = PortalSettings(**settings.model_dump() | {"trusted_proxies": "127.0.0.0/8"})
    async with (
        wire_portal(own) as (app, _),
        http(app, own) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):

        async def look(open_: contextlib.AsyncExitStack, last: int) -> int:
            of = {"X-Forwarded-For": f"203.0.113.{last}"}
            page = client.stream("GET", "/t/ghn/Z82BS/events", headers=of)
            return (await open_.enter_async_context(page)).status_code

        async with contextlib.AsyncExitStack() as pages:
            assert [await look(pages, last) for last in (1, 1, 1, 2, 3)] == [200, 200, 429, 200, 429]
            assert (await client.get("/t/ghn/Z82BS")).status_code == 200

        async def again() -> bool:
            async with contextlib.AsyncExitStack() as pages:
                return [await look(pages, last) for last in (1, 1, 3)] == [200, 200, 200]

        await until(again, "who leaves makes room")
