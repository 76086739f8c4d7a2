"""One function forgets; another master key does not start; what does not open fails alone; keys are rotated."""

import asyncio
import uuid
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr

from buuta.errors import BadSettings
from buuta.settings import SharedSettings
from buuta.storage import contacts, rotation
from buuta.storage.contacts import Contact, Unreadable
from buuta.storage.unlocking import open_vault, unlock_soon
from buuta.storage.vault import Vault
from services.ingest.app import wire as wire_ingest
from services.ingest.domain.keys import Kind
from services.ingest.keeping import details_of
from services.ingest.quarantine.held import COLUMNS, HeldReport
from services.ingest.registry import polls
from services.ingest.registry.locksmith import Cut, Locksmith, signing_place
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.notifier.app import wire as wire_notifier
from services.notifier.settings import NotifierSettings
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, add_carrier, inside, log
from tests.integration.parts import database_away
from tests.integration.test_notifier import FakeChannel, milestone, plan, sender
from tests.waiting import until

HERE: Final = {"latitude": 21.0285, "longitude": 105.8048}
LATER: Final = {**GOOD, **HERE, "occurred_at": "2026-11-24T10:30:00+07:00", "code": "out_for_delivery"}
KEY: Final = f"vnp:{GOOD['number']}"
SERVICES: Final = (
    (wire_ingest, IngestSettings), (wire_portal, PortalSettings), (wire_notifier, NotifierSettings),
)  # fmt: skip


class Shop:
    """A shipper at the portal."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"}

    async def register(self, **more: Any) -> str:
        said = {"carrier": "vnp", "number": GOOD["number"], "recipient": {"phone": "+84912345678"},
                "destination": {"province": "01", **HERE}} | more  # fmt: skip
        made = await self._client.post("/v1/parcels", headers=self._headers, json=said)
        assert made.status_code == 201, made.text
        return str(made.json()["registration_id"])

    async def withdraw(self, registration: str) -> None:
        answer = await self._client.delete(f"/v1/parcels/{registration}", headers=self._headers)
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def shops(settings: SharedSettings, pool: Any) -> Any:
    keys = [await add_shipper(pool, code, code) for code in ("shop", "other")]
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client,
    ):
        yield [Shop(client, key) for key in keys]


async def distances(settings: SharedSettings) -> dict[str, str | None]:
    """The distance of each scan in the log, by its status."""
    return {each["status"]: each["distance_bucket"] for each in await log(settings) if "event_id" in each}


async def test_a_parcel_that_was_forgotten_is_reported_as_before_and_without_a_distance(
    door: Door, shops: list[Shop], settings: SharedSettings, pool: Any
) -> None:
    await shops[0].register()
    await door.scans([{**GOOD, **HERE}])
    assert (await buuta(settings, "forget", f"vnp/{GOOD['number']}")).code == 0
    answer = await door.scans([LATER, {**GOOD, "number": "N02"}])
    assert (answer.status_code, [each["result"] for each in answer.json()]) == (200, ["accepted"] * 2)
    assert (await distances(settings))["out_for_delivery"] is None
    assert [each["latitude"] for each in await details_of(pool, await open_vault(pool, settings), KEY)] == [
        HERE["latitude"]
    ], "what came after the forgetting lies under a key of the next generation"


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("delete from parcel_secrets", "forgotten"),
        ("update registrations set destination = destination || 'x'", "unopenable"),
        ("update registrations set destination = 'x'", "forgotten"),
    ],
)
async def test_a_destination_that_cannot_be_opened_never_fails_a_report_and_is_counted(
    door: Door, shops: list[Shop], settings: SharedSettings, pool: Any, damage: str, why: str
) -> None:
    await shops[0].register()
    await pool.execute(damage)
    answer = await door.scans([LATER])
    assert (answer.status_code, [each["result"] for each in answer.json()]) == (200, ["accepted"])
    assert await distances(settings) == {"out_for_delivery": None}
    assert (
        f'buuta_ingest_unmeasured_total{{why="{why}"}}' in (await inside(door.client).get("/metrics")).text
    )


async def test_of_two_registrations_one_is_withdrawn_and_the_parcel_is_reported_as_before(
    door: Door, shops: list[Shop], settings: SharedSettings, pool: Any
) -> None:
    ids = [await shop.register() for shop in shops]
    await door.scans([{**GOOD, **HERE}])
    for number, (shop, registration) in enumerate(zip(shops, ids, strict=True)):
        await shop.withdraw(registration)
        answer = await door.scans([{**LATER, "occurred_at": f"2026-11-24T1{number}:45:00+07:00"}])
        assert [each["result"] for each in answer.json()] == ["accepted"]
    assert await pool.fetchval("select count(*) from registrations where destination is not null") == 0
    assert len(await details_of(pool, await open_vault(pool, settings), KEY)) == 3, (
        "proofs are the carrier's"
    )


@pytest.mark.parametrize(("wire", "kind"), SERVICES)
async def test_a_service_with_another_master_key_than_the_databases_does_not_start(
    settings: SharedSettings, pool: Any, wire: Any, kind: Any
) -> None:
    await open_vault(pool, settings)
    other = settings.model_copy(update={"master_key": SecretStr("22" * 32)})
    with pytest.raises(
        BadSettings, match="BUUTA_MASTER_KEY is not the one that this database was written under"
    ):
        async with wire(kind(**other.model_dump())):
            pass
    ran = await buuta(other, "quarantine", "list")
    assert (ran.code, "not the one that this database" in ran.said) == (2, True)
    assert "22" * 32 not in ran.said


async def test_a_command_that_writes_registrations_refuses_another_master_key(
    settings: SharedSettings, pool: Any
) -> None:
    await open_vault(pool, settings)
    other = settings.model_copy(update={"master_key": SecretStr("22" * 32)})
    ran = await buuta(other, "shipper", "confirm", "ghn/Z82BS", "shop")
    assert (ran.code, "BUUTA_MASTER_KEY is not the one" in ran.said) == (2, True), ran.said


async def test_a_wrong_master_key_is_noticed_as_soon_as_postgresql_answers(
    settings: SharedSettings, pool: Any
) -> None:
    await open_vault(pool, settings)
    wrong, failed = Vault(bytes([0x22]) * 32), asyncio.get_running_loop().create_future()
    async with database_away(settings):
        waiting = asyncio.create_task(unlock_soon(pool, wrong, failed))
        await asyncio.wait([waiting], timeout=1)
        assert not failed.done()
    await asyncio.wait_for(waiting, 60)
    assert isinstance(failed.exception(), BadSettings)


async def register_two(settings: SharedSettings, pool: Any, shops: list[Shop]) -> list[Any]:
    """Two registrations of different people, by id, with the vault."""
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    return [
        uuid.UUID(await shops[0].register(number=number, recipient={"phone": phone}))
        for number, phone in (("N0001", "+84912345678"), ("N0002", "+84987654321"))
    ]


async def test_the_contacts_of_two_registrations_do_not_open_when_they_are_swapped(
    settings: SharedSettings, pool: Any, shops: list[Shop]
) -> None:
    one, two = await register_two(settings, pool, shops)
    vault = await open_vault(pool, settings)
    await pool.execute(
        "update registrations r set contacts = o.contacts, person_hash = o.person_hash from registrations o "
        "where r.registration_id = $1 and o.registration_id = $2", one, two,
    )  # fmt: skip
    found = await contacts.load(pool, vault, [one, two])
    assert isinstance(found[one], Unreadable), "not even with the person's key beside it"
    assert found[two] == Contact(phone="+84987654321", email=None, language="vi")


async def old_values(pool: Any, master: bytes) -> list[str]:
    """Every column of every table that holds a value which begins with a master key's id."""
    columns = await pool.fetch(
        "select table_name as t, column_name as c from information_schema.columns "
        "where table_schema = 'public' and data_type = 'bytea'"
    )
    found = []
    for t, c in columns:
        query = f'select exists (select from "{t}" where substr("{c}", 1, 4) = $1)'
        if await pool.fetchval(query, master):
            found.append(f"{t}.{c}")
    return sorted(found)


async def test_keys_are_rotated_while_all_goes_on_and_nothing_stays_under_the_old_one(
    door: Door, shops: list[Shop], settings: SharedSettings, pool: Any
) -> None:
    old = await open_vault(pool, settings)
    registration = await shops[0].register()
    await door.scans([{**GOOD, **HERE}, {**GOOD, "code": "teleported"}])
    signing = await Locksmith(pool, old, "a test").make("vnp", Cut(Kind.SIGNING))
    await polls.ask_at(pool, old, "vnp", "http://vnp.example/", 3600, "the carrier's key")
    before = await old_values(pool, old.master_id)
    assert before == sorted(column.title for column in rotation.COLUMNS), "and each is rotated"

    both = settings.model_copy(
        update={"master_key": SecretStr("22" * 32), "master_key_previous": settings.master_key}
    )
    ran = await buuta(both, "keys", "rotate")
    assert (ran.code, "Nothing is left" in ran.said) == (0, True), ran.said
    assert await old_values(pool, old.master_id) == []

    new = await open_vault(pool, settings.model_copy(update={"master_key": SecretStr("22" * 32)}))
    [contact] = (await contacts.load(pool, new, [uuid.UUID(registration)])).values()
    assert isinstance(contact, Contact)
    assert [each["latitude"] for each in await details_of(pool, new, KEY)] == [HERE["latitude"]]
    [report] = [HeldReport(*row) for row in await pool.fetch(f"select {COLUMNS} from quarantine")]
    assert (report.raw_code(new), b"teleported" in report.opened(new)) == ("teleported", True)
    row = await pool.fetchrow("select hash, sealed from carrier_keys where id = $1", signing.key_id)
    assert new.open_directly(signing_place(row["hash"]), row["sealed"]).decode() == signing.signing_secret
    secret = await pool.fetchval("select secret from polls")
    assert new.open_directly(polls.secret_place("vnp"), secret) == b"the carrier's key"
    assert new.find_by("parcel", KEY) == old.find_by("parcel", KEY), "what was found before is found now"


async def test_a_rotation_goes_past_what_does_not_open_and_says_what_is_left(
    settings: SharedSettings, pool: Any, shops: list[Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 1)
    await register_two(settings, pool, shops)
    await pool.execute("update persons set wrapped_key = wrapped_key || 'x' where person_hash = "
                       "(select min(person_hash) from persons)")  # fmt: skip
    previous = bytes.fromhex(settings.master_key.get_secret_value())
    vault = Vault(bytes([0x22]) * 32, previous)
    rotated = (await rotation.rotate(pool, vault))["persons.wrapped_key"]
    assert (rotated.taken, len(rotated.unopenable)) == (1, 1)
    again = (await rotation.rotate(pool, vault))["persons.wrapped_key"]
    assert (again.taken, len(again.unopenable)) == (0, 1), "only what is left is tried again"
    left = [each for each in await rotation.standing(pool) if each.master != vault.master_id.hex()]
    assert [(each.title, each.values) for each in left] == [("persons.wrapped_key", 1)]


async def test_what_is_forgotten_while_keys_are_rotated_stays_forgotten(
    settings: SharedSettings, pool: Any, shops: list[Shop]
) -> None:
    await register_two(settings, pool, shops)
    previous = bytes.fromhex(settings.master_key.get_secret_value())
    vault, read = Vault(bytes([0x22]) * 32, previous), await pool.fetch("select * from persons")

    class Forgetting:
        """A pool whose rows are forgotten between being read and being written."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pool, name)

        async def execute(self, sql: str, *arguments: Any) -> Any:
            await pool.execute("update registrations set person_hash = null, contacts = null")
            await pool.execute("delete from persons")
            return await pool.execute(sql, *arguments)

    assert len(read) == 2
    rotated = (await rotation.rotate(Forgetting(), vault))["persons.wrapped_key"]
    assert (rotated.taken, await pool.fetchval("select count(*) from persons")) == (0, 0)


async def test_during_a_rotation_old_and_new_processes_read_one_another(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    await door.scans([{**GOOD, **HERE}])
    swapped = settings.model_copy(
        update={"master_key": SecretStr("22" * 32), "master_key_previous": settings.master_key}
    )
    async with (
        wire_ingest(IngestSettings(**swapped.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        new = Door(client, door.secrets)

        async def takes() -> bool:
            return (await new.scans([{**LATER, "number": "N02"}])).status_code == 200

        await until(takes, "the new process takes scans", 60)
        assert [each["result"] for each in (await new.scans([LATER])).json()] == ["accepted"]
    either = Vault(bytes([0x11]) * 32, bytes([0x22]) * 32)
    assert len(await details_of(pool, either, KEY)) == 2


async def test_a_contact_that_does_not_open_fails_its_own_message_and_an_operator_sees_why(
    settings: SharedSettings, pool: Any, shops: list[Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await register_two(settings, pool, shops)
    await pool.execute(
        "update registrations set contacts = contacts || 'x' where registration_id = $1", ids[0]
    )
    vault, channel = await open_vault(pool, settings), FakeChannel()
    for number, registration in zip(("N0001", "N0002"), ids, strict=True):
        await plan(
            pool, vault, milestone(number=number, registration_id=str(registration), event_id=number)
        )
    monkeypatch.setattr("services.notifier.trying.pause_after", lambda _: None)
    await sender(pool, vault, channel, settings).once()
    assert [letter.address for letter in channel.letters] == ["+84987654321"], "its neighbour is told"
    ran = await buuta(settings, "messages", "failed")
    assert ("N0001" in ran.said, "Unopenable" in ran.said, "N0002" in ran.said) == (True, True, False), (
        ran.said
    )
