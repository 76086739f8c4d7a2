"""What a carrier answers takes no more memory, time and trust than it was given, and no other carrier's turn."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.storage.vault import Vault, read_master_key
from services.ingest.domain.item import ScanItem
from services.ingest.doors import polling
from services.ingest.doors.polling import PollingDoor
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import GOOD, add_carrier, intake_on, log
from tests.integration.parts import producer_on
from tests.waiting import until

Serve = Callable[[bytes, asyncio.StreamWriter], Any]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


class Servers:
    """Carriers that answer what bytes they like, and what they were asked."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._servers: list[asyncio.Server] = []
        self.asked: list[bytes] = []

    async def carrier(
        self, code: str, serve: Serve, path: str = "/events", host: str = "127.0.0.1"
    ) -> None:
        """A carrier that is asked at a server of its own."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            await serve(head, writer)
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self._servers.append(server)
        port = server.sockets[0].getsockname()[1]
        await add_carrier(self._pool, Carrier(code, code, "buuta"))
        await self._pool.execute(
            "insert into polls (carrier, url, every_seconds) values ($1, $2, 3600)",
            code, f"http://{host}:{port}{path}",
        )  # fmt: skip

    async def close(self) -> None:
        for server in self._servers:
            server.close()


@pytest.fixture
async def servers(pool: Any) -> AsyncIterator[Servers]:
    made = Servers(pool)
    yield made
    await made.close()


@pytest.fixture
async def door(settings: SharedSettings, pool: Any) -> AsyncIterator[PollingDoor]:
    async with producer_on(settings) as producer:
        yield PollingDoor(intake_on(settings, producer, pool), Vault(read_master_key(settings.master_key)))


def answers(body: bytes, *headers: bytes) -> Serve:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        lines = b"".join(header + b"\r\n" for header in headers)
        writer.write(HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    return serve


async def drips(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n[")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def turn(door: PollingDoor) -> None:
    async with httpx.AsyncClient() as client:
        await door.turn(client)


async def error(pool: Any, code: str = "odd") -> str:
    return str(await pool.fetchval("select last_error from polls where carrier = $1", code))


PAGE = json.dumps({"items": [GOOD], "next": None}).encode()
BOMB = gzip.compress(b" " * 200_000_000)


@pytest.mark.parametrize(
    ("serve", "says"),
    [
        (answers(gzip.compress(BOMB), b"Content-Encoding: gzip, gzip"), "pack by one of"),
        (answers(gzip.compress(BOMB), b"Content-Encoding: gzip", b"Content-Encoding: gzip"), "pack by one of"),
        (answers(BOMB, b"Content-Encoding: gzip"), "unpacks to more"),
        (answers(b"x", b"Content-Encoding: br"), "pack by one of"),
        (answers(b"x" * 10_000_001), "more than 10000000"),
        (answers(b"no gzip", b"Content-Encoding: gzip"), "not gzip"),
        (answers(json.dumps({"items": [5] * 10_001}).encode()), "more than 10000 items"),
    ],
    ids=["twice", "two headers", "bomb", "unknown", "long", "no gzip", "items"],
)  # fmt: skip
async def test_an_answer_that_is_too_much_is_no_answer(
    door: PollingDoor, servers: Servers, pool: Any, serve: Serve, says: str
) -> None:
    await servers.carrier("odd", serve)
    await turn(door)
    assert says in await error(pool)


@pytest.mark.parametrize("position", ["c\x00", "c\ud800"], ids=["NUL", "surrogate"])
async def test_a_page_whose_position_cannot_be_kept_is_refused_before_it_is_taken(
    door: PollingDoor, servers: Servers, settings: SharedSettings, pool: Any, position: str
) -> None:
    await servers.carrier("odd", answers(json.dumps({"items": [GOOD], "next": position}).encode()))
    await turn(door)
    assert "next must have at most 500 characters" in await error(pool)
    assert (await log(settings), await pool.fetchval("select position from polls")) == ([], "")


@pytest.mark.parametrize("odd", ["x\x00", "x\ud800", "x" * 100_000], ids=["NUL", "surrogate", "long"])
async def test_what_cannot_be_kept_of_an_item_keeps_no_position_from_moving(
    door: PollingDoor, servers: Servers, settings: SharedSettings, pool: Any, odd: str
) -> None:
    items = [{**GOOD, name: odd} for name in [*ScanItem.model_fields, odd]] + [odd, GOOD]
    await servers.carrier("odd", answers(json.dumps({"items": items, "next": "2"}).encode()))
    await turn(door)
    assert await error(pool) == "None"
    assert await pool.fetchval("select position from polls") == "2"
    assert {each["number"] for each in await log(settings)} == {GOOD["number"]}


async def test_an_answer_that_is_packed_is_read(
    door: PollingDoor, servers: Servers, settings: SharedSettings
) -> None:
    await servers.carrier("odd", answers(gzip.compress(PAGE), b"Content-Encoding: gzip"))
    await turn(door)
    assert len(await log(settings)) == 1


async def test_who_drips_holds_up_no_other_and_has_an_end(
    door: PollingDoor,
    servers: Servers,
    settings: SharedSettings,
    pool: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "WHOLE_SECONDS", 4.0)
    for place in range(polling.AT_ONCE - 1):
        await servers.carrier(f"drip{place}", drips)
    await servers.carrier("zzz", answers(PAGE))
    asking = asyncio.create_task(door.run())
    try:
        await until(lambda: taken(settings), "the honest carrier is asked beside those that drip")
        await until(lambda: all_failed(pool), "each that drips comes to its end")
    finally:
        asking.cancel()
    assert "does not answer: TimeoutError" in await error(pool, "drip0")


async def taken(settings: SharedSettings) -> bool:
    return len(await log(settings)) == 1


async def all_failed(pool: Any) -> bool:
    return bool(await pool.fetchval("select count(*) from polls where failures > 0") == polling.AT_ONCE - 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_an_address_of_our_own_house_is_not_asked_unless_a_setting_allows_it(
    door: PollingDoor, servers: Servers, pool: Any, host: str
) -> None:
    await servers.carrier("odd", answers(PAGE), host=host)
    door._near = False
    await turn(door)
    assert "BUUTA_INGEST_POLL_NEAR" in await error(pool)
    assert servers.asked == []


async def test_the_host_that_is_told_is_that_of_the_address(
    door: PollingDoor, servers: Servers, pool: Any
) -> None:
    await servers.carrier("odd", answers(PAGE), host="localhost")
    await turn(door)
    [head] = servers.asked
    port = (await pool.fetchval("select url from polls")).rsplit(":", 1)[1].split("/")[0]
    assert f"Host: localhost:{port}".encode() in head


async def test_a_secret_lies_in_no_address_that_is_kept_or_listed(
    door: PollingDoor, servers: Servers, settings: SharedSettings, pool: Any, tmp_path: Any
) -> None:
    await servers.carrier("odd", answers(PAGE))
    port = (await pool.fetchval("select url from polls")).rsplit(":", 1)[1].split("/")[0]
    secret = tmp_path / "key"
    secret.write_text("s3cr3t&x")
    for url in (f"http://me:s3cr3t@127.0.0.1:{port}/", f"http://127.0.0.1:{port}/?api_key=s3cr3t"):
        ran = await buuta(settings, "carrier", "poll", "odd", "--url", url)
        assert ran.code != 0
        assert "--secret-file" in ran.said
        assert "s3cr3t" not in ran.said
    url = f"http://127.0.0.1:{port}/?api_key={{secret}}"
    near = IngestSettings(**settings.model_dump() | {"ingest_poll_near": True})
    ran = await buuta(near, "carrier", "poll", "odd", "--url", url, "--secret-file", str(secret))
    assert ran.code == 0, ran.said
    await turn(door)
    assert b"api_key=s3cr3t%26x" in servers.asked[-1]
    assert b"authorization" not in servers.asked[-1].lower()
    await pool.execute("update polls set url = 'http://me:s3cr3t@127.0.0.1/?token=s3cr3t'")
    assert "s3cr3t" not in (await buuta(settings, "carrier", "polls")).said
