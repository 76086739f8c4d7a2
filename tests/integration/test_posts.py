"""An item that posts hand over to each other is one parcel; nobody else's scans come near it."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from services.ingest.app import wire as wire_ingest
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import add_carrier, log, ready, spool_is_empty
from tests.integration.parts import chunk, everything, worker
from tests.waiting import until

ITEM = "EE123456785VN"
SENT = [
    {"number": ITEM, "code": "accepted", "occurred_at": "2026-11-20T09:00:00+07:00"},
    {"number": ITEM, "code": "in_transit", "occurred_at": "2026-11-21T09:00:00+07:00"},
]


@pytest.fixture
async def keys(pool: Any) -> dict[str, str]:
    carriers = (
        Carrier("vnpost", "VNPost", "buuta", is_post=True), Carrier("laopost", "Lao Post", "emsevt", is_post=True),
        Carrier("shop", "A shop's own courier", "buuta"),
    )  # fmt: skip
    return {each.code: (await add_carrier(pool, each))[0] for each in carriers}


async def report(settings: SharedSettings, key: str, *items: dict[str, str]) -> None:
    async with wire_ingest(IngestSettings(**settings.model_dump() | {"ingest_patience": 10.0})) as (app, _):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            await until(lambda: ready(client), "ingest is ready")
            answer = await client.post(
                "/v1/scans", json=list(items), headers={"Authorization": f"Bearer {key}"}
            )
            assert [each["result"] for each in answer.json()] == ["accepted"] * len(items)
            await spool_is_empty(settings)


async def tracked(settings: SharedSettings, pool: Any) -> None:
    """Apply the log as the tracker would."""
    records = await everything(settings, settings.events_topic, range(settings.partitions))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [record.value for record in records]))


async def test_two_posts_and_another_carrier_of_the_same_number(
    settings: SharedSettings, pool: Any, keys: dict[str, str]
) -> None:
    await report(settings, keys["vnpost"], *SENT)
    await report(
        settings, keys["laopost"],
        {"number": ITEM, "code": "EMG", "occurred_at": "2026-11-22T09:00:00+07:00"},
        {"number": ITEM, "code": "EDG", "occurred_at": "2026-11-23T09:00:00+07:00"},
        {"number": ITEM, "code": "EMI", "occurred_at": "2026-11-23T11:00:00+07:00"},
    )  # fmt: skip
    await report(
        settings, keys["shop"], {"number": ITEM, "code": "lost", "occurred_at": "2026-11-24T09:00:00+07:00"}
    )
    scans = await log(settings)
    assert sorted((each["carrier"], each["reporter"] or "") for each in scans) == [
        ("s10", "laopost"), ("s10", "laopost"), ("s10", "laopost"), ("s10", "vnpost"), ("s10", "vnpost"),
        ("shop", ""),
    ]  # fmt: skip
    await tracked(settings, pool)
    parcels = await pool.fetch("select parcel_key, status, credited from parcels order by 1")
    assert [tuple(row) for row in parcels] == [
        (f"s10:{ITEM}", "delivered", "laopost"), (f"shop:{ITEM}", "lost", None),
    ]  # fmt: skip
    cells = await pool.fetch("select distinct carrier from rate_cells where accepted > 0 order by 1")
    assert [row["carrier"] for row in cells] == ["laopost", "shop"]
    late = await pool.fetch("select distinct carrier from lateness_cells order by 1")
    assert [row["carrier"] for row in late] == ["laopost", "shop", "vnpost"]


async def test_its_page_is_found_by_either_post_and_a_registration_reaches_it(
    settings: SharedSettings, pool: Any, keys: dict[str, str]
) -> None:
    await report(settings, keys["vnpost"], *SENT)
    await tracked(settings, pool)
    shipper = await add_shipper(pool, "shop", "Shop")
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client,
    ):
        for carrier in ("vnpost", "laopost", "s10"):
            page = await client.get(f"/v1/parcels/{carrier}/{ITEM}")
            assert (page.status_code, page.json()["status"]) == (200, "in_transit")
        assert (await client.get(f"/v1/parcels/shop/{ITEM}")).status_code == 404
        assert (await client.get(f"/v1/numbers/{ITEM}")).json() == ["vnpost"]
        made = await client.post(
            "/v1/parcels", headers={"Authorization": f"Bearer {shipper}"},
            json={"carrier": "laopost", "number": ITEM, "recipient": {"phone": "+84912345678"}},
        )  # fmt: skip
        assert made.status_code == 201

        async def registered() -> bool:
            return any(each.get("registration_id") for each in await log(settings))

        await until(registered, "the registration is in the log")
    assert {each["carrier"] for each in await log(settings)} == {"s10"}


async def test_each_post_reads_what_it_reported_itself(
    settings: SharedSettings, pool: Any, keys: dict[str, str]
) -> None:
    await report(settings, keys["vnpost"], *SENT)
    await tracked(settings, pool)
    async with (
        wire_ingest(IngestSettings(**settings.model_dump() | {"ingest_patience": 10.0})) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        for carrier, count in (("vnpost", 2), ("laopost", 0)):
            headers = {"Authorization": f"Bearer {keys[carrier]}"}
            answer = await client.get("/v1/scans/received", headers=headers)
            assert len(answer.text.splitlines()) == count


async def test_no_carrier_takes_the_name_under_which_posts_share(
    settings: SharedSettings, pool: Any
) -> None:
    ran = await buuta(settings, "carrier", "add", "s10", "--name", "Nobody")
    assert ran.code != 0
    assert "is not s10" in ran.said


@pytest.mark.parametrize(("code", "parcel"), [("shop", True), ("shop", False), ("vnpost", True)])
async def test_a_carrier_with_s10_parcels_neither_becomes_nor_ceases_to_be_a_post(
    settings: SharedSettings, pool: Any, keys: dict[str, str], folder: Path, code: str, *, parcel: bool
) -> None:
    """Its parcels would go on under another key. Its neighbours are entered, and so it is once it has none."""
    path = folder / "register.csv"
    flag = code == "shop"
    path.write_text(f"code,name,is_post\n{code},New name,{flag}\nlaopost,Lao Post,yes\n")
    if parcel:
        await report(settings, keys[code], *SENT)
        await tracked(settings, pool)
    else:
        await pool.execute("insert into shippers (code, name) values ('s', 's')")
        await pool.execute(
            "insert into registrations (registration_id, shipper, carrier, number, version, language, owner)"
            " values (gen_random_uuid(), 's', $1, $2, 1, 'vi', $1)", code, ITEM,
        )  # fmt: skip
    ran = await buuta(settings, "carrier", "import", str(path))
    assert (ran.code, "0 entered, 1 changed" in ran.said, f"{code} was not changed" in ran.said) == (
        1,
        True,
        True,
    )
    for table in ("parcels", "scans", "registrations"):
        await pool.execute(f"delete from {table}")
    assert (await buuta(settings, "carrier", "import", str(path))).code == 0
    assert await pool.fetchval("select is_post from carriers where code = $1", code) == flag
