"""A number that is used again: who registered its old parcel hears nothing of the new one, whoever writes what."""

from typing import Any, Final

import pytest

from buuta.model.scan import Registration
from buuta.model.times import DAY_MS
from buuta.settings import SharedSettings
from services.tracker.domain.tell import told_ids
from services.tracker.storage import load_parcels
from tests.integration.command import buuta
from tests.integration.doors import Door
from tests.integration.parts import chunk, milestones, worker
from tests.integration.test_portal import log
from tests.integration.test_standing import Shops, shops
from tests.scans import MORNING, scan

__all__ = ["shops"]
AGO: Final = 400 * DAY_MS
DAY: Final = 24


@pytest.fixture
async def old(settings: SharedSettings, pool: Any, shops: Shops) -> str:
    """The path of a registration whose parcel ended long ago, and whose number is under way again."""
    made = (await shops.register("shop", destination={"province": "79"})).json()["registration_id"]
    await pool.execute("update registrations set registered_at = registered_at - $1::bigint", AGO)
    async with worker(settings, pool) as tracker:
        ended = (scan("accepted", -300 * DAY), scan("delivered", -299 * DAY), scan("accepted", -1))
        await tracker.handle(chunk(settings, 0, ended))
    return f"/v1/parcels/{made}"


async def told(settings: SharedSettings, pool: Any, versions: int) -> set[str]:
    """Whose recipients hear of the new parcel, by the registrations that lie in the log.

    The first version is as old there as `old` made it in the table.
    """
    first, *others = [Registration(**each) for each in await log(settings, versions)]
    said = [first._replace(registered_at=first.registered_at - AGO), *others]
    start = await pool.fetchval("select max(position) from progress")
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, start, said))
    shop_of = {each.registration_id: each.shipper for each in said}
    parcel = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    assert parcel.epoch == 2
    return {shop_of[each] for each in told_ids(parcel)}


async def test_naming_the_new_parcels_shipper_moves_no_registration_of_the_old_one(
    settings: SharedSettings, pool: Any, shops: Shops, old: str
) -> None:
    await pool.execute("update registrations set confirmed = true")
    await shops.register("other", destination={"province": "01"})
    assert (await buuta(settings, "shipper", "confirm", "ghn/z82bs", "other")).code == 0
    assert await told(settings, pool, 3) == {"other"}
    rows = await pool.fetch("select shipper, version, confirmed from registrations order by shipper")
    assert [tuple(row) for row in rows] == [("other", 2, True), ("shop", 1, True)]


async def test_a_change_of_a_past_parcels_registration_is_refused_and_its_withdrawal_stays_in_the_past(
    settings: SharedSettings, pool: Any, shops: Shops, old: str
) -> None:
    await shops.register("other")
    for change in ({}, {"service": "express"}, {"recipient": {"phone": "+84912345678"}}):
        answer = await shops.ask("shop", "PATCH", old, change)
        assert (answer.status_code, answer.json()["code"]) == (409, "parcel_ended")
    assert (await shops.ask("shop", "DELETE", old)).status_code == 200
    assert await told(settings, pool, 3) == {"other"}
    [withdrawn] = [each for each in await log(settings, 3) if each["withdrawn"]]
    assert withdrawn["registered_at"] == await pool.fetchval(
        "select registered_at from registrations where shipper = 'shop'"
    )
    assert withdrawn["registered_at"] < MORNING - 300 * DAY_MS


@pytest.mark.parametrize("withdrawn_first", [True, False])
async def test_who_registers_anew_is_of_the_new_parcel_with_a_new_recipient(
    settings: SharedSettings, pool: Any, shops: Shops, old: str, *, withdrawn_first: bool
) -> None:
    if withdrawn_first:
        await shops.ask("shop", "DELETE", old)
    again = await shops.register("shop")
    assert (again.status_code, again.json()["standing"]) == (201, "first")
    assert (await shops.register("shop")).status_code == 409, "once"
    assert await pool.fetchval("select count(*) from persons") == 1, "the old recipient is erased"
    assert await told(settings, pool, again.json()["version"]) == {"shop"}
    assert (await shops.ask("shop", "PATCH", old, {"service": "express"})).status_code == 200


async def test_a_past_parcels_registration_waits_for_nobodys_word(
    settings: SharedSettings, pool: Any, door: Door, shops: Shops
) -> None:
    """Nor is it listed as one that does: to its shipper, to the carrier, to an operator."""
    for shop in ("other", "shop"):
        await shops.register(shop)
    assert await waits(settings, shops, door) == [True] * 3
    await pool.execute("update registrations set registered_at = registered_at - $1::bigint", AGO)
    async with worker(settings, pool) as tracker:
        ended = (scan("accepted", -300 * DAY), scan("delivered", -299 * DAY), scan("accepted", -1))
        await tracker.handle(chunk(settings, 0, ended))
    assert await waits(settings, shops, door) == [False] * 3
    for shop in ("third", "greedy"):
        await shops.register(shop)
    assert await waits(settings, shops, door) == [False, True, True], "those of its next parcel do"
    assert len((await shops.ask("shop", "GET", "/v1/registrations")).json()) == 1


async def waits(settings: SharedSettings, shops: Shops, door: Door) -> list[bool]:
    """Whether the shop, the carrier and an operator see a registration that waits for the carrier's word."""
    own = (await shops.ask("shop", "GET", "/v1/registrations?unconfirmed=true")).json()
    headers = {"Authorization": f"Bearer {door.secrets['ghn'][0]}"}
    carriers = (await door.client.get("/v1/registrations/unconfirmed", headers=headers)).json()
    said = (await buuta(settings, "shipper", "unconfirmed")).said
    return [bool(own), bool(carriers), "Z82BS" in said]


async def test_all_versions_of_a_registration_are_as_old_as_the_first(
    settings: SharedSettings, shops: Shops
) -> None:
    made = await shops.register("shop")
    path = f"/v1/parcels/{made.json()['registration_id']}"
    assert (await shops.ask("shop", "PATCH", path, {"service": "express"})).status_code == 200
    assert (await shops.ask("shop", "DELETE", path)).status_code == 200
    assert len({each["registered_at"] for each in await log(settings, 3)}) == 1


async def test_registered_again_and_accepted_again_within_180_days_is_the_same_shops_next_parcel(
    settings: SharedSettings, pool: Any, shops: Shops
) -> None:
    """Under way a number is registered once; when its parcel has ended its shop may register it again."""
    await shops.register("shop", destination={"province": "79"})
    registered_at = await pool.fetchval(
        "update registrations set registered_at = registered_at - $1::bigint returning registered_at",
        70 * DAY_MS,
    )
    assert (await shops.register("shop")).status_code == 409
    registered = (registered_at - MORNING) / 3_600_000
    first_journey = (scan("accepted", registered + 5 * DAY), scan("delivered", registered + 7 * DAY))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, first_journey))
    again = await shops.register("shop", destination={"province": "01"})
    assert again.status_code == 201, again.text
    assert (await shops.register("shop")).status_code == 409, "once is enough"
    first, anew = [Registration(**each) for each in await log(settings, 2)]
    first = first._replace(registered_at=first.registered_at - 70 * DAY_MS)
    accepted = scan("accepted", (anew.registered_at - MORNING) / 3_600_000 + 1)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 2, (first, anew)))
        waiting = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
        await tracker.handle(chunk(settings, 4, (accepted,)))
    parcel = (await load_parcels(pool, ["ghn:Z82BS"]))["ghn:Z82BS"]
    assert (waiting.epoch, parcel.epoch, parcel.status, parcel.dest_province) == (1, 2, "accepted", "01")
    assert told_ids(parcel) == [anew.registration_id]
    records = await milestones(settings)
    tellings = {each["milestone_id"]: (each["action"], each["kind"], each["epoch"]) for each in records}
    assert list(tellings.values()) == [
        ("joined", "accepted", 1), ("joined", "delivered", 1), ("retold", "delivered", 1),
        ("joined", "accepted", 2),
    ], "made anew it hears nothing of the parcel before"  # fmt: skip
    assert (await shops.register("shop")).status_code == 409, "it is under way"
