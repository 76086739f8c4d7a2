"""The edge of every HTTP app of ours: what comes before an application is asked, and what every answer says."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.requests import Request
from uvicorn.server import ServerState

from buuta.errors import Stop
from buuta.model.networks import is_among, read_networks, senders_of
from buuta.settings import SharedSettings
from buuta.telemetry import connections, upgrades
from buuta.telemetry.answers import ALWAYS
from buuta.telemetry.health import Readiness
from buuta.telemetry.service import http
from buuta.web.edge import edge_app
from buuta.web.guessing import address_of
from buuta.web.heads import ONCE
from buuta.web.limits import HttpLimits
from buuta.web.operations import operations_app

ROOT = Path(__file__).parents[2]


def edge() -> FastAPI:
    """An app that tells who asks, and one route of which breaks."""
    app = edge_app("x", "y", HttpLimits(body_bytes=1_000_000))

    @app.api_route("/who", methods=["GET", "POST"])
    async def who(request: Request) -> dict[str, str | None]:
        await request.body()
        return {"address": address_of(request), "key": request.headers.get("authorization")}

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    return app


async def heard(port: int, said: bytes, host: str = "127.0.0.1") -> bytes:
    """All that a server answers until it closes."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(said)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


HEADS = {
    "a host": (b"Host: buuta.example", 200), "a host and a port": (b"Host: buuta.example:8080", 200),
    "an address": (b"Host: 203.0.113.9:80", 200), "an address of IPv6": (b"Host: [2001:db8::1]:80", 200),
    "space around": (b"Host: \t x ", 200), "escaped": (b"Host: %C3%A4.example", 200),
    "a port or none": (b"Host: x:", 200),
    "no host": (b"X: y", 400), "an empty host": (b"Host:", 400), "two hosts": (b"Host: x\r\nHost: y", 400),
    "the same host twice": (b"Host: x\r\nhost: x", 400), "a user": (b"Host: me@x", 400),
    "space": (b"Host: x y", 400),
    "a path": (b"Host: x/y", 400), "a URL": (b"Host: http://x", 400), "two in one": (b"Host: x, y", 400),
    "no port": (b"Host: x:y", 400), "no address": (b"Host: [x]", 400), "a query": (b"Host: x?y", 400),
    "bytes": (b"Host: \xc3\xa4", 400), "backslash": (b"Host: x\\y", 400),
    "two lengths": (b"Host: x\r\nContent-Length: 0\r\nContent-Length: 0", 400),
    "other lengths": (b"Host: x\r\nContent-Length: 0\r\nContent-Length: 9", 400),
    "lengths in one": (b"Host: x\r\nContent-Length: 0, 0", 400),
    "no length": (b"Host: x\r\nContent-Length: +0", 400),
    "length and chunks": (b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 400),
    "chunks and length": (b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", 400),
    "packed chunks": (b"Host: x\r\nTransfer-Encoding: gzip, chunked", 400),
    "chunks twice": (b"Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    **{
        f"two of {name.decode()}": (b"Host: x\r\n%b: a\r\n%b: a" % (name, name.upper()), 400)
        for name in [*sorted(ONCE - {b"host", b"content-length", b"transfer-encoding"}), b"gs1-epcis-version"]
    },
    "two that may be": (b"Host: x\r\nAccept-Language: vi\r\nAccept-Language: en", 200),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "status"), HEADS.values(), ids=HEADS)
async def test_a_head_that_two_readers_would_read_differently_is_refused(lines: bytes, status: int) -> None:
    async with http(edge(), SharedSettings(operations_port=0)) as port:
        answer = await heard(port, b"GET /who HTTP/1.1\r\nConnection: close\r\n%b\r\n\r\n0\r\n\r\n" % lines)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert status == 200 or b"application/problem+json" in answer


async def test_http_1_0_knows_of_no_host() -> None:
    async with http(edge(), SharedSettings(operations_port=0)) as port:
        assert (await heard(port, b"GET /who HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("lines", [b"Host: x\r\nHost: y", b"Host: me@x", b"X: y"])
async def test_every_application_is_behind_the_same_edge(lines: bytes) -> None:
    """The operations port as well: `edge_app` makes each application."""
    makers = [
        path.as_posix()
        for part in ("buuta", "services")
        for path in sorted((ROOT / part).rglob("*.py"))
        if re.search(r"\(FastAPI\):|\b(FastAPI|Starlette)\(", path.read_text(encoding="utf-8"))
    ]
    assert makers == [(ROOT / "buuta/web/edge.py").as_posix()]
    async with http(operations_app("x", Readiness()), SharedSettings(operations_port=0)) as port:
        assert (await heard(port, b"GET /health/live HTTP/1.1\r\n%b\r\n\r\n" % lines)).startswith(
            b"HTTP/1.1 400 "
        )


WHO = b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (WHO, 200),
        (WHO.replace(b"/who", b"/none"), 404),
        (WHO.replace(b"/who", b"/broken"), 500),
        (b"this is no HTTP\r\n\r\n", 400),
        (WHO.replace(b"/who", b"/" + b"a" * 9_000), 414),
        (WHO.replace(b"Host", b"x: 1\r\n" * 101 + b"Host"), 431),
        (b"GET /who HTTP/1.1\r\n", 408),
    ],
)
async def test_every_answer_has_the_headers_of_every_answer(
    said: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    async with http(edge(), SharedSettings(operations_port=0)) as port:
        answer = await heard(port, said)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert [name for name, value in ALWAYS.items() if b"%b: %b\r\n" % (name, value) not in answer] == []


@pytest.mark.parametrize(
    ("listens", "asks", "is_called"),
    [
        ("127.0.0.1", "127.0.0.1", b"127.0.0.1"), ("::1", "::1", b"::1"),
        ("::", "::1", b"::1"), ("::", "127.0.0.1", b"127.0.0.1"),
    ],
)  # fmt: skip
async def test_a_service_listens_on_addresses_of_both_versions(
    listens: str, asks: str, is_called: bytes
) -> None:
    settings = SharedSettings(operations_port=0, operations_host=listens)
    async with http(edge(), settings) as port:
        assert b'"address":"%b"' % is_called in await heard(port, WHO, asks)


async def test_a_place_where_nothing_can_listen_is_named() -> None:
    with pytest.raises(Stop, match="cannot listen on host '2001:db8::1', port 0"):
        async with http(edge(), SharedSettings(operations_port=0, operations_host="2001:db8::1")):
            pass


@pytest.mark.parametrize("network", ["203.0.113.0/24", "::ffff:203.0.113.0/120"])
def test_an_ipv4_address_is_one_however_it_is_written(network: str) -> None:
    networks = read_networks(network)
    for address in ("203.0.113.9", "::ffff:203.0.113.9", "::ffff:cb00:7109"):
        assert is_among(address, networks)
        assert senders_of(address) == ("203.0.113.9/32", "203.0.113.0/24")
    assert not is_among("::ffff:203.0.114.9", networks)
    assert not is_among("::203.0.113.9", networks)


async def test_an_ipv6_subscriber_has_as_many_connections_as_one_address() -> None:
    class Transport:
        aborted = False

        def __init__(self, host: str) -> None:
            self.host = host

        def get_extra_info(self, name: str) -> Any:
            return {"peername": (self.host, 1), "sockname": ("::1", 80)}.get(name)

        def abort(self) -> None:
            self.aborted = True

    kind, state = upgrades.limited(()), ServerState()

    def made(host: str) -> bool:
        protocol = kind(uvicorn.Config(edge()), state, {})
        transport = Transport(host)
        protocol.connection_made(transport)
        protocol._rest()
        return not transport.aborted

    taken = [made(f"2001:db8::{number:x}") for number in range(connections.MOST_OF_ONE + 2)]
    assert sum(taken) == connections.MOST_OF_ONE
    assert made("2001:db8:0:1::1"), "others are not concerned"


CHUNKED = (
    b"POST /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.9\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


async def behind_a_body(trailers: bytes) -> bytes:
    settings = SharedSettings(operations_port=0, trusted_proxies="127.0.0.0/8")
    async with http(edge(), settings) as port:
        return await heard(port, CHUNKED + b"2\r\nab\r\n0\r\n" + trailers)


async def test_what_stands_behind_a_body_is_no_header() -> None:
    answer = await behind_a_body(
        b"X-Forwarded-For: 1.2.3.4\r\nAuthorization: Bearer x\r\nExpect: 100-continue\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"address":"198.51.100.9","key":null}')


@pytest.mark.parametrize(
    "trailers",
    [b"x: 1\r\n" * 101 + b"\r\n", b"x: " + b"a" * 33_000 + b"\r\n\r\n", b"x: " + b"a" * 200_000],
    ids=["many", "long", "endless"],
)
async def test_what_stands_behind_a_body_is_limited_with_the_head(trailers: bytes) -> None:
    assert (await behind_a_body(trailers)).startswith(b"HTTP/1.1 431 ")


ONE = b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_of_pipelined_requests_few_wait_and_the_rest_is_refused_behind_their_answers() -> None:
    async with http(edge(), SharedSettings(operations_port=0)) as port:
        answer = await heard(port, ONE * 20_000)
        several = await heard(port, ONE * connections.MOST_WAITING + WHO)
    assert answer.count(b"HTTP/1.1 200 ") == 1 + connections.MOST_WAITING
    assert b"connection: close" in answer.partition(b"HTTP/1.1 429 ")[2]
    assert several.count(b"HTTP/1.1 200 ") == several.count(b"HTTP/1.1 ") == connections.MOST_WAITING + 1


async def test_a_broken_request_does_not_break_the_answers_before_it() -> None:
    async with http(edge(), SharedSettings(operations_port=0)) as port:
        answer = await heard(port, ONE * 2 + b"this is no HTTP\r\n\r\n")
        body = await heard(port, ONE * 2 + CHUNKED + b"no length\r\n")
    for each in (answer, body):
        assert each.count(b'{"address":"127.0.0.1","key":null}HTTP/1.1 ') == 2
        assert each.count(b"HTTP/1.1 ") == 3
        assert b"}HTTP/1.1 400 " in each


async def test_pipelined_bodies_of_any_size_are_taken_one_after_the_other() -> None:
    post = b"POST /who HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"a" * 300_000
    async with http(edge(), SharedSettings(operations_port=0)) as port:
        answer = await heard(port, post * 5 + WHO)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == 6


async def test_requests_that_wait_count_in_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_AT_ONCE", 3)
    async with http(edge(), SharedSettings(operations_port=0)) as port:
        answer = await heard(port, ONE * 8)
        later = await heard(port, WHO)
    assert (answer.count(b"HTTP/1.1 200 "), answer.count(b"HTTP/1.1 429 ")) == (3, 1)
    assert later.startswith(b"HTTP/1.1 200 "), "nothing waits any more"


async def test_an_answer_that_others_wait_behind_ends_with_its_connection() -> None:
    app, begun, ended = edge(), asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                begun.set()
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    @app.get("/endless")
    async def answer() -> StreamingResponse:
        return StreamingResponse(endless())

    async with http(app, SharedSettings(operations_port=0)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ONE.replace(b"who", b"endless") + ONE)
        await asyncio.wait_for(begun.wait(), 20)
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), 20)
