"""What nobody knows is set aside, mapped by a person, and takes its place in business time."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from buuta.model.scan import Registration, Scan
from buuta.model.statuses import Status
from buuta.settings import SharedSettings
from buuta.storage import contacts
from buuta.storage.contacts import Contact
from buuta.storage.vault import Vault, read_master_key
from services.ingest.app import wire
from services.ingest.domain.codes import CodeRow
from services.ingest.quarantine import held
from services.ingest.quarantine.shelter import Shelter, Topic
from services.ingest.settings import IngestSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, inside, log, quarantined, served
from tests.integration.parts import chunk, database_away, everything, waits_for_a_lock, worker
from tests.scans import HOUR, MORNING, registration, scan
from tests.unit.test_carriers import GHN
from tests.waiting import until

UNKNOWN = {**GHN, "Type": "Switch_status", "Status": "handed_over"}


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")


async def told_parcel(settings: SharedSettings, pool: Any, number: str) -> None:
    """A parcel that is under way, and for which somebody waits who has a phone and an e-mail."""
    vault, registered = Vault(read_master_key(settings.master_key)), uuid.uuid4()
    async with pool.acquire() as con, con.transaction():
        if not await con.fetchval("select exists (select from shippers)"):
            await add_shipper(con, "shop", "Shop")
        contact = Contact("+84912345678", "lan@example.vn", "vi")
        person, sealed = await contacts.store(con, vault, "shop", registered, contact)
        await con.execute(
            "insert into registrations (registration_id, shipper, carrier, number, version, person_hash,"
            " contacts, language) values ($1, 'shop', 'ghn', $2, 1, $3, $4, 'vi')",
            registered, number, person, sealed,
        )  # fmt: skip
    hour = (datetime.now(UTC).timestamp() * 1000 - MORNING) / HOUR - 200
    records: list[Scan | Registration] = [
        registration(number, registration_id=str(registered)), scan("accepted", hour, number),
        scan("out_for_delivery", hour + 1, number),
    ]  # fmt: skip
    async with worker(settings, pool) as tracker:
        position = await pool.fetchval("select coalesce(max(position), 0) from progress")
        await tracker.handle(chunk(settings, position, records))


async def test_mapping_a_code_sends_on_what_waited_for_it_and_tells_nobody_what_is_old(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    for number, hours in (("Z82BS", 1), ("Z82BT", 100)):
        await told_parcel(settings, pool, number)
        answer = await door.webhook("ghn", json={**UNKNOWN, "OrderCode": number, "Time": hours_ago(hours)})
        assert answer.json()["result"] == "quarantined"
    await pool.execute("update quarantine set received_at = received_at - interval '30 minutes'")
    listed = await buuta(settings, "quarantine", "list")
    assert "handed_over" in listed.said
    assert "30 min" in listed.said

    arguments = ("quarantine", "map", "ghn", "handed_over", "--status", "delivered", "--mode", "address")
    tried = await buuta(settings, *arguments, "--dry-run")
    assert tried.code == 0, tried.said
    assert "2 would be sent on, 0 would wait on." in tried.said
    assert "2 scans would be new in the history." in tried.said
    assert "2 parcels: out_for_delivery -> delivered" in tried.said
    assert "Messages that would go: 1 email, 1 sms." in tried.said, "nobody hears of what is 100 hours old"
    assert await log(settings) == []
    assert await pool.fetchval("select count(*) from messages") == 0

    mapped = await buuta(settings, *arguments)
    assert "2 sent on, 0 wait on." in mapped.said
    events = await log(settings)
    assert {(event["status"], event["delivery_mode"]) for event in events} == {("delivered", "address")}
    assert all(datetime.now(UTC).timestamp() * 1000 - event["received_at"] > 1_700_000 for event in events)
    assert all(event["mapping_version"].startswith("ghn-3.") for event in events)
    assert [state for [state] in await pool.fetch("select state from quarantine")] == ["replayed"] * 2
    again = await buuta(settings, "quarantine", "replay", "--carrier", "ghn")
    assert "0 sent on, 0 wait on." in again.said

    async def known() -> bool:
        answer = await door.webhook("ghn", json={**UNKNOWN, "Time": hours_ago(0)})
        return bool(answer.json()["result"] == "accepted")

    await until(known, "ingest knows the code")


async def test_a_code_can_be_no_movement_and_a_report_can_be_dropped(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    for status in ("weighed", "nonsense"):
        await door.webhook("ghn", json={**UNKNOWN, "Status": status})
    await door.webhook("ghn", content=b"{")
    mapped = await buuta(settings, "quarantine", "map", "ghn", "weighed", "--no-movement")
    assert "1 sent on, 0 wait on." in mapped.said
    dropped = await buuta(
        settings,
        "quarantine",
        "drop",
        "--carrier",
        "ghn",
        "--code",
        "nonsense",
        "--why",
        "a test of theirs",
    )
    assert "1 dropped." in dropped.said
    listed = await buuta(settings, "quarantine", "list", "--reports")
    assert "body_not_json" in listed.said
    assert "nonsense" not in listed.said
    replayed = await buuta(settings, "quarantine", "replay", "--carrier", "ghn")
    assert "0 sent on, 1 wait on." in replayed.said
    shown = await buuta(settings, "quarantine", "show", "2")
    assert "dropped: a test of theirs" in shown.said
    assert '"Status": "nonsense"' in shown.said
    assert "Tạo đơn hàng" not in shown.said, "what people typed was dropped when it came"
    assert await log(settings) == []


async def test_reports_of_a_format_that_is_not_there_wait_on_and_keep_no_others(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    """Whoever forgets the folder of more recipes loses nothing, and the other carriers' reports are read."""
    await door.webhook("ghn", json=UNKNOWN)
    await door.scans([GOOD | {"code": "weighed"}])
    await pool.execute("update carriers set format = 'gone' where code = 'ghn'")
    replayed = await buuta(settings, "quarantine", "replay")
    assert "0 sent on, 2 wait on." in replayed.said


async def test_a_command_that_cannot_be_done_says_what_to_do(settings: SharedSettings) -> None:
    for arguments, says in (
        (("map", "ghn", "x"), "give --status, or say --no-movement"),
        (("map", "nobody", "x", "--no-movement"), "there are buuta, ems"),
        (("show", "7"), "there is no report 7"),
        (("drop", "--why", "x"), "name a report by --number, or a --carrier"),
    ):
        ran = await buuta(settings, "quarantine", *arguments)
        assert (ran.code, says in ran.said) == (1, True), ran.said


async def test_while_postgresql_is_away_an_encrypted_topic_keeps_what_is_set_aside(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    report = {**UNKNOWN, "Warehouse": "12 Lê Lợi"}
    await door.webhook("ghn", json=report)
    async with database_away(settings):
        for _ in range(2):
            answer = await door.webhook("ghn", json={**report, "Status": "unheard_of"})
            assert (answer.status_code, answer.json()["result"]) == (200, "quarantined")
    for record in await everything(settings, settings.quarantine_topic):
        assert b"ghn" not in record.value
        assert "Lê Lợi".encode() not in record.value

    async def home() -> bool:
        return bool(await pool.fetchval("select count(*) = 3 from quarantine"))

    await until(home, "the reports are in the quarantine")
    rows = await pool.fetch(
        "select carrier, door, received_at <= now() as then from quarantine order by id"
    )
    assert [tuple(row) for row in rows][1:] == [("ghn", "webhook", True)] * 2
    assert [each.code for each in await quarantined(settings, pool)][1:] == ["unheard_of"] * 2
    vault = Vault(read_master_key(settings.master_key))
    shelter = Shelter(pool, vault, Topic(settings.quarantine_topic, settings.kafka, None))  # type: ignore[arg-type]
    assert await shelter.collect() == 0, "what was brought home is not brought home again"


async def test_a_refused_payload_of_any_size_fails_no_neighbour_while_postgresql_is_away(
    door: Door, settings: SharedSettings, pool: Any
) -> None:
    own = IngestSettings(**settings.model_dump() | {"ingest_body_bytes": 3_000_000})
    async with served(wire, own) as client:
        own_door = Door(client, door.secrets)
        assert (await own_door.scans([GOOD])).status_code == 200
        async with database_away(settings):
            answer = await own_door.scans([GOOD, {"x": "a" * 2_000_000}])
            assert (answer.status_code, [each["result"] for each in answer.json()]) == (
                200, ["accepted", "rejected"],
            )  # fmt: skip


async def test_how_much_waits_and_since_when_is_measured_by_carrier_and_reason(
    door: Door, pool: Any
) -> None:
    await door.webhook("ghn", json={**UNKNOWN, "Time": hours_ago(0)})
    await pool.execute("update quarantine set received_at = received_at - interval '1 hour'")

    async def measured() -> bool:
        lines = (await inside(door.client).get("/metrics")).text.splitlines()
        labels = '{carrier="ghn",reason="unknown_code"} '
        age = [
            float(line.split()[1])
            for line in lines
            if line.startswith(f"buuta_ingest_quarantine_oldest_seconds{labels}")
        ]
        return f"buuta_ingest_quarantine_records{labels}1.0" in lines and age > [3600]

    await until(measured, "the age of the oldest is shown")


async def test_of_two_who_map_one_code_at_once_the_later_word_holds_and_nobody_hears_an_error(
    pool: Any,
) -> None:
    delivered, returned = CodeRow(Status.DELIVERED), CodeRow(Status.RETURNED)
    async with pool.acquire() as one, pool.acquire() as other:
        first = one.transaction()
        await first.start()
        await held.map_code(one, "buuta", "done", delivered, "an")
        later = asyncio.create_task(held.map_code(other, "buuta", "done", returned, "binh"))
        await until(lambda: waits_for_a_lock(pool), "the second waits for the first")
        await first.commit()
        await later
    rows = await pool.fetch("select id, status, mapped_by from code_mappings")
    assert [tuple(row)[1:] for row in rows] == [("returned", "binh")]
    assert rows[0]["id"] > 1, "a mapping that is changed has a number of its own"
