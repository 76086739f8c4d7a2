"""What the services share of HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from buuta.settings import SharedSettings
from buuta.telemetry.service import http
from buuta.web import problems
from buuta.web.bodies import DEEPEST, parse_json, read_body
from buuta.web.limits import HttpLimits, Limited
from buuta.web.problems import Problem


async def test_a_request_cut_off_by_the_end_of_the_service_is_told_to_come_again() -> None:
    app, taken = FastAPI(), asyncio.Event()
    problems.install(app)

    @app.get("/slow")
    async def slow() -> None:
        taken.set()
        await asyncio.Event().wait()

    async with httpx.AsyncClient(timeout=20) as client:
        async with http(app, SharedSettings(port=0)) as port:
            asking = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/slow"))
            await taken.wait()
        answer = await asking
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "stopping"


async def test_an_answer_that_nobody_reads_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buuta.telemetry.connections.UNREAD_SECONDS", 0.2)
    app, ended = FastAPI(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000_000
                await asyncio.sleep(0)
        finally:
            ended.set()

    @app.get("/endless")
    async def answer() -> StreamingResponse:
        return StreamingResponse(endless())

    async with http(app, SharedSettings(operations_port=0)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(ended.wait(), 20)
        assert not reader.at_eof()
        writer.close()


def arriving(*parts: bytes, stays_open: bool = False) -> Request:
    """A request whose body comes in these parts."""
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive() -> Any:
        if waiting:
            return waiting.pop(0)
        if stays_open:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": [(b"host", b"x")]}, receive)


async def read_within(limits: HttpLimits, request: Request, most: int) -> bytes:
    """What a route of an application with these limits reads."""
    found = []

    async def route(scope: Any, receive: Any, _: Any) -> None:
        found.append(await read_body(Request(scope, receive), most))

    await Limited(route, limits)(request.scope, request.receive, None)
    return found[0]


async def test_a_body_is_taken_whole_in_whatever_parts_it_comes() -> None:
    assert await read_within(HttpLimits(3), arriving(b"ab", b"", b"c"), 3) == b"abc"


@pytest.mark.parametrize(
    ("request_", "limit", "status"),
    [
        (arriving(b"ab", b"cd"), 9, 413),
        (arriving(b"ab", b"cd"), 3, 413),
        (arriving(b"a", stays_open=True), 9, 408),
    ],
)
async def test_a_body_that_is_too_long_or_too_slow_is_refused_by_its_route_or_its_application(
    request_: Request, limit: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("buuta.web.limits.BODY_SECONDS", 0.05)
    with pytest.raises(Problem) as refused:
        await read_within(HttpLimits(limit), request_, 3)
    assert refused.value.status == status


@pytest.mark.parametrize("depth", [1, 63, 64, 65, 900, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_nests_no_deeper_than_64_levels(depth: int, opens: bytes, closes: bytes) -> None:
    body = opens * depth + b"1" + closes * depth
    if depth <= DEEPEST:
        parse_json(body)
        return
    with pytest.raises(Problem, match="nests deeper than 64"):
        parse_json(body)


def test_many_shallow_values_are_not_deep() -> None:
    assert len(parse_json(b"[" + b"[1]," * 5000 + b"[1]]")) == 5001
