"""Exact places and free text lie in the vault, never in Kafka; the edge tells the distance to the destination."""

from typing import Any, Final

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.storage.vault import Vault, read_master_key
from services.ingest.keeping import details_of
from services.portal import standing
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, log, spool_is_empty
from tests.integration.parts import database_away, everything
from tests.waiting import until

SECRET: Final = {
    "digital_address": "9876543210", "latitude": 21.028511, "longitude": 105.804817, "plus_code": "7PH82R3Q+C9",
    "note": "left with Canary Nguyen", "proof_links": ["https://pod.example/canary.jpg"],
}  # fmt: skip
CANARIES: Final = ("9876543210", "21.0285", "105.8048", "7PH82R3Q", "Canary", "canary.jpg")


@pytest.fixture
def vault(settings: SharedSettings) -> Vault:
    return Vault(read_master_key(settings.master_key))


async def register(
    settings: SharedSettings, pool: Any, shop: str = "shop", *, known: bool = False, **destination: Any
) -> tuple[str, str]:
    """A registration with its shipper's key; of a shop that the carrier knows or does not."""
    shipper = await add_shipper(pool, shop, shop)
    if known:
        await standing.link(pool, shop, "vnp")
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client,
    ):
        made = await client.post(
            "/v1/parcels", headers={"Authorization": f"Bearer {shipper}"},
            json={"carrier": "vnp", "number": GOOD["number"], "recipient": {"phone": "+84912345678"},
                  "destination": {"province": "01", **destination}},
        )  # fmt: skip
        assert made.status_code == 201, made.text
    return made.json()["registration_id"], shipper


async def withdraw(settings: SharedSettings, registration: str, shipper: str) -> None:
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client,
    ):
        headers = {"Authorization": f"Bearer {shipper}"}
        assert (await client.delete(f"/v1/parcels/{registration}", headers=headers)).status_code == 200


async def test_details_are_kept_encrypted_and_enter_neither_kafka_nor_an_answer(
    door: Door, settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    answer = await door.scans([{**GOOD, **SECRET}])
    assert [each["result"] for each in answer.json()] == ["accepted"]
    await spool_is_empty(settings)
    raw = [
        record.value
        for record in await everything(settings, settings.events_topic, range(settings.partitions))
    ]
    stored = [dict(row) for row in await pool.fetch("select * from event_details")]
    assert len(stored) == 1
    for canary in CANARIES:
        assert canary not in repr([answer.text, raw, stored])
    [kept] = await details_of(pool, vault, f"vnp:{GOOD['number']}")
    assert kept == SECRET
    shown = await buuta(settings, "details", f"vnp/{GOOD['number'].lower()}")
    assert "Canary Nguyen" in shown.said
    assert '"event": "details_shown"' in shown.said, "who looked is logged"


async def test_where_the_destination_is_registered_the_scan_says_how_far_it_was_made(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    await register(settings, pool, latitude=21.03, longitude=105.804817, digital_address="0123456789")
    stored = repr([dict(row) for row in await pool.fetch("select * from registrations")])
    assert "105.8" not in stored
    assert "0123456789" not in stored
    await door.scans([{**GOOD, **SECRET}, {**GOOD, "code": "out_for_delivery"}])

    async def come() -> Any:
        scans = [each for each in await log(settings) if "event_id" in each]
        return scans if len(scans) == 2 else None

    buckets = {
        each["status"]: each["distance_bucket"] for each in await until(come, "both scans are in the log")
    }
    assert buckets == {"delivered": "within_200_m", "out_for_delivery": None}


@pytest.mark.parametrize("known", [False, True])
async def test_another_shops_destination_measures_nothing(
    door: Door, settings: SharedSettings, pool: Any, *, known: bool
) -> None:
    """The first registration says no place, and nobody else's says one for it, whatever its version.

    Also where the carrier knows both shops: of several that are confirmed the first steers.
    """
    await register(settings, pool, known=known)
    await register(settings, pool, "other", known=known, latitude=21.0285, longitude=105.8048)
    await pool.execute("update registrations set version = 9 where shipper = 'other'")
    await door.scans([{**GOOD, **SECRET}])

    async def came() -> Any:
        return [each for each in await log(settings) if "event_id" in each]

    assert [each["distance_bucket"] for each in await until(came, "the scan is in the log")] == [None]


async def test_a_withdrawal_erases_what_the_registration_sealed_and_no_carriers_proofs(
    door: Door, settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    registration, shipper = await register(settings, pool, latitude=21.03, longitude=105.8)
    await door.scans([{**GOOD, **SECRET}])
    await withdraw(settings, registration, shipper)
    left = await pool.fetchrow("select destination, contacts, person_hash from registrations")
    assert (*left, await pool.fetchval("select count(*) from persons")) == (None, None, None, 0)
    [kept] = await details_of(pool, vault, f"vnp:{GOOD['number']}")
    assert kept == SECRET


async def test_a_parcel_is_forgotten_by_its_key(door: Door, settings: SharedSettings, pool: Any) -> None:
    await door.scans([{**GOOD, **SECRET}])
    assert (await buuta(settings, "forget", f"vnp/{GOOD['number']}")).code == 0
    assert "forgotten" in (await buuta(settings, "details", f"vnp/{GOOD['number']}")).said
    assert (await buuta(settings, "details", GOOD["number"])).code != 0


async def test_while_postgresql_is_away_details_wait_encrypted_and_find_their_place(
    door: Door, settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await door.scans([GOOD])
    async with database_away(settings):
        answer = await door.scans([{**GOOD, **SECRET, "code": "out_for_delivery"}])
        assert [each["result"] for each in answer.json()] == ["accepted"]

    async def placed() -> bool:
        return bool(await pool.fetchval("select count(*) from event_details"))

    await until(placed, "the details are in the vault", 60)
    [kept] = await details_of(pool, vault, f"vnp:{GOOD['number']}")
    assert kept == SECRET


async def test_details_of_what_waited_in_quarantine_are_kept_once_it_is_mapped(
    door: Door, settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await door.scans([{**GOOD, **SECRET, "code": "given"}])
    assert await pool.fetchval("select count(*) from event_details") == 0
    ran = await buuta(settings, "quarantine", "map", "buuta", "given", "--status", "delivered")
    assert ran.code == 0, ran.said
    [kept] = await details_of(pool, vault, f"vnp:{GOOD['number']}")
    assert kept["note"] == SECRET["note"]


async def test_the_same_details_again_are_kept_once(pool: Any, door: Door) -> None:
    for _ in range(2):
        await door.scans([{**GOOD, **SECRET}])
    assert await pool.fetchval("select count(*) from event_details") == 1
