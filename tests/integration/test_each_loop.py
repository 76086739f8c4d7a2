"""A random element that fails is put into every background loop; its neighbours go through, and it is noted.

Once it goes well at last, it is noted no more.
"""

import ast
import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from buuta.contracts.codec import Codec
from buuta.contracts.columns import encode_rows
from buuta.model.identifiers import split_key
from buuta.settings import SharedSettings
from buuta.storage import contacts, outbox, retention, set_aside
from buuta.storage.background import Step, run_forever, running
from buuta.storage.contacts import Contact
from buuta.storage.outbox import Relay
from buuta.storage.retention import Rule, archived
from buuta.storage.vault import Vault, read_master_key
from buuta.telemetry.clock import now_ms
from buuta.telemetry.service import http
from buuta.wording.messages import Words
from services.ingest.app import wire
from services.ingest.carriers import all_recipes
from services.ingest.domain.manifest import Manifest
from services.ingest.doors import drop
from services.ingest.doors.drop import DropFolder
from services.ingest.doors.file import Summary
from services.ingest.doors.polling import PollingDoor
from services.ingest.keeping import Keeping
from services.ingest.quarantine import held
from services.ingest.quarantine.held import Held, Source
from services.ingest.quarantine.shelter import IN_TOPIC, Shelter, Topic, _packed
from services.ingest.registry import manifests, polls
from services.ingest.registry.tally import Tally
from services.ingest.settings import IngestSettings
from services.ingest.spool import Spool
from services.ingest.storage import Carrier
from services.notifier.office import Office
from services.notifier.sender import Sender
from services.notifier.settings import NotifierSettings
from services.portal.live import LiveBoard
from services.portal.registrations import Registrar
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from services.tracker import deadlines, latest
from services.tracker.deadlines import Timekeeper
from services.tracker.latest import Publisher
from services.tracker.retention import Retention
from services.tracker.settings import TrackerSettings
from tests.integration.doors import GOOD, add_carrier, intake_on
from tests.integration.parts import chunk, everything, producer_on, standing, worker
from tests.integration.test_background import Topic as FakeTopic
from tests.integration.test_notifier import FakeChannel, milestone, plan
from tests.scans import HOUR, MORNING, scan
from tests.waiting import until

ROOT = Path(__file__).parents[2]
COUNT = 7
NONE_OF_THEM = -1


@dataclass
class Ground:
    """What a case stands on; `bad` is the place of the element that fails among `COUNT`."""

    settings: SharedSettings
    pool: Any
    bad: int
    folder: Path
    patch: pytest.MonkeyPatch

    @property
    def vault(self) -> Vault:
        return Vault(read_master_key(self.settings.master_key))

    async def noted(self, loop: str) -> int:
        """How many elements of a loop are noted as failing alone."""
        count: int = await self.pool.fetchval("select count(*) from set_aside where loop = $1", loop)
        return count

    async def recovers(self, loop: str, mended: Callable[[], Awaitable[object]] | None = None) -> None:
        """No element is bad any more; what was noted is tried again, and then noted no more."""
        self.bad = NONE_OF_THEM
        if mended is not None:
            await mended()
        await set_aside.retry(self.pool, loop, None)

        async def well() -> bool:
            return await self.noted(loop) == 0

        await until(well, f"nothing of {loop} is noted any more", 60)


Case = Callable[[Ground], Awaitable[None]]


async def meanwhile(
    loop: Any,
    condition: Callable[[], Awaitable[object]],
    what: str,
    recovery: Callable[[], Awaitable[None]] | None = None,
) -> None:
    async with running(loop):
        await until(condition, what, 60)
        if recovery is not None:
            await recovery()


async def of_outbox(on: Ground) -> None:
    topic = FakeTopic(b"%d" % on.bad)
    async with on.pool.acquire() as con, con.transaction():
        for place in range(COUNT):
            await outbox.put(con, "topic", b"key-%d" % place, b"%d" % place)

    async def sent() -> bool:
        return len(topic.records) == COUNT - 1 and await on.noted("outbox") == 1

    await meanwhile(
        Relay(on.pool, topic).run(), sent, "the neighbours are sent", recovery(on, "outbox", topic)
    )


def recovery(on: Ground, loop: str, topic: FakeTopic) -> Callable[[], Awaitable[None]]:
    async def takes_all() -> None:
        topic.bad = None

    return partial(on.recovers, loop, takes_all)


async def of_spool(on: Ground) -> None:
    topic = FakeTopic(b"%d" % on.bad)
    topic.away = True
    spool = Spool(on.pool, topic.send, 1000)
    await spool.put([(b"key-%d" % place, b"%d" % place) for place in range(COUNT)])
    topic.away = False

    async def sent() -> bool:
        return len(topic.records) == COUNT - 1 and await on.noted("spool") == 1

    await meanwhile(spool.run(), sent, "the neighbours are sent", recovery(on, "spool", topic))


def report(on: Ground) -> Held:
    return held.sealed(on.vault, Source("ghn", "webhook", "unknown_code", 1795480000000), b"{}")


async def of_shelter(on: Ground) -> None:
    on.patch.setattr("services.ingest.quarantine.shelter.LOOK_SECONDS", 0.05)
    on.patch.setattr("services.ingest.quarantine.shelter.COLLECT_SECONDS", 0.05)
    async with producer_on(on.settings) as producer:
        shelter = Shelter(
            on.pool, on.vault, Topic(on.settings.quarantine_topic, on.settings.kafka, producer)
        )
        with on.patch.context() as patch:
            patch.setattr("services.ingest.quarantine.shelter.hold", away)
            for place in range(COUNT):
                if place == on.bad:
                    await producer.send(on.settings.quarantine_topic, b"", b"sealed by nobody we know")
                else:
                    await shelter.keep([report(on)])

        async def home() -> bool:
            found = await on.pool.fetchval("select count(*) from quarantine")
            return bool(found == COUNT - 1 and await on.noted("shelter") == 1)

        whole = on.vault.seal_directly(IN_TOPIC, _packed(report(on)))

        async def mended() -> None:
            await on.pool.execute("update set_aside set payload = $1", whole)

        await meanwhile(
            shelter.run(),
            home,
            "the neighbours are in the quarantine",
            partial(on.recovers, "shelter", mended),
        )


async def away(*_: Any) -> None:
    raise ConnectionError("PostgreSQL is away")


async def of_details(on: Ground) -> None:
    whole = report(on)
    for place in range(COUNT):
        waits = {"key": f"ghn:N{place}", "event_id": f"{place:064x}", "details": "{}"}
        source = Source("ghn", "webhook", "details", 1795480000000)
        each = held.sealed(on.vault, source, json.dumps(waits).encode())
        whole = each if place == on.bad else whole
        await held.hold(on.pool, [replace(each, sealed=b"not ours") if place == on.bad else each])

    async def keep(_: Sequence[Held]) -> None:
        raise AssertionError("PostgreSQL is there")

    async def placed() -> bool:
        found = await on.pool.fetchval("select count(*) from event_details")
        return bool(found == COUNT - 1 and await on.noted("details") == 1)

    async def mended() -> None:
        await on.pool.execute("update quarantine set payload = $1 where payload = 'not ours'", whole.sealed)

    settle = Keeping(on.pool, on.vault, keep).settle
    await meanwhile(
        run_forever("details", settle, 0.05),
        placed,
        "the neighbours are in the vault",
        partial(on.recovers, "details", mended),
    )


async def of_tally(on: Ground) -> None:
    tally = Tally()
    for place in range(COUNT):
        code = "nul\x00" if place == on.bad else f"c{place}"
        tally.note(code, 1795480000000, {"accepted": 1})

    async def counted() -> bool:
        return bool(await on.pool.fetchval("select count(*) from report_hours") == COUNT - 1)

    step = partial(tally.write_down, on.pool)
    before = failures("tally")
    await meanwhile(run_forever("tally", step, 0.05), counted, "the neighbours are counted")
    assert failures("tally") > before, "that one is not counted is no secret"


def failures(loop: str) -> float:
    return REGISTRY.get_sample_value("buuta_loop_failures_total", {"loop": loop, "why": "fault"}) or 0.0


@asynccontextmanager
async def answering(settings: SharedSettings) -> AsyncIterator[str]:
    async def answer(request: Request) -> JSONResponse:
        number = request.path_params["code"].upper()
        item = {**GOOD, "number": f"{number}001"}
        return JSONResponse({"items": [item], "next": "1"})

    app = Starlette(routes=[Route("/{code}", answer)])
    async with http(app, IngestSettings(**settings.model_dump() | {"port": 0})) as port:
        yield f"http://127.0.0.1:{port}"


async def of_polling(on: Ground) -> None:
    """One carrier's secret does not open."""
    async with answering(on.settings) as url, producer_on(on.settings) as producer:
        for place in range(COUNT):
            code = f"carrier{place}"
            await add_carrier(on.pool, Carrier(code, code, "buuta"))
            vault = Vault(bytes(31) + b"x") if place == on.bad else on.vault
            await polls.ask_at(on.pool, vault, code, f"{url}/{code}", 3600, "secret")

        async def asked() -> bool:
            well = await on.pool.fetchval(
                "select count(*) from polls where last_error is null and position = '1'"
            )
            bad = await on.pool.fetchval("select count(*) from polls where failures > 0")
            return bool(well == COUNT - 1 and bad == 1)

        door = PollingDoor(intake_on(on.settings, producer, on.pool), on.vault)
        await meanwhile(door.run(), asked, "the neighbours are asked, and the failure is counted")


async def of_drop_folder(on: Ground) -> None:
    on.patch.setattr(drop, "LOOK_SECONDS", 0.05)
    await add_carrier(on.pool, Carrier("vnp", "VNPost", "buuta"))
    inbox = on.folder / "vnp"
    inbox.mkdir()
    for place in range(COUNT):
        (inbox / f"{place}.csv").write_text(
            "number,code,occurred_at\nZ82BS,delivered,2026-11-24T09:30:00Z\n"
        )
    take = drop.take_any

    async def taken(intake: Any, carrier: Carrier, path: Path, advance: Any) -> Summary:
        if path.stem == str(on.bad):
            raise RuntimeError("a fault of ours")
        return await take(intake, carrier, path, advance)

    on.patch.setattr(drop, "take_any", taken)

    async def done() -> bool:
        return len(list((inbox / "done").glob("*.csv"))) == COUNT - 1 and (inbox / "refused").exists()

    async with producer_on(on.settings) as producer:
        watching = DropFolder(on.folder, intake_on(on.settings, producer, on.pool))
        await meanwhile(watching.run(), done, "the neighbours are taken in, and it is refused")
    assert "RuntimeError" in (inbox / "refused" / f"{on.bad}.csv.error.txt").read_text()


async def of_deadlines(on: Ground) -> None:
    numbers = [f"N{place:03}" for place in range(COUNT)]
    encode = encode_rows

    def encoded(codec: Codec, name: str, rows: Any) -> Any:
        if any(row.number == f"N{on.bad:03}" for row in rows):
            raise ValueError("a row that no schema takes")
        return encode(codec, name, rows)

    on.patch.setattr(deadlines, "encode_rows", encoded)
    async with worker(on.settings, on.pool) as tracker:
        await tracker.handle(
            chunk(on.settings, 0, [scan("accepted", 0)._replace(number=each) for each in numbers])
        )

        async def swept() -> bool:
            found = await everything(on.settings, on.settings.events_topic)
            return len({record.key for record in found}) == COUNT - 1 and await on.noted("deadlines") == 1

        keeper = Timekeeper(tracker, on.settings.events_topic, 0.1, standing(MORNING + 400 * HOUR))
        await meanwhile(
            keeper.run(),
            swept,
            "the neighbours' deadlines are in the log",
            partial(on.recovers, "deadlines"),
        )


async def of_latest(on: Ground) -> None:
    numbers = [f"N{place:03}" for place in range(COUNT)]
    encode = encode_rows

    def encoded(codec: Codec, name: str, rows: Any) -> Any:
        if any(f"N{on.bad:03}" in row for row in rows):
            raise ValueError("a row that no schema takes")
        return encode(codec, name, rows)

    on.patch.setattr(latest, "encode_rows", encoded)
    async with worker(on.settings, on.pool) as tracker:
        await tracker.handle(
            chunk(on.settings, 0, [scan("accepted", 0)._replace(number=each) for each in numbers])
        )
        keys = [(f"ghn:{number}",) for number in numbers]
        await on.pool.copy_records_to_table("unpublished_parcels", records=keys, columns=["parcel_key"])

        async def published() -> bool:
            found = await everything(on.settings, on.settings.parcels_topic, range(on.settings.partitions))
            return len({record.key for record in found}) == COUNT - 1 and await on.noted("ParcelState") == 1

        publisher = Publisher(tracker.parts, on.settings.rates_topic, on.settings.parcels_topic)
        await meanwhile(
            publisher.run(),
            published,
            "the neighbours' states are published",
            partial(on.recovers, "ParcelState"),
        )


async def of_live_board(on: Ground) -> None:
    """A key that PostgreSQL cannot even be asked for."""
    await on.pool.executemany(
        "insert into parcels (parcel_key, slot, attempts, live, sequence) values ($1, 0, 0, '', 0)",
        [(f"ghn:N{place}",) for place in range(COUNT)],
    )
    board = LiveBoard(on.pool)
    keys = ["ghn:\x00" if place == on.bad else f"ghn:N{place}" for place in range(COUNT)]
    watching = [board.changes(key) for place, key in enumerate(keys) if place != on.bad]
    bad = board.changes(keys[on.bad])

    async def all_seen() -> bool:
        for each in watching:
            assert await anext(each) != ""
        return True

    async with running(board.run(), waits_for(bad)):
        assert await all_seen()


async def waits_for(changes: AsyncIterator[str]) -> None:
    await anext(changes)


async def of_sender(on: Ground, *, contact: bool) -> None:
    """A contact that does not open, or words that cannot be found."""
    await add_shipper(on.pool, "shop", "Shop")
    ids = [await registered(on, place) for place in range(COUNT)]
    for place, each in enumerate(ids):
        number = f"N{place}"
        record = milestone(registration_id=str(each), number=number, event_id=number, milestone_id=number)
        await plan(on.pool, on.vault, record)
    if contact:
        await on.pool.execute(
            "update registrations set contacts = contacts || 'damaged' where registration_id = $1",
            ids[on.bad],
        )
    channel = FakeChannel()
    office = Office(
        on.pool,
        on.vault,
        Codec(),
        NotifierSettings(**on.settings.model_dump()),
    )
    on.patch.setattr("services.notifier.trying.words", partial(worded, "" if contact else f"N{on.bad}"))

    async def sent() -> bool:
        states = await on.pool.fetch(
            "select state, attempts, provider_code from messages where channel = 'sms'"
        )
        put_off = [row for row in states if row["state"] == "queued" and row["attempts"] == 1]
        return len(channel.letters) == COUNT - 1 and len(put_off) == 1

    await meanwhile(Sender(office, channel).run(), sent, "the neighbours are told")


def worded(bad: str, said: Any, *rest: Any) -> Words:
    if said["number"] == bad:
        raise KeyError("no sentence")
    return Words("It is there.", "https://example.vn/t")


async def registered(on: Ground, place: int) -> uuid.UUID:
    made = uuid.uuid4()
    async with on.pool.acquire() as con, con.transaction():
        person, sealed = await contacts.store(
            con, on.vault, "shop", made, Contact(f"+8491234567{place}", None, "vi")
        )
        await con.execute(
            "insert into registrations (registration_id, shipper, carrier, number, version, person_hash,"
            " contacts, language) values ($1, 'shop', 'ghn', $2, 1, $3, $4, 'vi')",
            made, f"N{place}", person, sealed,
        )  # fmt: skip
    return made


async def of_doubtful(on: Ground) -> None:
    await add_shipper(on.pool, "shop", "Shop")
    for place in range(COUNT):
        each = await registered(on, place)
        number = f"N{place}"
        await plan(on.pool, on.vault, milestone(registration_id=str(each), number=number, event_id=number))
    await on.pool.execute(
        "update messages set state = 'submitting', lease_until = now() - interval '1 hour'"
    )
    on.patch.setattr("services.notifier.office.split_key", partial(split, on))
    office = Office(on.pool, on.vault, Codec(), NotifierSettings(**on.settings.model_dump()))

    async def listed() -> bool:
        count = await on.pool.fetchval("select count(*) from messages where state = 'in_doubt'")
        return bool(count == COUNT - 1 and await on.noted("doubtful") == 1)

    await meanwhile(
        Sender(office, FakeChannel()).run(),
        listed,
        "the neighbours are in doubt",
        partial(on.recovers, "doubtful"),
    )


def split(on: Ground, key: str) -> tuple[str, str]:
    if key == f"ghn:N{on.bad}":
        raise ValueError("no key of ours")
    return split_key(key)


async def of_mappings(on: Ground) -> None:
    for place in range(COUNT):
        status = "teleported" if place == on.bad else "delivered"
        await on.pool.execute(
            "insert into code_mappings (format, raw_code, status, provisional) values ('ghn', $1, $2, false)",
            f"code-{place}", status,
        )  # fmt: skip
    found = (await held.mapped(on.pool, all_recipes(None)))["ghn"].codes
    assert sum(f"code-{place}" in found for place in range(COUNT)) == COUNT - 1
    assert await on.noted("mappings") == 1
    await on.pool.execute("update code_mappings set status = 'lost' where status = 'teleported'")
    assert len((await held.mapped(on.pool, all_recipes(None)))["ghn"].codes) > COUNT


async def of_manifests(on: Ground, *, hangs: bool) -> None:
    """One fails or takes for ever to be counted; it is not looked at again at once, and the others are."""
    count = manifests._seen
    await add_carrier(on.pool, Carrier("vnp", "VNPost", "buuta"))
    began = datetime.fromtimestamp(MORNING / 1000, UTC)
    for place in range(COUNT):
        declared = Manifest(manifest=f"M-{place}", since=began, until=began + timedelta(hours=1), pieces=1)
        await manifests.declare(on.pool, "vnp", declared)

    async def counted(con: Any, carrier: Carrier, row: Any) -> Any:
        if row["manifest"] == f"M-{on.bad}":
            await (forever if hangs else failing)()
        return await count(con, carrier, row)

    on.patch.setattr(manifests, "_seen", counted)
    on.patch.setattr(manifests, "ONE_SECONDS", 0.5 if hangs else 60.0)
    await manifests.check(on.pool)
    looked = "select count(*) from manifests where checked_at is not null"
    assert await on.pool.fetchval(looked) == COUNT - 1
    assert await on.noted("manifests") == 1
    on.bad = NONE_OF_THEM
    await set_aside.retry(on.pool, "manifests", None)
    await manifests.check(on.pool)
    assert await on.pool.fetchval(looked) == COUNT


STEPS = ("held.measure", "measure_silence", "manifests.check", "set_aside.measure", "held.mapped")


async def of_follow(on: Ground, *, hangs: bool) -> None:
    """One of ingest's steps fails, or never returns: what keys were used for and what was reported is written."""
    on.patch.setattr("services.ingest.app.FOLLOW_SECONDS", 0.05)
    name = STEPS[on.bad % len(STEPS)]
    step: Step = forever if hangs else failing
    on.patch.setattr(f"services.ingest.app.{name}", step)
    key, _ = await add_carrier(on.pool, Carrier("vnp", "VNPost", "buuta"))
    async with (
        wire(IngestSettings(**on.settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):

        async def answered() -> bool:
            answer = await client.post("/v1/scans", json=[GOOD], headers={"Authorization": f"Bearer {key}"})
            return answer.status_code == 200

        async def written() -> bool:
            hours = await on.pool.fetchval("select count(*) from report_hours")
            return bool(hours and await on.pool.fetchval("select count(*) from key_usage"))

        await until(answered, "a report is taken")
        await until(written, f"what comes behind {name} is written down")


async def failing(*_: Any) -> None:
    raise RuntimeError("a fault of ours")


async def forever(*_: Any) -> None:
    await asyncio.Event().wait()


async def of_namings(on: Ground) -> None:
    await add_shipper(on.pool, "shop", "Shop")
    await add_carrier(on.pool, Carrier("ghn", "GHN", "ghn"))
    await on.pool.executemany(
        "insert into parcel_shippers (owner, number, shipper, named_at, carrier, applied)"
        " values ('ghn', $1, 'shop', 0, 'ghn', false)",
        [(f"N{place}",) for place in range(COUNT)],
    )
    follow = Registrar._follow

    async def followed(registrar: Registrar, con: Any, parcel: Any) -> int:
        if parcel.number == f"N{on.bad}":
            raise ValueError("a fault of ours")
        return await follow(registrar, con, parcel)

    on.patch.setattr(Registrar, "_follow", followed)
    registrar = Registrar(on.vault, Codec(), PortalSettings(**on.settings.model_dump()))

    async def applied() -> bool:
        done = await on.pool.fetchval("select count(*) from parcel_shippers where applied")
        return bool(done == COUNT - 1 and await on.noted("namings") == 1)

    step = partial(registrar.follow_namings, on.pool)
    await meanwhile(
        run_forever("namings", step, 0.05),
        applied,
        "the neighbours follow",
        partial(on.recovers, "namings"),
    )


async def of_retention(on: Ground) -> None:
    """One table's rule that fails, among those of others."""
    rules = [
        Rule(f"t{place}", "test", "a day", 1, "at < $1" if place != on.bad else "no_such_column < $1")
        for place in range(COUNT)
    ]
    on.patch.setattr(retention, "RULES", rules)
    for rule in rules:
        await on.pool.execute(f"create table {rule.table} as select timestamptz '2020-01-01' as at")

    async def swept() -> bool:
        left = [await on.pool.fetchval(f"select count(*) from t{place}") for place in range(COUNT)]
        return bool(sum(left) == left[on.bad] == 1)

    old = Retention(on.pool, TrackerSettings(**on.settings.model_dump()))
    await meanwhile(run_forever("retention", old.turn, 0.05), swept, "the neighbours are swept")


async def of_forgetting(on: Ground) -> None:
    """A parcel that something holds on to, with pages of others before and behind it."""
    on.patch.setattr("services.tracker.retention.PAGE", 2)
    numbers = [f"N{place}" for place in range(COUNT)]
    then = -24 * 2_000
    async with worker(on.settings, on.pool) as tracker:
        scans = [scan("accepted", then)._replace(number=each) for each in numbers]
        await tracker.handle(chunk(on.settings, 0, scans))
    await archived(on.pool, on.settings.events_topic, range(on.settings.partitions), now_ms())
    await on.pool.execute("create table holds (parcel_key text references parcels)")
    await on.pool.execute("insert into holds values ($1)", f"ghn:N{on.bad}")

    async def forgotten() -> bool:
        return bool(
            await on.pool.fetchval("select count(*) from parcels") == 1 == await on.noted("retention")
        )

    async def mended() -> None:
        await on.pool.execute("delete from holds")

    old = Retention(on.pool, TrackerSettings(**on.settings.model_dump()))
    await meanwhile(
        run_forever("retention", old.turn, 0.05),
        forgotten,
        "the neighbours are forgotten",
        partial(on.recovers, "retention", mended),
    )
    assert await on.pool.fetchval("select count(*) from parcels") == 0


CASES: dict[str, Case] = {
    "outbox": of_outbox,
    "spool": of_spool,
    "shelter": of_shelter,
    "details": of_details,
    "tally": of_tally,
    "polling": of_polling,
    "drop folder": of_drop_folder,
    "deadlines": of_deadlines,
    "latest": of_latest,
    "live board": of_live_board,
    "contacts": partial(of_sender, contact=True),
    "words": partial(of_sender, contact=False),
    "doubtful": of_doubtful,
    "retention": of_retention,
    "retention: parcels": of_forgetting,
    "namings": of_namings,
    "mappings": of_mappings,
    "manifests: one fails": partial(of_manifests, hangs=False),
    "manifests: one hangs": partial(of_manifests, hangs=True),
    "ingest's steps: one fails": partial(of_follow, hangs=False),
    "ingest's steps: one hangs": partial(of_follow, hangs=True),
}


@pytest.mark.parametrize("name", CASES)
async def test_one_that_fails_is_noted_until_it_goes_well_and_its_neighbours_go_on(
    name: str, settings: SharedSettings, pool: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = random.randrange(COUNT)
    await CASES[name](Ground(settings, pool, bad, folder, monkeypatch))
    left = await set_aside.listed(pool, None, COUNT)
    assert left == [], "what went well at last is still set aside"


LOOPS = {
    ("buuta/storage/outbox.py", "'outbox'"): "outbox",
    ("services/ingest/spool.py", "'spool'"): "spool",
    ("services/ingest/quarantine/shelter.py", "LOOP"): "shelter",
    ("services/ingest/doors/polling.py", "'polling'"): "polling",
    ("services/ingest/doors/drop.py", "LOOP"): "drop folder",
    ("services/tracker/deadlines.py", "LOOP"): "deadlines",
    ("services/tracker/latest.py", "'latest'"): "latest",
    ("services/portal/live.py", "'live_board'"): "live board",
    ("services/notifier/sender.py", "f'sender_{self._channel.name}'"): "words",
    ("services/tracker/app.py", "'retention'"): "retention",
    ("buuta/cli/services.py", "name"): "ingest's steps: one fails",
    ("services/portal/app.py", "'namings'"): "namings",
    ("services/ingest/app.py", "name"): "ingest's steps: one fails",
}
WITHOUT_ELEMENTS = {
    ("services/portal/transit.py", "'transit'"): "one question",
    ("buuta/streaming/lag.py", "'lag'"): "a look at all partitions at once",
    ("buuta/streaming/producer.py", "'kafka_watch'"): "a look at Kafka",
    ("buuta/storage/skew.py", "'clock'"): "a look at PostgreSQL's clock",
    ("services/ingest/doors/kafka.py", "'kafka_door'"): "its records: tests/integration/test_kafka_door.py",
    ("services/ingest/registry/keyring.py", "'keys'"): "its keys: tests/integration/test_keys.py",
    ("services/notifier/channels/sms.py", "'sms_link'"): "a connection",
    ("services/notifier/app.py", "'sms_watch'"): "a look at that connection",
    ("buuta/storage/pool.py", "'database_watch'"): "a look at PostgreSQL",
    ("buuta/demo/sinks.py", "'sms_sink'"): "the demo's SMSC: one message a turn",
}
ALONE = {
    ("buuta/storage/queues.py", "drain"): "outbox",
    ("buuta/storage/queues.py", "_again"): "spool",
    ("services/ingest/keeping.py", "settle"): "details",
    ("services/ingest/quarantine/shelter.py", "collect"): "shelter",
    ("services/ingest/registry/manifests.py", "check"): "manifests: one fails",
    ("services/ingest/registry/tally.py", "write_down"): "tally",
    ("services/notifier/sender.py", "_contacts"): "contacts",
    ("services/notifier/sender.py", "look"): "doubtful",
    ("services/portal/live.py", "_look"): "live board",
    ("services/portal/registrations.py", "follow_namings"): "namings",
    ("services/tracker/deadlines.py", "_tell"): "deadlines",
    ("services/tracker/latest.py", "once"): "latest",
    ("services/tracker/retention.py", "_forget_each"): "retention: parcels",
}


def calls(function: str) -> list[tuple[str, str, ast.Call]]:
    """Where a function is called: the file, the function that calls it, and the call."""
    return [
        (str(path.relative_to(ROOT)), around.name, call)
        for folder in ("buuta", "services")
        for path in (ROOT / folder).rglob("*.py")
        for around in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(around)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == function
    ]


def test_every_loop_that_there_is_has_its_case() -> None:
    found = {(path, ast.unparse(call.args[0])) for path, _, call in calls("run_forever")}
    assert found == LOOPS.keys() | WITHOUT_ELEMENTS.keys()
    assert set(LOOPS.values()) <= CASES.keys()


def test_whatever_works_on_each_element_alone_has_its_case() -> None:
    assert {(path, around) for path, around, _ in calls("each_alone")} == ALONE.keys()
    assert set(ALONE.values()) <= CASES.keys()
