"""Requests that offer another protocol are answered as what they are; and who goes away within a body."""

import asyncio
import re
from typing import Any

import pytest
from starlette.requests import Request

from buuta.settings import SharedSettings
from buuta.telemetry import connections
from buuta.telemetry.service import http
from tests.unit.test_edge import edge, heard

OFFER = b"Connection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAMAAABk\r\n"
LAST = b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("piece", [1, 37, 100_000])
@pytest.mark.parametrize("other", [b"h2c", b"websocket", b"odd/1"])
async def test_a_request_that_offers_another_protocol_keeps_its_body_and_what_follows_it(
    other: bytes, piece: int
) -> None:
    """As Java's client does with every first request of a connection; in whatever pieces it comes."""
    body = b"n" * 500
    post = b"POST /size HTTP/1.1\r\nHost: x\r\n" + OFFER % other
    chunks = b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n%b\r\n0\r\n\r\n" % body
    said = [b"%bContent-Length: 500\r\n\r\n%b" % (post, body), post + chunks, post + b"\r\n"]
    whole = b"".join(said) + LAST
    app = edge()

    @app.post("/size")
    async def size(request: Request) -> dict[str, Any]:
        return {"size": len(await request.body()), "offer": request.headers.get("upgrade")}

    async with http(app, SharedSettings()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for first in range(0, len(whole), piece):
            writer.write(whole[first : first + piece])
            await writer.drain()
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
    assert re.findall(rb'"size":(\d+),"offer":null', answer) == [b"500", b"500", b"0"]
    assert answer.count(b"HTTP/1.1 200") == 4


async def test_who_offers_again_and_again_has_the_limits_of_all() -> None:
    one = b"GET /who HTTP/1.1\r\nHost: x\r\n" + OFFER % b"h2c" + b"\r\n"
    async with http(edge(), SharedSettings()) as port:
        assert b"HTTP/1.1 429" in await heard(port, one * 300)
        wide = one.removesuffix(b"\r\n") + b"X: y\r\n" * connections.MOST_HEADERS + b"\r\n"
        assert b"HTTP/1.1 431" in await heard(port, wide)
        large = b"POST /who HTTP/1.1\r\nHost: x\r\n" + OFFER % b"h2c" + b"Content-Length: 1000001\r\n\r\n"
        assert b"HTTP/1.1 413" in await heard(port, large)
        assert b"HTTP/1.1 400" in await heard(port, b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n")


async def test_who_goes_away_within_a_body_is_no_error_of_ours() -> None:
    said: list[Any] = []
    scope = {"type": "http", "method": "POST", "path": "/who", "raw_path": b"/who", "query_string": b"",
             "headers": [(b"host", b"x")], "http_version": "1.1", "client": ("127.0.0.1", 1), "scheme": "http",
             "server": ("x", 80), "root_path": ""}  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message)

    await edge()(scope, receive, send)
    assert said[0]["status"] == 400
