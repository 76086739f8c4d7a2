"""Every table has an owner and a retention, tables stop growing, and what was counted stays counted."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from buuta.errors import BadSettings
from buuta.model.scan import Scan
from buuta.settings import SharedSettings
from buuta.storage import contacts, retention, secrets
from buuta.storage.contacts import Contact
from buuta.storage.retention import RULES, archived
from buuta.storage.vault import Place, Vault, read_master_key
from services.portal.app import wire as wire_portal
from services.portal.publishing import CountedBy, publish
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from services.tracker.retention import Retention, least_days, unarchived
from services.tracker.settings import TrackerSettings
from tests.integration.command import buuta
from tests.integration.parts import chunk, waits_for_a_lock, worker
from tests.scans import scan
from tests.waiting import until

DAY_MS = 86_400_000
START = datetime(2027, 1, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
MONTHS = 48
FIGURES = {"rate_cells", "transit_cells", "lateness_cells", "unpublished_cells", "rate_days", "rate_months",
           "transit_months", "carrier_days"}  # fmt: skip
"""A day has new ones; the last are marks for the publisher, which does not run here."""
SAMPLES = {
    "carrier_keys": "insert into carrier_keys (carrier, kind, hash, scopes, scans_per_second, scans_per_day,"
    " created_at, expires_at) values ('old', 'api', $2, '{}', 1, 1, $1, $1)",
    "key_usage": "insert into key_usage select max(id), $1::timestamptz::date, 1, 1, 0, $1 from carrier_keys"
    " where $2::bytea is not null",
    "key_changes": "insert into key_changes (key_id, what, changed_by, changed_at)"
    " select max(id), 'made', 'me', $1::timestamptz - interval '4 years' from carrier_keys"
    " where $2::bytea is not null",
    "signed_requests": "insert into signed_requests select max(id), $2, $1 from carrier_keys",
    "access_keys": "insert into access_keys (kind, holder, hash, created_at, expires_at)"
    " values ('shipper', 'shop', $2, $1, $1)",
    "access_key_changes": "insert into access_key_changes (key_id, kind, holder, what, changed_by, changed_at)"
    " select 1, 'shipper', 'shop', 'made', 'me', $1::timestamptz - interval '4 years'"
    " where $2::bytea is not null",
    "operators": "insert into operators (name, added_at) values (encode($2, 'hex'), $1)",
    "manifests": "insert into manifests (carrier, manifest, pieces, since, until, numbers, declared_at)"
    " values ('old', encode($2, 'hex'), 1, 0, 0, '{}', $1)",
    "report_hours": "insert into report_hours select 'old', $1, 1, 0, 0, $1 where $2::bytea is not null",
    "files": "insert into files (carrier, content_hash, begun_at) values ('old', $2, $1)",
    "answered": "insert into answered values ('me', encode($2, 'hex'), '', '', $1)",
    "facts": "insert into facts values ($2, 'old', 'N', 'cod', 1, 0,"
    " (extract(epoch from $1::timestamptz) * 1000)::bigint)",
    "epcis_captures": "insert into epcis_captures (id, carrier, created_at, behaviour, success, events, errors)"
    " values (encode($2, 'hex')::uuid, 'old', $1, 'proceed', true, 1, '[]')",
    "epcis_events": "insert into epcis_events (carrier, event_id, things, occurred_at, payload, received_at)"
    " values ('old', encode($2, 'hex'), '{}', 0, '{}', $1)",
    "epcis_packings": "insert into epcis_packings select 'old', encode($2, 'hex'), 'a', 'b', 0, true"
    " where $1::timestamptz is not null",
    "epcis_effects": "insert into epcis_effects select 'old', encode($2, 'hex'), 'a', 1, true"
    " where $1::timestamptz is not null",
    "epcis_said": "insert into epcis_said (carrier, event_mark, fields, received_at) values ('old', $2, '{}', $1)",
    "quarantine": "insert into quarantine (carrier, door, reason, payload, received_at)"
    " values ('old', 'file', 'unknown_code', $2, $1)",
    "parcel_secrets": "insert into parcel_secrets values ($2, $2, $1)",
    "event_details": "insert into event_details values ($2, $2, $2, $1)",
    "settled_letters": "insert into settled_letters select coalesce(max(number), 0) + 1, 'dropped', 'w', $1"
    " from settled_letters where $2::bytea is not null",
    "persons": "insert into persons select $2, 'shop', $2 where $1::timestamptz is not null",
    "registrations": "insert into registrations (registration_id, shipper, carrier, number, version, person_hash,"
    " contacts, language, created_at, registered_at) values (encode($2, 'hex')::uuid, 'shop', 'old',"
    " encode($2, 'hex'), 1, $2, 'x', 'vi', $1, (extract(epoch from $1::timestamptz) * 1000)::bigint)",
    "parcel_shippers": "insert into parcel_shippers values ('old', encode($2, 'hex'), 'shop',"
    " (extract(epoch from $1::timestamptz) * 1000)::bigint)",
    "window_counts": "insert into window_counts values ('w', $2,"
    " (extract(epoch from $1::timestamptz + interval '30 days') * 1000)::bigint, 1)",
    "idempotency": "insert into idempotency values ('shop', encode($2, 'hex'), '', 201, '', $1)",
    "messages": "insert into messages (message_id, parcel_key, kind, ordinal, channel, recipient_hash,"
    " registration_id, milestone, state, created_at)"
    " select encode($2, 'hex')::uuid, encode($2, 'hex'), 'k', 1, 'sms', $2,"
    " encode($2, 'hex')::uuid, '{}', 'sent', $1",
}  # fmt: skip
"""A row of each table at a time ($1), by a name of its own ($2); parcels come through the fold."""


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def keeper(settings: SharedSettings, pool: Any, **more: Any) -> Retention:
    return Retention(pool, own(settings, **more))


def own(settings: SharedSettings, **more: Any) -> TrackerSettings:
    return TrackerSettings(**settings.model_dump() | more)


def journey(number: str, began: datetime, carrier: str = "ghn") -> list[Scan]:
    """Accepted, and delivered to the address a day later; received as it happened."""
    found = [
        scan("accepted", 0, number=number, carrier=carrier),
        scan("delivered", 1, number=number, carrier=carrier, delivery_mode="address"),
    ]
    times = [ms(began), ms(began) + DAY_MS]
    return [each._replace(occurred_at=at, received_at=at) for each, at in zip(found, times, strict=True)]


async def fold(settings: SharedSettings, pool: Any, scans: Sequence[Scan]) -> None:
    start = await pool.fetchval("select coalesce(max(position), 0) from progress")
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, start, scans))


async def cells(pool: Any) -> list[tuple[Any, ...]]:
    rows = await pool.fetch(
        "select carrier, day, sum(accepted)::int, sum(delivered_to_address)::int from rate_cells"
        " group by 1, 2 having sum(accepted) <> 0 order by 1, 2"
    )
    return [tuple(row) for row in rows]


async def tables(pool: Any) -> set[str]:
    rows = await pool.fetch(
        "select relname from pg_class c join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'public' and relkind in ('r', 'p') and not relispartition"
    )
    return {row["relname"] for row in rows}


async def sizes(pool: Any) -> dict[str, int]:
    return {name: await pool.fetchval(f'select count(*) from "{name}"') for name in await tables(pool)}


async def test_every_table_has_an_owner_and_a_retention(pool: Any) -> None:
    assert {rule.table for rule in RULES} == await tables(pool)
    for rule in RULES:
        assert rule.owner, rule.table
        assert rule.why, rule.table
        assert (rule.days is None) == (not rule.past and not rule.with_parcel), rule.table


def test_the_page_about_retention_says_what_the_rules_say() -> None:
    text = (Path(__file__).parents[2] / "docs/retention.md").read_text(encoding="utf-8")
    for rule in RULES:
        days = "" if rule.days is None else str(rule.days)
        assert f"| `{rule.table}` | {rule.owner} | {days} | {rule.why} |" in text


async def test_three_years_in_small_tables_stop_growing_and_figures_stay(
    settings: SharedSettings, pool: Any
) -> None:
    """Three years after the first year and a half, in which nothing is old enough yet."""
    await pool.execute("insert into carriers (code, name, format) values ('old', 'Old', 'buuta')")
    await pool.execute("insert into shippers (code, name) values ('shop', 'Shop')")
    history: list[dict[str, int]] = []
    for month in range(MONTHS):
        now = START + month * MONTH
        await fold(
            settings, pool, [each for place in range(3) for each in journey(f"M{month}P{place}", now)]
        )
        for statement in SAMPLES.values():
            await pool.execute(statement, now, uuid.uuid5(uuid.NAMESPACE_OID, str(month)).bytes)
        later = now + MONTH
        await archived(pool, settings.events_topic, [0], ms(later))
        await keeper(settings, pool).run_through(later)
        history.append(await sizes(pool))
    grew = {name for name in history[-1] if history[-1][name] > max(each[name] for each in history[20:36])}
    assert grew == FIGURES
    short = {rule.table for rule in RULES if rule.days is not None and rule.days < MONTH.days}
    assert {name for name in SAMPLES if max(each[name] for each in history) == 0} <= short
    assert (history[-1]["parcels"], history[-1]["scans"]) == (history[30]["parcels"], history[30]["scans"])
    assert history[-1]["parcels"] < MONTHS * 3
    counted = await cells(pool)
    assert (sum(row[2] for row in counted), sum(row[3] for row in counted)) == (MONTHS * 3, MONTHS * 3)
    async with pool.acquire() as con:
        await publish(con, date(2032, 1, 1), date(2032, 1, 1), CountedBy("7"))
        figures = await con.fetchval("select sum(delivered_to_address) from published_figures")
        assert figures == MONTHS * 3
        await keeper(settings, pool).run_through(START + 100 * MONTH)
        assert await con.fetchval("select sum(delivered_to_address) from published_figures") == figures


async def forgotten(settings: SharedSettings, pool: Any) -> datetime:
    """A parcel of `START` that is forgotten; returns the time of that."""
    now = START + timedelta(days=700)
    await fold(settings, pool, journey("OLD", START))
    await archived(pool, settings.events_topic, [0], ms(now))
    await keeper(settings, pool).run_through(now)
    left = await sizes(pool)
    assert (left["parcels"], left["scans"]) == (0, 0)
    return now


@pytest.mark.parametrize("status", ["accepted", "delivered", "returned", "lost"])
async def test_a_late_scan_of_a_parcel_that_is_forgotten_changes_no_figure(
    status: str, settings: SharedSettings, pool: Any
) -> None:
    before = [("ghn", START.date(), 1, 1)]
    now = await forgotten(settings, pool)
    assert await cells(pool) == before
    late = scan(status, 0, number="OLD")._replace(occurred_at=ms(START) + DAY_MS // 2, received_at=ms(now))
    wrong = journey("OLD", START)[1]
    taken_back = scan(
        status, 0, number="OLD", corrects_event_id=wrong.event_id, correction_kind="did_not_occur"
    )
    again = [each._replace(received_at=ms(now)) for each in journey("OLD", START)]
    await fold(
        settings, pool,
        [late, *again, taken_back._replace(occurred_at=ms(START) + DAY_MS, received_at=ms(now))],
    )  # fmt: skip
    assert await cells(pool) == before


async def test_a_number_that_is_used_again_is_another_parcel_and_counts_once(
    settings: SharedSettings, pool: Any
) -> None:
    now = await forgotten(settings, pool)
    await fold(settings, pool, journey("OLD", now))
    assert await cells(pool) == [("ghn", START.date(), 1, 1), ("ghn", now.date(), 1, 1)]


async def test_only_what_the_archive_has_is_forgotten_and_only_what_is_silent_for_so_long(
    settings: SharedSettings, pool: Any
) -> None:
    now = START + timedelta(days=700)
    quiet, reported = journey("QUIET", START), journey("REPORTED", START)
    reported.append(
        scan("in_transit", 0, number="REPORTED")._replace(
            occurred_at=ms(START), received_at=ms(now) - 100 * DAY_MS
        )
    )
    young = journey("YOUNG", now - timedelta(days=599))
    await fold(settings, pool, [*quiet, *reported, *young])
    await keeper(settings, pool).run_through(now)
    assert await pool.fetchval("select count(*) from parcels") == 3
    assert await unarchived(pool, settings.events_topic, 600, now) == 1
    await archived(pool, settings.events_topic, [0], ms(now) - 601 * DAY_MS)
    await keeper(settings, pool).run_through(now)
    assert await pool.fetchval("select count(*) from parcels") == 3
    await archived(pool, settings.events_topic, [0], ms(now) - 600 * DAY_MS)
    await keeper(settings, pool).run_through(now)
    rows = await pool.fetch("select parcel_key from parcels order by 1")
    assert [row["parcel_key"] for row in rows] == ["ghn:REPORTED", "ghn:YOUNG"]


async def test_contacts_are_erased_when_their_purpose_is_over_and_not_while_a_parcel_is_under_way(
    settings: SharedSettings, pool: Any
) -> None:
    now = START + timedelta(days=200)
    await pool.execute("insert into shippers (code, name) values ('shop', 'Shop')")
    for number in ("DONE", "UNDERWAY"):
        person = uuid.uuid4().bytes
        await pool.execute("insert into persons values ($1, 'shop', '')", person)
        await pool.execute(
            "insert into registrations (registration_id, shipper, carrier, number, version, person_hash, contacts,"
            " language, created_at, owner, registered_at)"
            " values ($1, 'shop', 'ghn', $2, 1, $3, 'x', 'vi', $4, 'ghn', 0)",
            uuid.uuid4(), number, person, START,
        )  # fmt: skip
    await fold(settings, pool, [*journey("DONE", START), journey("UNDERWAY", START)[0]])
    gone = await keeper(settings, pool).run_through(now)
    assert (gone["registrations"], gone["persons"]) == (1, 1)
    rows = await pool.fetch("select number from registrations where contacts is not null")
    assert [row["number"] for row in rows] == ["UNDERWAY"]
    assert await pool.fetchval("select count(*) from registrations") == 2


PLACE = Place("a test", b"")


@pytest.mark.parametrize("committed", [True, False], ids=["before", "meanwhile"])
async def test_a_key_stays_as_long_as_the_last_that_was_sealed_under_it(
    settings: SharedSettings, pool: Any, *, committed: bool
) -> None:
    now, vault = datetime.now(UTC), Vault(read_master_key(settings.master_key))
    await secrets.seal(pool, vault, "ghn:N1", PLACE, b"long ago")
    await secrets.seal(pool, vault, "ghn:N2", PLACE, b"long ago")
    await pool.execute("update parcel_secrets set created_at = $1", now - timedelta(days=601))
    async with pool.acquire() as con:
        sealing = con.transaction()
        await sealing.start()
        _, sealed = await secrets.seal(con, vault, "ghn:N1", PLACE, b"now")
        if committed:
            await sealing.commit()
        round_ = asyncio.create_task(retention.sweep(pool, now))

        async def is_over_or_waits() -> bool:
            return round_.done() or await waits_for_a_lock(pool)

        await until(is_over_or_waits, "the round is over, or waits")
        if not committed:
            await sealing.commit()
        assert (await round_)["parcel_secrets"] == 1
    assert await secrets.open_sealed(pool, vault, "ghn:N1", PLACE, sealed) == b"now"


async def test_a_person_that_is_registered_meanwhile_stops_no_round(
    settings: SharedSettings, pool: Any
) -> None:
    vault, told = Vault(read_master_key(settings.master_key)), Contact("+84912345678", None, "vi")
    await add_shipper(pool, "shop", "Shop")
    await contacts.store(pool, vault, "shop", uuid.uuid4(), told)
    async with pool.acquire() as con:
        async with con.transaction():
            person, _ = await contacts.store(con, vault, "shop", uuid.uuid4(), told)
            await con.execute(
                "insert into registrations (registration_id, shipper, carrier, number, version, person_hash,"
                " language) values ($1, 'shop', 'ghn', 'N', 1, $2, 'vi')", uuid.uuid4(), person,
            )  # fmt: skip
            round_ = asyncio.create_task(retention.sweep(pool, datetime.now(UTC)))

            async def is_over_or_waits() -> bool:
                return round_.done() or await waits_for_a_lock(pool)

            await until(is_over_or_waits, "the round is over, or waits")
        assert (await round_)["persons"] == 0
    assert await pool.fetchval("select count(*) from persons") == 1


@pytest.mark.parametrize("changed", ["patched", "registered again"])
async def test_a_registration_is_as_old_as_its_latest_version(
    changed: str, settings: SharedSettings, pool: Any
) -> None:
    await pool.execute("insert into carriers (code, name, format) values ('ghn', 'GHN', 'ghn')")
    shop = {"Authorization": f"Bearer {await add_shipper(pool, 'shop', 'Shop')}"}
    to = {"phone": "+84912345678"}
    said = {"carrier": "ghn", "number": "Z82BS", "recipient": to}
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client,
    ):
        made = await client.post("/v1/parcels", headers=shop | {"Idempotency-Key": "1"}, json=said)
        where = f"/v1/parcels/{made.json()['registration_id']}"
        long_ago = datetime.now(UTC) - timedelta(days=200)
        await pool.execute(
            "update registrations set created_at = $1, changed_at = $1, registered_at = $2",
            long_ago, ms(long_ago),
        )  # fmt: skip
        if changed == "patched":
            done = await client.patch(where, headers=shop, json={"service": "express"})
        else:
            await client.delete(where, headers=shop)
            done = await client.post("/v1/parcels", headers=shop | {"Idempotency-Key": "2"}, json=said)
        assert done.status_code in (200, 201), done.text
    # As where the number is not another parcel's by then.
    await pool.execute("update registrations set registered_at = $1", ms(long_ago))
    assert (await retention.sweep(pool, datetime.now(UTC)))["registrations"] == 0
    assert await pool.fetchval("select count(contacts) from registrations") == 1
    assert (await retention.sweep(pool, datetime.now(UTC) + timedelta(days=181)))["registrations"] == 1


async def test_it_goes_in_batches_and_one_rule_that_fails_starves_no_other(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    bad = retention.Rule("quarantine", "ingest", "never", 1, "no_such_column < $1")
    monkeypatch.setattr(retention, "RULES", (bad, *RULES))
    rows = [("me", str(place), b"", b"", START) for place in range(10)]
    await pool.copy_records_to_table("answered", records=rows)
    with pytest.raises(Exception, match="no_such_column"):
        await retention.sweep(pool, START + timedelta(days=3))
    assert await pool.fetchval("select count(*) from answered") == 0


async def test_a_round_is_for_one_process_a_day(pool: Any) -> None:
    assert [await retention.is_due(pool, "all") for _ in range(2)] == [True, False]
    await pool.execute("update retention_rounds set begun_at = now() - interval '1 day'")
    assert await retention.is_due(pool, "all")


def test_parcels_are_kept_for_as_long_as_a_late_scan_steers(settings: SharedSettings) -> None:
    assert own(settings).keep_parcels_days >= least_days(settings.epoch_gap_days)
    with pytest.raises(BadSettings, match="at least 545"):
        keeper(settings, None, keep_parcels_days=544)


async def test_people_see_the_rules_and_can_let_a_round_run(
    settings: SharedSettings, pool: Any, folder: Path
) -> None:
    listed = await buuta(settings, "retention", "list")
    assert (listed.code, "past_parcels" in listed.said) == (0, True)
    long_ago = datetime.now(UTC) - timedelta(days=700)
    await fold(settings, pool, journey("OLD", long_ago))
    ran = await buuta(settings, "retention", "run")
    assert (ran.code, "1 partitions stay" in ran.said) == (0, True), ran.said
    assert (await buuta(settings, "log", "archive", str(folder))).code == 0
    reached = await pool.fetch("select partition from archives")
    assert json.dumps([row["partition"] for row in reached]) == "[]", "the log of this test holds nothing"
    await archived(pool, settings.events_topic, [0], ms(datetime.now(UTC)))
    ran = await buuta(settings, "retention", "run")
    assert (ran.code, "parcels" in ran.said) == (0, True), ran.said
    assert await pool.fetchval("select count(*) from parcels") == 0
