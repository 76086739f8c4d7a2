"""Nothing is read before the caller is known and the size is allowed: raw sockets against real processes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import psutil
import pytest

from buuta.demo.stack import Stack, running
from buuta.telemetry.connections import HEAD_SECONDS, MOST_OF_ONE
from buuta.web.limits import BODY_SECONDS
from tests.waiting import until

MEGABYTE = 1_000_000
HUGE = 400 * MEGABYTE
ROOM = 60 * MEGABYTE
"""How much a process may grow by what it does not take."""
SILENT = 200


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    async with running(("ingest", "portal"), durable=False, preferred={}) as made:
        yield made


@contextlib.contextmanager
def little_memory(stack: Stack, service: str) -> Iterator[None]:
    """A process that grows by no more than there is room for, at any moment that is looked at."""
    process = psutil.Process(stack.children[service].process.pid)
    before = process.memory_info().rss
    yield
    grown = process.memory_info().rss - before
    assert grown < ROOM, f"{service} grew by {grown / MEGABYTE:.0f} MB"


async def answer_to(port: int, head: bytes, body: AsyncIterator[bytes], seconds: float = 60) -> bytes:
    """What a server says, read while the body is sent; b"" where it only closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(head)
            async for part in body:
                writer.write(part)
                await writer.drain()

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                return (await reader.read(65_536)).partition(b"\r\n")[0]
            return b""
    finally:
        sending.cancel()
        writer.close()


async def nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def megabytes(size: int, *, chunked: bool = False) -> AsyncIterator[bytes]:
    part = b"[" * MEGABYTE
    for _ in range(size // MEGABYTE):
        yield b"%x\r\n%s\r\n" % (len(part), part) if chunked else part


async def drops(part: bytes, every: float = 0.3) -> AsyncIterator[bytes]:
    while True:
        yield part
        await asyncio.sleep(every)


def head(method: str, path: str, *lines: str) -> bytes:
    said = [f"{method} {path} HTTP/1.1", "Host: buuta", "Content-Type: application/json", *lines, "", ""]
    return "\r\n".join(said).encode()


JSON_ROUTES = [
    ("portal", "POST", "/v1/parcels"),
    ("portal", "PATCH", "/v1/parcels/6a3f1f0e-0000-0000-0000-000000000000"),
    ("ingest", "POST", "/v1/manifests"), ("ingest", "POST", "/v1/scans"), ("ingest", "POST", "/epcis/capture"),
    ("ingest", "POST", "/v1/operations/quarantine/map"), ("ingest", "POST", "/v1/operations/quarantine/drop"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "method", "path"), JSON_ROUTES)
async def test_400_megabytes_of_somebody_unknown_are_neither_read_nor_kept(
    stack: Stack, service: str, method: str, path: str
) -> None:
    port = stack.ports[service]
    with little_memory(stack, service):
        declared = head(method, path, f"Content-Length: {HUGE}")
        assert b" 413 " in await answer_to(port, declared, megabytes(HUGE))
        for key in ((), ("Authorization: Bearer bk_nobody",)):
            small = head(method, path, "Content-Length: 60000", *key)
            assert b" 401 " in await answer_to(port, small, nothing()), "answered before the body is there"
            endless = head(method, path, "Transfer-Encoding: chunked", *key)
            assert b" 401 " in await answer_to(port, endless, megabytes(HUGE, chunked=True))


@pytest.mark.parametrize("service", ["ingest", "portal"])
async def test_400_megabytes_of_somebody_known_end_at_the_limit(stack: Stack, service: str) -> None:
    key = {"ingest": stack.keys["vnp"][0], "portal": stack.shipper_key}[service]
    paths = {"ingest": ("/v1/scans", "/v1/manifests"), "portal": ("/v1/parcels",)}[service]
    with little_memory(stack, service):
        for path in paths:
            endless = head("POST", path, "Transfer-Encoding: chunked", f"Authorization: Bearer {key}")
            assert b" 413 " in await answer_to(stack.ports[service], endless, megabytes(HUGE, chunked=True))


async def test_a_webhook_without_a_token_is_not_read(stack: Stack) -> None:
    with little_memory(stack, "ingest"):
        endless = head("POST", "/v1/webhooks/bw_nobody/ghn", "Transfer-Encoding: chunked")
        assert b" 404 " in await answer_to(stack.ports["ingest"], endless, megabytes(HUGE, chunked=True))


@pytest.mark.parametrize("place", ["ingest", "portal", "operations"])
async def test_a_head_beyond_its_limits_is_refused_while_it_comes(stack: Stack, place: str) -> None:
    port = stack.inside["portal"] if place == "operations" else stack.ports[place]
    service = "portal" if place == "operations" else place
    begun = b"GET / HTTP/1.1\r\nHost: buuta\r\n"

    async def of(*parts: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    with little_memory(stack, service):
        many = b"".join(b"x-%d: 1\r\n" % number for number in range(10_000))
        assert b" 431 " in await answer_to(port, begun + many + b"\r\n", nothing())
        some = b"".join(b"x-%d: 1\r\n" % number for number in range(101))
        assert b" 431 " in await answer_to(port, begun + some + b"\r\n", nothing())
        assert b" 431 " in await answer_to(port, begun + b"x: ", megabytes(HUGE))
        assert b" 414 " in await answer_to(port, b"GET /" + b"a" * 20_000, of(b" HTTP/1.1\r\n\r\n"))
        assert b" 414 " in await answer_to(port, b"GET /", megabytes(HUGE))
        assert b" 400 " in await answer_to(port, b"\x16\x03\x01 this is TLS\r\n\r\n", nothing())


async def test_silent_and_dripping_connections_end_and_others_are_served_meanwhile(stack: Stack) -> None:
    port, key = stack.ports["portal"], stack.shipper_key
    known = f"Authorization: Bearer {key}"
    slow = [
        answer_to(port, b"", nothing()),
        answer_to(port, b"GET / HTTP/1.1\r\n", drops(b"x: 1\r\n")),
        answer_to(port, b"", drops(b"\r\n")),
        answer_to(port, head("POST", "/v1/parcels", "Content-Length: 5000", known), drops(b"[")),
        answer_to(port, head("POST", "/v1/parcels", "Content-Length: 5000", known), nothing()),
    ]
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT)]
    started = time.monotonic()
    waiting = [asyncio.create_task(each) for each in slow]
    async with httpx.AsyncClient(timeout=10) as client:
        for _ in range(10):
            assert (await client.get(f"{stack.url('portal')}/v1/carriers")).status_code == 200
    ended = await asyncio.gather(*waiting)
    assert time.monotonic() - started < 2 * max(HEAD_SECONDS, BODY_SECONDS) + 10
    assert ended[0] == b"", "who says nothing hears nothing"
    assert [b" 408 " in each for each in ended[1:]] == [True] * 4
    for reader, writer in silent:
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()

    async def gone() -> bool:
        process = psutil.Process(stack.children["portal"].process.pid)
        return (
            len([each for each in process.net_connections("tcp") if each.laddr.port == port]) < SILENT / 2
        )

    await until(gone, "the connections are closed")


async def test_one_address_does_not_take_all_connections(stack: Stack) -> None:
    port = stack.ports["ingest"]
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_OF_ONE + 20)]

    async def refused() -> bool:
        return sum(reader.at_eof() for reader, _ in opened) >= 20

    asking = [asyncio.create_task(reader.read()) for reader, _ in opened]
    await until(refused, "those beyond the limit are closed", HEAD_SECONDS - 2)
    assert b" 200 " in await answer_to(stack.inside["ingest"], head("GET", "/health/live"), nothing())
    for _, writer in opened:
        writer.close()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_pipelined_requests_take_neither_memory_nor_the_turn_of_others(stack: Stack) -> None:
    port = stack.ports["portal"]
    many = head("GET", "/v1/carriers") * 20_000
    with little_memory(stack, "portal"):
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        for _, writer in opened:
            writer.write(many)
        started = time.monotonic()
        assert b" 200 " in await answer_to(port, head("GET", "/v1/carriers"), nothing())
        assert time.monotonic() - started < 2, "others are served meanwhile"
        for reader, writer in opened:
            async with asyncio.timeout(60):
                with contextlib.suppress(ConnectionError):
                    assert b"HTTP/1.1 429 " in await reader.read()
            writer.close()
