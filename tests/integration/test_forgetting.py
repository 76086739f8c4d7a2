"""`buuta forget` erases all that is personal of a parcel, leaves its neighbours, and says what it does not know."""

import json
from typing import Any

import httpx

from buuta.settings import SharedSettings
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, quarantined

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
    assert (ran.code, "nothing is known of vnp/Z82BS" in ran.said) == (2, True), ran.said
