"""`buuta forget` erases all that is personal of a parcel, leaves its neighbours, and says what it does not know."""

import asyncio
import json
import uuid
from typing import Any

import httpx

from buuta.audit.forgetting import forget
from buuta.settings import SharedSettings
from buuta.storage import contacts
from buuta.storage.contacts import Contact
from buuta.storage.vault import Vault, read_master_key
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, quarantined
from tests.integration.parts import waits_for_a_lock
from tests.waiting import until

OTHER = {**GOOD, "number": "Z82BSX"}
SECRET = {"latitude": 21.0, "longitude": 105.8, "note": "with chi Lan"}


async def fill(door: Door, settings: SharedSettings, pool: Any) -> None:
    """Everything that is kept of a parcel and of its neighbour, whose number begins alike."""
    shop = {"Authorization": f"Bearer {await add_shipper(pool, 'shop', 'Shop')}"}
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client,
    ):
        for place, item in enumerate((GOOD, OTHER)):
            said = {"carrier": "vnp", "number": item["number"], "recipient": {"phone": f"+8491234567{place}"},
                    "destination": {"province": "01", "latitude": 21.0, "longitude": 105.8}}  # fmt: skip
            again = {"Idempotency-Key": item["number"]}
            made = await client.post("/v1/parcels", headers=shop | again, json=said)
            assert made.status_code == 201, made.text
    key = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    for item in (GOOD, OTHER):
        items = [{**item, **SECRET}, {**item, "code": "handed over", "place": "chi Lan"}]
        content = json.dumps(items).encode()
        await door.client.post(
            "/v1/scans", headers=key | {"Idempotency-Key": item["number"]}, content=content
        )
    said = {"manifest": "M1", "since": "2026-11-24T00:00:00+07:00", "until": "2026-11-25T00:00:00+07:00",
            "numbers": [GOOD["number"], OTHER["number"]]}  # fmt: skip
    assert (await door.client.post("/v1/manifests", headers=key, json=said)).status_code == 201


async def left(pool: Any, settings: SharedSettings) -> dict[str, int]:
    """How much there is of each kind."""
    found = {
        table: await pool.fetchval(f"select count(*) from {table}")
        for table in ("parcel_secrets", "event_details", "persons", "idempotency")
    }
    found["contacts"] = await pool.fetchval("select count(contacts) from registrations")
    found["destinations"] = await pool.fetchval("select count(destination) from registrations")
    found["numbers"] = await pool.fetchval("select cardinality(numbers) from manifests")
    found["reports"] = len(await quarantined(settings, pool))
    return found


async def test_all_that_is_personal_of_a_parcel_goes_and_nothing_of_its_neighbour(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    await fill(door, settings, pool)
    assert set((await left(pool, settings)).values()) == {2}
    ran = await buuta(settings, "forget", f"vnp/{GOOD['number']}")
    assert (ran.code, "Forgotten." in ran.said) == (0, True), ran.said
    assert set((await left(pool, settings)).values()) == {1}
    [kept] = await quarantined(settings, pool)
    assert json.loads(kept.said)["number"] == OTHER["number"]
    again = await buuta(settings, "forget", f"vnp/{GOOD['number']}")
    assert (again.code, "nothing personal to forget" in again.said) == (0, True), again.said


async def test_what_it_does_not_know_it_says(settings: SharedSettings) -> None:
    ran = await buuta(settings, "forget", "vnp/Z82BS")
    assert (ran.code, "there is no carrier 'vnp'" in ran.said) == (1, True), ran.said


REGISTERED = """
insert into registrations
  (registration_id, shipper, carrier, owner, number, version, person_hash, contacts, language)
values ($1, 'shop', 'vnp', 'vnp', $2, 1, $3, $4, 'vi')
"""


async def register(con: Any, vault: Vault, number: str) -> bytes:
    """A registration for the same person; returns the person's hash."""
    own = uuid.uuid4()
    person, sealed = await contacts.store(con, vault, "shop", own, Contact("+84912345678", None, "vi"))
    await con.execute(REGISTERED, own, number, person, sealed)
    return person


async def test_a_person_who_is_registered_meanwhile_is_kept_and_stops_no_forgetting(
    settings: SharedSettings, pool: Any
) -> None:
    vault = Vault(read_master_key(settings.master_key))
    await add_shipper(pool, "shop", "Shop")
    await register(pool, vault, "Z82BS")
    async with pool.acquire() as con:
        async with con.transaction():
            person = await register(con, vault, "Z82BSX")
            forgetting = asyncio.create_task(forget(pool, vault, "vnp:Z82BS"))

            async def waits() -> bool:
                return forgetting.done() or await waits_for_a_lock(pool)

            await until(waits, "the forgetting waits, or is over")
        assert (await forgetting).erased["contacts"] == 1
    kept = await pool.fetch("select number, person_hash from registrations where person_hash is not null")
    assert [tuple(row) for row in kept] == [("Z82BSX", person)]
    assert await pool.fetchval("select count(*) from persons") == 1


async def test_only_the_persons_of_the_parcel_are_looked_at(settings: SharedSettings, pool: Any) -> None:
    vault = Vault(read_master_key(settings.master_key))
    await add_shipper(pool, "shop", "Shop")
    await register(pool, vault, "Z82BS")
    other = Contact("+84987654321", None, "vi")
    person, _ = await contacts.store(pool, vault, "shop", uuid.uuid4(), other)
    await forget(pool, vault, "vnp:Z82BS")
    assert [row["person_hash"] for row in await pool.fetch("select person_hash from persons")] == [person]
