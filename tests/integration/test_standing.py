"""A parcel's registrations: which of them steers, who may make how many, and what a race of two comes to."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.storage import windows
from buuta.storage.vault import Vault
from buuta.storage.windows import window
from buuta.telemetry.clock import now_ms
from services.ingest.domain.keys import Kind
from services.ingest.registry.locksmith import Cut, Locksmith
from services.ingest.storage import Carrier
from services.portal import limits
from services.portal.app import wire
from services.portal.limits import MOST_VERSIONS
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import Door, add_carrier, served
from tests.integration.parts import chunk, everything, waits_for_a_lock, worker
from tests.integration.test_portal import log
from tests.scans import scan
from tests.waiting import until

PARCEL: dict[str, Any] = {"carrier": "ghn", "number": "Z82BS"}
LIMITS: dict[str, Any] = {
    "parcel_registrations": 2, "unconfirmed_per_day": 2, "recipient_registrations_per_hour": 3,
    "changes_per_day": 4, "recipient_changes_per_day": 2,
}  # fmt: skip


class Shops:
    """Several shippers at one portal."""

    def __init__(self, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self._client = client
        self._keys = keys
        self._phones = iter(range(10**7))

    async def ask(self, shop: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._keys[shop]}"}
        return await self._client.request(method, path, json=body, headers=headers)

    async def register(self, shop: str, **change: Any) -> httpx.Response:
        recipient = {"recipient": {"phone": f"+849{next(self._phones):08}"}}
        return await self.ask(shop, "POST", "/v1/parcels", PARCEL | recipient | change)

    async def standing(self, shop: str) -> list[str]:
        return [each["standing"] for each in (await self.ask(shop, "GET", "/v1/registrations")).json()]


@asynccontextmanager
async def opened(settings: SharedSettings, pool: Any, **limits: Any) -> AsyncIterator[Shops]:
    for code in ("ghn", "vnp"):
        await pool.execute(
            "insert into carriers (code, name, format) values ($1, $1, 'buuta') on conflict do nothing",
            code,
        )
    keys = {code: await add_shipper(pool, code, code) for code in ("shop", "other", "third", "greedy")}
    async with served(wire, PortalSettings(**settings.model_dump(), **limits)) as client:
        yield Shops(client, keys)


@pytest.fixture
async def shops(settings: SharedSettings, pool: Any) -> AsyncIterator[Shops]:
    async with opened(settings, pool, **LIMITS) as made:
        yield made


async def test_a_second_shops_registration_is_unconfirmed_and_listed(
    settings: SharedSettings, shops: Shops
) -> None:
    first, second = await shops.register("shop"), await shops.register("other")
    assert [each.json()["standing"] for each in (first, second)] == ["first", "unconfirmed"]
    path = f"/v1/parcels/{second.json()['registration_id']}"
    assert (await shops.ask("other", "PATCH", path, {})).json()["standing"] == "unconfirmed"
    listed = (await shops.ask("other", "GET", "/v1/registrations?unconfirmed=true")).json()
    assert [each["registration_id"] for each in listed] == [second.json()["registration_id"]]
    assert (await shops.ask("shop", "GET", "/v1/registrations?unconfirmed=true")).json() == []
    said = (await buuta(settings, "shipper", "unconfirmed", "--carrier", "ghn")).said
    assert "other" in said
    assert "Z82BS" in said


async def test_what_a_carrier_confirms_goes_before_and_the_log_says_so(
    settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    await shops.register("other", destination={"province": "79"})
    assert (await buuta(settings, "shipper", "link", "nobody", "ghn")).code != 0
    assert (await buuta(settings, "shipper", "link", "shop", "ghn")).code == 0
    real = await shops.register("shop", destination={"province": "01"})
    assert real.json()["standing"] == "confirmed"
    assert await shops.standing("other") == ["unconfirmed"]
    assert sorted(each["confirmed"] for each in await log(settings, 2)) == [False, True]
    records = await everything(settings, settings.events_topic, range(settings.partitions))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [*(each.value for each in records), scan("accepted", 0)]))
    found = await pool.fetchrow(
        "select dest_province, registration_id from parcels where parcel_key = 'ghn:Z82BS'"
    )
    assert tuple(found) == ("01", real.json()["registration_id"])


@pytest.mark.parametrize("code", ["lan@example.vn", "0912345678", "Nguyễn Lan", "", "a b", "a" * 41])
async def test_a_shippers_code_is_a_code_since_it_goes_into_the_log(
    settings: SharedSettings, pool: Any, code: str
) -> None:
    ran = await buuta(settings, "shipper", "add", code, "--name", "Shop")
    assert (ran.code, "a shipper's code has" in ran.said) == (1, True), ran.said
    assert await pool.fetchval("select count(*) from shippers") == 0


async def test_of_two_shops_that_a_carrier_knows_the_second_is_behind_and_listed(
    settings: SharedSettings, shops: Shops
) -> None:
    for shop in ("shop", "other"):
        await buuta(settings, "shipper", "link", shop, "ghn")
        assert (await shops.register(shop)).json()["standing"] == "confirmed"
    behind = {shop: (await shops.ask(shop, "GET", "/v1/registrations?unconfirmed=true")).json()
              for shop in ("shop", "other")}  # fmt: skip
    assert [len(behind[shop]) for shop in behind] == [0, 1]
    assert "other" in (await buuta(settings, "shipper", "unconfirmed")).said


async def test_an_operator_names_a_parcels_shipper_and_every_registration_of_it_follows(
    settings: SharedSettings, shops: Shops
) -> None:
    await shops.register("other")
    await shops.register("shop")
    await buuta(settings, "shipper", "link", "other", "ghn")
    for named, behind in (("other", "shop"), ("shop", "other")):
        assert (await buuta(settings, "shipper", "confirm", "ghn/z82bs", named)).code == 0
        assert (await shops.standing(named), await shops.standing(behind)) == (
            ["confirmed"],
            ["unconfirmed"],
        )
    assert sorted((each["shipper"], each["version"], each["confirmed"]) for each in await log(settings, 5)) == [
        ("other", 1, False), ("other", 2, True), ("other", 3, False), ("shop", 1, False), ("shop", 2, True),
    ]  # fmt: skip
    assert (await buuta(settings, "shipper", "confirm", "ghn/z82bs", "nobody")).code != 0


async def test_a_number_that_is_used_again_has_a_first_registration_again(
    settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    await shops.register("shop")
    await pool.execute("update registrations set registered_at = registered_at - 400 * 86400000::bigint")
    ended = (scan("accepted", -300 * 24), scan("delivered", -300 * 24 + 1))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, ended))
    assert (await shops.register("other")).json()["standing"] == "first"


async def test_registrations_without_the_carriers_word_are_few_by_parcel_and_by_shop_and_day(
    settings: SharedSettings, shops: Shops
) -> None:
    for shop in ("shop", "other"):
        assert (await shops.register(shop)).status_code == 201
    full = await shops.register("third")
    assert (full.status_code, full.json()["code"]) == (409, "registered_by_many")
    await buuta(settings, "shipper", "link", "third", "ghn")
    assert (await shops.register("third")).json()["standing"] == "confirmed", "who is known always has room"
    numbers = ("P11", "P12", "P13")
    for number in numbers:
        await shops.register("shop", number=number)
    answers = [await shops.register("greedy", number=number) for number in numbers]
    assert [each.status_code for each in answers] == [201, 201, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await shops.register("greedy", number="MINE1")).status_code == 201


async def test_a_recipient_is_registered_only_so_often_by_a_shop_and_no_other_shop_is_refused(
    shops: Shops, pool: Any
) -> None:
    victim = {"phone": "+84912345678"}
    answers = await asyncio.gather(
        *(shops.register("shop", number=f"V{place}", recipient=victim) for place in range(10, 22))
    )
    assert sorted(each.status_code for each in answers) == [201] * 3 + [429] * 9
    assert (await shops.register("other", number="V22", recipient=victim)).status_code == 201
    assert "912345678" not in repr([dict(row) for row in await pool.fetch("select * from window_counts")])
    own = await shops.register("shop")
    path = f"/v1/parcels/{own.json()['registration_id']}"
    assert (await shops.ask("shop", "PATCH", path, {"recipient": victim})).status_code == 429
    assert (await shops.ask("shop", "DELETE", path)).status_code == 200, "to withdraw is always possible"


async def test_a_registrations_recipient_is_named_anew_only_so_often(shops: Shops) -> None:
    path = f"/v1/parcels/{(await shops.register('shop')).json()['registration_id']}"
    change = {"recipient": {"phone": "+84912345678"}}
    assert (await shops.ask("shop", "PATCH", path, change)).status_code == 200
    assert (await shops.ask("shop", "DELETE", path)).status_code == 200
    assert (await shops.register("shop")).status_code == 201, "the second: by another way"
    change = {"recipient": {"phone": "+84912345678", "email": "lan@example.vn"}}
    assert (await shops.ask("shop", "PATCH", path, change)).status_code == 429
    assert (await shops.register("other")).status_code == 201


async def test_a_registration_is_changed_only_so_often(shops: Shops) -> None:
    made = (await shops.register("shop")).json()["registration_id"]
    changes = [{"service": service} for service in ("express", "economy", "standard", "freight", "public")]
    answers = [await shops.ask("shop", "PATCH", f"/v1/parcels/{made}", change) for change in changes]
    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]


async def test_a_registration_has_so_many_versions_in_its_life_and_can_always_be_withdrawn(
    shops: Shops, settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tracker looks at all that was ever declared of a number; its changes of a day are no end."""
    path = f"/v1/parcels/{(await shops.register('shop')).json()['registration_id']}"
    await pool.execute("update registrations set version = $1", MOST_VERSIONS - 1)
    assert (await shops.ask("shop", "PATCH", path, {"service": "express"})).status_code == 200
    full = await shops.ask("shop", "PATCH", path, {"service": "economy"})
    assert (full.status_code, full.json()["code"]) == (409, "versions_used_up")
    assert (await shops.ask("shop", "PATCH", path, {"service": "express"})).status_code == 200, "no change"
    assert (await buuta(settings, "shipper", "confirm", "ghn/z82bs", "other")).code == 0
    assert (await buuta(settings, "shipper", "confirm", "ghn/z82bs", "shop")).code == 0
    assert (await shops.ask("shop", "DELETE", path)).status_code == 200
    assert (await shops.register("shop")).json()["code"] == "versions_used_up"
    assert await pool.fetchval("select version from registrations") == MOST_VERSIONS + 1


async def test_a_parcel_has_so_many_registrations_those_that_were_withdrawn_among_them(
    shops: Shops, settings: SharedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_OF_A_PARCEL", 2)
    for shop in ("shop", "other"):
        made = await shops.register(shop)
        await shops.ask(shop, "DELETE", f"/v1/parcels/{made.json()['registration_id']}")
    crowded = await shops.register("third")
    assert (crowded.status_code, crowded.json()["code"]) == (409, "registered_by_many")
    await buuta(settings, "shipper", "link", "third", "ghn")
    assert (await shops.register("third")).status_code == 201
    assert (await shops.register("shop")).status_code == 201, "who is among them comes back"


AS_IT_IS: dict[str, Any] = {
    "recipient": {"phone": "+84912345678", "email": "Lan@example.vn", "language": "en"},
    "destination": {"province": "01", "commune": "00070", "digital_address": "9876543210", "latitude": 21.0,
                    "longitude": 105.8},
    "promised_at": "2026-12-01T10:00:00+07:00", "service": "express",
}  # fmt: skip


@pytest.mark.parametrize("named", [(), *((each,) for each in AS_IT_IS), tuple(AS_IT_IS)])
async def test_what_is_named_as_it_is_already_is_no_change(
    settings: SharedSettings, pool: Any, shops: Shops, named: tuple[str, ...]
) -> None:
    """It writes no version, counts for no limit and seals nothing anew."""
    made = (await shops.register("shop", **AS_IT_IS)).json()
    before = await everything_of(pool)
    same = {each: AS_IT_IS[each] for each in named}
    if "promised_at" in same:
        same["promised_at"] = "2026-12-01T03:00:00Z"
    for _ in range(6):
        answer = await shops.ask("shop", "PATCH", f"/v1/parcels/{made['registration_id']}", same)
        assert (answer.status_code, answer.json()) == (200, made)
    assert await everything_of(pool) == before
    assert len(await log(settings, 1)) == 1


async def everything_of(pool: Any) -> list[list[tuple[Any, ...]]]:
    tables = ("registrations", "persons", "parcel_secrets", "window_counts")
    return [[tuple(row) for row in await pool.fetch(f"select * from {table}")] for table in tables]


@pytest.mark.parametrize(
    "change",
    [
        {"recipient": {"phone": "+84912345678", "language": "en"}},
        {"recipient": AS_IT_IS["recipient"] | {"language": "vi"}}, {"destination": {"province": "01"}},
        {"destination": AS_IT_IS["destination"] | {"latitude": 21.1}},
        {"destination": AS_IT_IS["destination"] | {"commune": "00073"}},
        {"promised_at": "2026-12-01T10:00:01+07:00"}, {"service": "standard"},
    ],
)  # fmt: skip
async def test_what_differs_in_anything_is_a_change_of_that_alone(
    pool: Any, shops: Shops, change: dict[str, Any]
) -> None:
    made = (await shops.register("shop", **AS_IT_IS)).json()["registration_id"]
    [before] = await pool.fetch("select contacts, destination from registrations")
    answer = await shops.ask("shop", "PATCH", f"/v1/parcels/{made}", AS_IT_IS | change)
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    [after] = await pool.fetch("select contacts, destination from registrations")
    assert (before["contacts"] != after["contacts"]) == ("recipient" in change)
    assert (before["destination"] != after["destination"]) == ("destination" in change)
    anew = await pool.fetchval("select count(*) from window_counts where what = 'recipient_changes'")
    assert anew == ("recipient" in change)


async def test_who_is_linked_since_is_confirmed_by_a_request_that_changes_nothing_else(
    settings: SharedSettings, shops: Shops
) -> None:
    made = (await shops.register("shop")).json()["registration_id"]
    await buuta(settings, "shipper", "link", "shop", "ghn")
    answers = [await shops.ask("shop", "PATCH", f"/v1/parcels/{made}", {}) for _ in range(2)]
    assert [(each.json()["standing"], each.json()["version"]) for each in answers] == [("confirmed", 2)] * 2


async def test_of_registrations_that_race_one_is_made_and_the_others_hear_that_it_is(shops: Shops) -> None:
    answers = await asyncio.gather(*(shops.register("shop") for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409, 409]
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"already_registered"}


async def test_whose_recipients_change_places_at_once_are_not_in_each_others_way(
    settings: SharedSettings, pool: Any
) -> None:
    """Each seals one person, counts for the shop, and forgets the other: none waits for another in a circle."""
    phones = ("+84911111111", "+84922222222")
    plenty = {"recipient_registrations_per_hour": 1000, "registrations_per_hour": 1000}
    async with opened(settings, pool, **plenty) as shops:
        made = [
            await shops.register("shop", number=f"SWAP{place:02}", recipient={"phone": phones[place % 2]})
            for place in range(12)
        ]
        paths = [f"/v1/parcels/{each.json()['registration_id']}" for each in made]
        for turn in (1, 0):
            answers = await asyncio.gather(
                *(
                    shops.ask("shop", "PATCH", path, {"recipient": {"phone": phones[(place + turn) % 2]}})
                    for place, path in enumerate(paths)
                )
            )
            assert {each.status_code for each in answers} == {200}, [each.text for each in answers]


async def test_counts_of_windows_are_right_side_by_side_and_end(pool: Any) -> None:
    now, subjects = 1_795_480_000_000, [uuid.uuid4().bytes for _ in range(3)]
    hour = [window("recipient", each, now, 1) for each in subjects]

    async def take(order: int) -> None:
        async with pool.acquire() as con, con.transaction():
            await windows.take(con, dict.fromkeys(hour[::order], 1))

    await asyncio.gather(*(take(order) for order in (1, -1) * 10))
    async with pool.acquire() as con:
        assert set((await windows.take(con, dict.fromkeys(hour, 1))).values()) == {21}
        await windows.drop_ended(con, now + 2 * windows.HOUR_MS + windows.KEPT_MS)
    assert await pool.fetchval("select count(*) from window_counts") == 0


async def test_who_withdraws_while_another_registration_of_the_same_person_is_made_hears_no_error(
    shops: Shops, settings: SharedSettings, pool: Any
) -> None:
    """The person's key stays: who looked just before whether anybody needs it, looks again once it holds it."""
    recipient = {"phone": "+84912345678"}
    made = (await shops.register("shop", recipient=recipient)).json()["registration_id"]
    async with pool.acquire() as con, con.transaction():
        person = await con.fetchval("update persons set shipper = shipper returning person_hash")
        withdrawal = asyncio.create_task(shops.ask("shop", "DELETE", f"/v1/parcels/{made}"))
        await until(lambda: waits_for_a_lock(pool), "the withdrawal waits for the person")
        await con.execute(
            "insert into registrations (registration_id, shipper, carrier, number, version, language, person_hash)"
            " values (gen_random_uuid(), 'shop', 'ghn', 'OTHER1', 1, 'vi', $1)", person,
        )  # fmt: skip
    assert (await withdrawal).status_code == 200
    assert await pool.fetchval("select count(*) from persons") == 1


async def test_a_carrier_names_its_parcels_shipper_with_its_own_key(
    door: Door, settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    for shop in ("other", "shop"):
        await shops.register(shop, carrier="vnp")
    headers = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    [behind] = (await door.client.get("/v1/registrations/unconfirmed", headers=headers)).json()
    assert (behind["number"], behind["shipper"]) == ("Z82BS", "shop")
    named = await door.client.put("/v1/parcels/z82bs/shipper", headers=headers, json={"shipper": "shop"})
    assert named.status_code == 202, named.text

    async def followed() -> bool:
        return await shops.standing("shop") == ["confirmed"]

    await until(followed, "the registrations follow")
    assert await shops.standing("other") == ["unconfirmed"]
    nobody = await door.client.put("/v1/parcels/z82bs/shipper", headers=headers, json={"shipper": "nobody"})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "shipper_unknown")
    assert (await buuta(settings, "shipper", "confirm", "vnp/z82bs", "other")).code == 0
    again = await door.client.put("/v1/parcels/z82bs/shipper", headers=headers, json={"shipper": "shop"})
    assert (again.status_code, again.json()["code"]) == (409, "shipper_named"), (
        "an operator has the last word"
    )
    assert await shops.standing("other") == ["confirmed"]


SHARED: dict[str, Any] = {"number": "EE123456785VN"}


@pytest.fixture
async def posts(door: Door, pool: Any) -> Door:
    """Two posts with keys, by which the door learns that they are posts: it has not seen them before."""
    await pool.execute("update carriers set is_post = true where code = 'vnp'")
    made = await Locksmith(pool, Vault(bytes(32)), "a test").make("vnp", Cut(Kind.API))
    door.secrets["vnp"] = (made.key, door.secrets["vnp"][1])
    door.secrets["ems"] = await add_carrier(pool, Carrier("ems", "EMS", "buuta", is_post=True))
    return door


async def reports(settings: SharedSettings, pool: Any, post: str, at: int = -60_000, **more: Any) -> None:
    """A post's scan of the shared parcel, as the tracker keeps it."""
    occurred = now_ms() + at
    made = scan("accepted", carrier="s10", number=SHARED["number"], reporter=post)
    made = made._replace(**more, event_id=uuid.uuid4().hex, occurred_at=occurred, received_at=occurred)
    start = await pool.fetchval("select coalesce(max(position), 0) from progress")
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, start, (made,)))


async def names(posts: Door, post: str, shipper: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {posts.secrets[post][0]}"}
    path = f"/v1/parcels/{SHARED['number']}/shipper"
    return await posts.client.put(path, headers=headers, json={"shipper": shipper})


async def unconfirmed(posts: Door, post: str) -> list[str]:
    headers = {"Authorization": f"Bearer {posts.secrets[post][0]}"}
    found = await posts.client.get("/v1/registrations/unconfirmed", headers=headers)
    return [each["shipper"] for each in found.json()]


async def test_of_posts_that_share_a_parcel_only_one_that_reported_it_has_a_say(
    posts: Door, settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    await buuta(settings, "shipper", "link", "other", "vnp")
    await reports(settings, pool, "ems")
    await shops.register("shop", carrier="ems", **SHARED)
    linked_elsewhere = (await shops.register("other", carrier="vnp", **SHARED)).json()
    assert linked_elsewhere["standing"] == "unconfirmed"
    assert (await unconfirmed(posts, "ems"), await unconfirmed(posts, "vnp")) == (["other"], [])
    await reports(settings, pool, "vnp")
    assert await unconfirmed(posts, "vnp") == ["other"]
    path = f"/v1/parcels/{linked_elsewhere['registration_id']}"
    assert (await shops.ask("other", "PATCH", path, {})).json()["standing"] == "confirmed"
    assert await shops.standing("shop") == ["unconfirmed"]


async def test_a_shipper_has_one_registration_of_a_parcel_under_whichever_post(
    posts: Door, shops: Shops
) -> None:
    made = (await shops.register("greedy", carrier="vnp", **SHARED)).json()
    again = await shops.register("greedy", carrier="ems", **SHARED)
    assert (again.status_code, again.json()["code"]) == (409, "already_registered")
    assert (await shops.register("shop", carrier="ems", **SHARED)).status_code == 201
    await shops.ask("greedy", "DELETE", f"/v1/parcels/{made['registration_id']}")
    back = (await shops.register("greedy", carrier="ems", **SHARED)).json()
    assert (back["registration_id"], back["carrier"], back["version"]) == (
        made["registration_id"], "ems", 3,
    )  # fmt: skip


async def test_whom_a_post_named_that_never_had_the_parcel_keeps_no_post_out_that_has_it(
    posts: Door, settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    assert (await names(posts, "vnp", "other")).status_code == 202
    for shop in ("shop", "other"):
        await shops.register(shop, carrier="ems", **SHARED)
    assert (await names(posts, "ems", "shop")).status_code == 409, "neither has it yet"
    await reports(settings, pool, "ems")
    assert await shops.standing("other") == ["unconfirmed"]
    assert (await names(posts, "ems", "shop")).status_code == 202

    async def followed() -> bool:
        return await shops.standing("shop") == ["confirmed"]

    await until(followed, "the registrations follow")
    await reports(settings, pool, "vnp")
    assert (await names(posts, "vnp", "other")).status_code == 409, "the first that has it has named one"


async def test_whom_a_post_named_or_knows_is_confirmed_once_it_reports_the_parcel(
    posts: Door, settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    await buuta(settings, "shipper", "link", "other", "vnp")
    for shop in ("shop", "other"):
        await shops.register(shop, carrier="ems", **SHARED)
    assert (await names(posts, "ems", "shop")).status_code == 202
    assert [*await shops.standing("shop"), *await shops.standing("other")] == ["first", "unconfirmed"]
    for post, confirmed in (("vnp", "other"), ("ems", "shop")):
        await reports(settings, pool, post)

        async def followed(shop: str = confirmed) -> bool:
            return await shops.standing(shop) == ["confirmed"]

        await until(followed, "the registrations follow")
    assert await shops.standing("other") == ["unconfirmed"], "a naming goes before links"


async def test_what_was_said_of_a_numbers_earlier_parcel_does_not_count(
    posts: Door, settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    await names(posts, "vnp", "other")
    await pool.execute("update parcel_shippers set named_at = named_at - 400 * 86400000::bigint")
    for status, day in (("accepted", 401), ("delivered", 400)):
        await reports(settings, pool, "vnp", -day * 86_400_000, status=status)
    assert (await names(posts, "ems", "shop")).status_code == 202
    await buuta(settings, "shipper", "confirm", f"ems/{SHARED['number']}", "third")
    assert (await names(posts, "ems", "shop")).status_code == 409, "an operator has the last word"
