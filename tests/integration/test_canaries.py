"""A thousand canaries in every field of every door: names, telephones and e-mails that nobody may find in clear.

Each stands once in the place of one field. Afterwards every column of every table, every topic, the log, the
metrics, the pages and what a carrier reads are searched for all of them.
"""

import copy
import csv
import io
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from buuta.contracts.codec import Codec
from buuta.settings import SharedSettings
from buuta.storage.vault import Vault, read_master_key
from buuta.streaming.topics import topics as topics_of
from buuta.telemetry.service import http
from services.ingest.domain.document import document_of
from services.ingest.doors.drop import DropFolder
from services.ingest.doors.file import take_file
from services.ingest.doors.kafka import KafkaDoor
from services.ingest.doors.polling import PollingDoor
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from services.portal.storage import add_shipper
from tests.golden import WEBHOOK_PAIRS
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, add_carrier, inside, intake_on, operations
from tests.integration.drops import look_once
from tests.integration.parts import everything, producer_on
from tests.integration.test_epcis import event, packing
from tests.integration.test_kafka_door import SCAN
from tests.waiting import until

ITEM: Final = {
    **GOOD, "place": "BC Hoàn Kiếm", "reason": "other", "delivery_mode": "address", "facility": "BC1",
    "province": "01", "commune": "00070", "natural_id": "n-1", "digital_address": "9876543210", "latitude": 21.0,
    "longitude": 105.8, "plus_code": "7PH82R3Q+C9", "note": "left with a neighbour",
    "proof_links": ["https://pod.example/1.jpg"], "receiver": "who", "phone": "1",
}  # fmt: skip
PARCEL: Final = {
    "carrier": "vnp", "number": GOOD["number"], "recipient": {"phone": "+84912345678", "email": "a@b.vn"},
    "destination": {"province": "01", "commune": "00070", "digital_address": "9876543210", "latitude": 21.0,
                    "longitude": 105.8}, "service": "standard",
}  # fmt: skip


class Aviary:
    """Makes canaries, each once, and knows them all."""

    def __init__(self) -> None:
        self._numbers = itertools.count(10_000)
        self.all: list[str] = []

    def some(self) -> tuple[str, ...]:
        """A name, a name in ASCII, a telephone at home and from abroad, an e-mail; both as codes."""
        number = next(self._numbers)
        letters = "".join("abcdefghij"[int(digit)] for digit in str(number))
        made = (
            f"Nguyễn Thị Canary{letters}", f"Nguyen Van Canary{letters}", f"0912{number}7"[:10].ljust(10, "3"),
            f"+84987{number}9", f"canary{number}@lan.vn",
            f"BC0912-{str(number)[:3]}-{str(number)[3:]}7", f"Nguyen.Van.Canary{letters}.90",
        )  # fmt: skip
        self.all += made
        return made


def leaves(said: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every text and number in a payload."""
    if isinstance(said, dict):
        for name, value in said.items():
            yield from leaves(value, (*path, name))
    elif isinstance(said, list):
        for place, value in enumerate(said):
            yield from leaves(value, (*path, place))
    else:
        yield path


def with_canary(said: Any, path: tuple[Any, ...], canary: str) -> Any:
    """The payload with a canary in the place of one value."""
    changed = copy.deepcopy(said)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = canary
    return changed


def sung(said: Any, aviary: Aviary) -> Iterator[Any]:
    """The payload again and again, with each kind of canary in each of its fields."""
    for path in leaves(said):
        for canary in aviary.some():
            yield with_canary(said, path, canary)


async def through_webhooks(door: Door, aviary: Aviary, pool: Any) -> None:
    samples = [
        (recipe.format, pair)
        for recipe, pair in WEBHOOK_PAIRS
        if pair.payload and pair.becomes == "accepted"
    ]
    for name in sorted({name for name, _ in samples}):
        _, token = await add_carrier(pool, Carrier(f"its{name}"[:16], name, name))
        for pair in [pair for own, pair in samples if own == name][:2]:
            for payload in sung(dict(pair.payload), aviary):
                await door.client.post(
                    f"/v1/webhooks/{token}/{name}", json=payload, headers=dict(pair.headers)
                )


async def through_batches(door: Door, aviary: Aviary, _: Any) -> None:
    for item in sung(ITEM, aviary):
        await door.scans([item])
        known = {name: value for name, value in item.items() if name not in ("receiver", "phone")}
        await door.scans([known])
    for canary in aviary.some():
        headers = {
            "Authorization": f"Bearer {door.secrets['vnp'][0]}",
            "Idempotency-Key": canary.encode().hex(),
        }
        await door.client.post("/v1/scans", headers=headers, json=[{**GOOD, canary: canary}])
    for canary in aviary.some()[2:]:
        headers = {"Authorization": f"Bearer {door.secrets['vnp'][0]}", "Idempotency-Key": canary}
        await door.client.post("/v1/scans", headers=headers, json=[GOOD])


async def through_epcis(door: Door, aviary: Aviary, pool: Any) -> None:
    secret, _ = await add_carrier(pool, Carrier("gs1post", "A post", "epcis"))
    headers = {"Authorization": f"Bearer {secret}"}
    plain = event("delivering", 1, "urn:buuta:parcel:AAA1") | {
        "readPoint": {"id": "urn:buuta:facility:BC1"}
    }
    for path in leaves(plain):
        for canary in aviary.some():
            prefix = "urn:buuta:parcel:" if path[0] == "epcList" else ""
            prefix = "urn:buuta:facility:" if path[0] == "readPoint" else prefix
            said = with_canary(plain, path, f"{prefix}{canary}")
            await door.client.post("/epcis/capture", json=document_of([said]), headers=headers)


async def through_bags(door: Door, aviary: Aviary, pool: Any) -> None:
    """Whatever an event names that may hold parcels, in each of its fields, as a URI of one's own."""
    secret, _ = await add_carrier(pool, Carrier("gs1bags", "A post with bags", "epcis"))
    headers = {"Authorization": f"Bearer {secret}"}
    bag, own = "urn:own:bag:1", {"eventID": "urn:own:event:1", "disposition": "urn:own:disp:1"}
    moved = event("urn:own:step:1", 2, bag, **own, readPoint={"id": "urn:own:place:1"}) | {
        "urn:buuta:ext:reason": "addressee_absent"
    }
    for plain in (packing("ADD", 1, bag, "urn:buuta:parcel:AAA1", "urn:own:bag:2", **own), moved):
        for path in leaves(plain):
            for canary in aviary.some():
                word = quote(canary, safe="")
                said = with_canary(
                    plain, path, word if path[0] == "urn:buuta:ext:reason" else f"urn:own:{word}"
                )
                await door.client.post("/epcis/capture", json=document_of([said]), headers=headers)


async def through_manifests(door: Door, aviary: Aviary, _: Any) -> None:
    plain = {"manifest": "M-1", "since": "2026-11-24T00:00:00+07:00", "until": "2026-11-25T00:00:00+07:00",
             "numbers": ["Z82BS"], "code": "delivered"}  # fmt: skip
    key = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    assert (await door.client.post("/v1/manifests", headers=key, json=plain)).status_code == 201
    for said in sung(plain, aviary):
        await door.client.post("/v1/manifests", headers=key, json=said)
        squeezed = {name: value.replace(" ", "") if name in ("manifest", "code") else value
                    for name, value in said.items()}  # fmt: skip
        await door.client.post("/v1/manifests", headers=key, json=squeezed)


async def through_polling(settings: SharedSettings, pool: Any, folder: Path, aviary: Aviary) -> None:
    """A carrier that only answers sings in each field of what it answers."""
    items = [*sung(ITEM, aviary), *({**GOOD, "note": canary} for canary in aviary.some())]
    for name in ("number", "code", "occurred_at"):
        items += [{name: GOOD[name], "ocurred": "x", "receiver": canary} for canary in aviary.some()]

    async def answer(request: Request) -> JSONResponse:
        after = int(request.query_params.get("after", "0"))
        page = items[after : after + int(request.query_params["limit"])]
        return JSONResponse({"items": page, "next": str(after + len(page))})

    await add_carrier(pool, Carrier("quiet", "It only answers", "buuta"))
    (folder / "key").write_text("their-key-of-ours\n")
    app = Starlette(routes=[Route("/events", answer)])
    async with (
        http(app, IngestSettings(**settings.model_dump() | {"port": 0})) as port,
        producer_on(settings) as producer,
        httpx.AsyncClient() as client,
    ):
        where = f"http://127.0.0.1:{port}/events"
        arguments = ("--url", where, "--every", "3600", "--secret-file", str(folder / "key"))
        near = IngestSettings(**settings.model_dump() | {"ingest_poll_near": True})
        made = await buuta(near, "carrier", "poll", "quiet", *arguments)
        assert made.code == 0, made.said
        vault = Vault(read_master_key(settings.master_key))
        door = PollingDoor(intake_on(settings, producer, pool), vault)

        async def is_through() -> bool:
            # The ingest that runs beside it asks as well, and may not ask this machine.
            await pool.execute("update polls set next_at = now()")
            await door.turn(client)
            return bool(await pool.fetchval("select position from polls") == str(len(items)))

        await until(is_through, "all was asked for", 120)


async def through_files(settings: SharedSettings, pool: Any, folder: Path, aviary: Aviary) -> None:
    columns = [name for name in ITEM if name not in ("receiver", "phone")]
    rows = [{**ITEM, "proof_links": "https://pod.example/1.jpg"}]
    plain = {name: str(rows[0][name]) for name in columns}
    text = io.StringIO()
    table = csv.DictWriter(text, columns)
    table.writeheader()
    table.writerows(sung(plain, aviary))
    path = folder / f"{aviary.some()[1]}.csv"
    path.write_text(text.getvalue())
    async with producer_on(settings) as producer:
        await take_file(
            intake_on(settings, producer, pool), Carrier("vnp", "vnp", "buuta"), path, lambda _: None
        )


async def through_names(settings: SharedSettings, pool: Any, folder: Path, aviary: Aviary) -> list[str]:
    """Files and folders that are called by people, taken in and refused; returns what a command said."""
    said: list[str] = []
    inbox = folder / "inbox"
    (inbox / "vnp").mkdir(parents=True)
    good = f"number,code,occurred_at\n{GOOD['number']},delivered,2026-11-24T09:30:00Z\nx,y,z\n"
    for canary in aviary.some():
        (inbox / "vnp" / f"{canary}.csv").write_text(good)
        (inbox / "vnp" / f"{canary} 2.csv").write_text(f"{canary}\n")
        (inbox / canary).mkdir()
        (inbox / canary / f"{canary}.csv").write_text(good)
        (folder / f"{canary}.csv").write_text(good.replace("x,y,z", f"x,y,{canary}"))
        path = folder / f"{canary}.csv"
        said.append((await buuta(settings, "ingest", "file", str(path), "--carrier", "vnp")).said)
        (folder / f"{canary}.csv.rejected.csv").unlink()
    async with producer_on(settings) as producer:
        watching = DropFolder(inbox, intake_on(settings, producer, pool))
        assert [*await look_once(watching), *await look_once(watching)] == []
    assert not [path for path in inbox.glob("*/*") if path.is_file()], "all were moved"
    return said


async def through_kafka(settings: SharedSettings, pool: Any, aviary: Aviary) -> None:
    plain: dict[str, Any] = SCAN._asdict()
    async with producer_on(settings) as producer:
        door = KafkaDoor(settings.kafka, intake_on(settings, producer, pool), Codec())
        for name in ("number", "raw_code", "facility", "province", "commune"):
            values = [Codec().encode("ScanEvent", plain | {name: each}) for each in aviary.some()]
            await door.take("vnp", [*values, *(each.encode() for each in aviary.some())])


async def through_registration(settings: SharedSettings, pool: Any, aviary: Aviary) -> list[str]:
    """Registers, and looks at pages and open data; returns what was answered to readers."""
    shop = {"Authorization": f"Bearer {await add_shipper(pool, 'shop', 'Shop')}"}
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://portal"
        ) as client,
    ):
        for place, said in enumerate(sung(PARCEL, aviary)):
            numbered = said if said["number"] != PARCEL["number"] else {**said, "number": f"N{place:05}"}
            again = {"Idempotency-Key": aviary.some()[3]}
            await client.post("/v1/parcels", headers=shop | again, json=numbered)
        seen = [(await client.get("/v1/rates")).text, await metrics_of(operations(app))]
        for row in await pool.fetch("select distinct number from registrations limit 20"):
            seen.append((await client.get(f"/t/vnp/{row['number']}")).text)
    return seen


async def metrics_of(inside: httpx.AsyncClient) -> str:
    """What the operations port says to Prometheus."""
    answer = await inside.get("/metrics")
    assert answer.status_code == 200
    assert "buuta_ingest_items_total{" in answer.text
    return answer.text


async def all_records(settings: SharedSettings) -> dict[str, bytes]:
    """Keys, values and headers of every topic there is."""
    found = {}
    for topic in topics_of(settings):
        records = await everything(settings, topic.name, range(topic.partitions))
        parts = [
            part
            for each in records
            for part in (each.key or b"", each.value or b"", *dict(each.headers).values())
        ]
        found[topic.name] = b"\n".join(parts)
    return found


def added_to_refused(folder: Path) -> list[str]:
    """Line, code and message of each refused line of the file that was taken in."""
    [rejected] = folder.glob("*.rejected.csv")
    with rejected.open(encoding="utf-8", newline="") as source:
        return [" ".join(row[:3]) for row in csv.reader(source)]


async def exports(settings: SharedSettings, folder: Path) -> dict[str, bytes]:
    """The archive, and what we add to the refused lines of a file: the sender's own columns stay his own."""
    made = await buuta(settings, "log", "archive", str(folder / "archive"))
    assert made.code == 0, made.said
    tables = [pq.read_table(path) for path in (folder / "archive").rglob("*.parquet")]
    assert sum(table.num_rows for table in tables) > 0
    ours = added_to_refused(folder)
    assert len(ours) > 1
    rows = "\n".join(repr(table.to_pylist()) for table in tables)
    return {"archive": rows.encode(), "refused lines": "\n".join(ours).encode()}


async def all_columns(pool: Any) -> dict[str, bytes]:
    """Every table's content: texts as they are, and bytes as bytes."""
    found = {}
    for row in await pool.fetch("select table_name from information_schema.tables where table_schema = 'public' "
                                "and table_type = 'BASE TABLE'"):  # fmt: skip
        table, parts = row["table_name"], []
        for record in await pool.fetch(f'select * from "{table}"'):
            parts += [
                value if isinstance(value, bytes) else str(value).encode() for value in record.values()
            ]
        found[table] = b"\n".join(parts)
    return found


def songs(canaries: list[str], where: Mapping[str, bytes]) -> list[str]:
    """Where which canary is found: the canary itself and its telltale parts, in whatever case."""
    heard = []
    for name, content in where.items():
        lower = content.decode("utf-8", "replace").casefold()
        for canary in canaries:
            word = canary.split()[-1].casefold()
            if any(each in lower for each in (word, word.lstrip("+"), quote(word, safe="").casefold())):
                heard.append(f"{canary} in {name}")
    return heard


async def test_no_canary_is_found_in_clear_wherever_it_came_in(
    door: Door, settings: SharedSettings, pool: Any, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    aviary = Aviary()
    doors: list[Callable[..., Awaitable[None]]] = [
        through_webhooks, through_batches, through_epcis, through_bags, through_manifests,
    ]  # fmt: skip
    for way in doors:
        await way(door, aviary, pool)
    await through_files(settings, pool, folder, aviary)
    said = await through_names(settings, pool, folder, aviary)
    await through_kafka(settings, pool, aviary)
    await through_polling(settings, pool, folder, aviary)
    seen = [*said, *await through_registration(settings, pool, aviary)]
    assert len(aviary.all) > 1_000
    assert await pool.fetchval("select count(*) from quarantine") > 300, "they came in"
    assert await pool.fetchval("select count(*) from registrations") >= 3

    key = {"Authorization": f"Bearer {door.secrets['vnp'][0]}"}
    seen += [(await door.client.get("/v1/scans/received", headers=key)).text]
    seen += [await metrics_of(inside(door.client))]
    records = await all_records(settings)
    assert records[settings.events_topic]
    for table in ("epcis_events", "epcis_packings", "manifests"):
        assert await pool.fetchval(f"select count(*) from {table}") > 0, table
    out, err = capfd.readouterr()
    places = (
        await all_columns(pool)
        | records
        | await exports(settings, folder)
        | {"log": f"{out}{err}".encode(), "pages": "\n".join(seen).encode()}
    )
    assert songs(aviary.all, places) == []


@pytest.mark.parametrize("place", ["scans", "log"])
def test_a_canary_in_clear_is_heard(place: str) -> None:
    aviary = Aviary()
    for canary in aviary.some():
        assert songs(aviary.all, {place: f"x {canary.upper()} y".encode()})
    assert songs(aviary.all, {place: json.dumps({"n": 1}).encode()}) == []
