"""What the services share of HTTP."""

import asyncio

import httpx
from fastapi import FastAPI

from buuta.settings import SharedSettings
from buuta.telemetry.service import http
from buuta.web import problems


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
