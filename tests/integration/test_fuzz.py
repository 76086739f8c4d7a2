"""Hostile requests at the doors of a running ingest: no 5xx, no neighbour lost, nothing personal in an answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

from buuta.settings import SharedSettings
from buuta.telemetry.service import http
from services.ingest.app import wire
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.doors import GOOD, add_carrier, log, ready
from tests.unit.test_hostile import CANARY, VALUES
from tests.waiting import until

QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)


class Live:
    """A running ingest and the secrets of its carriers."""

    def __init__(self, url: str, key: str, token: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}
        self.token = token


@pytest.fixture
async def live(settings: SharedSettings, pool: Any) -> AsyncIterator[Live]:
    key, _ = await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    _, token = await add_carrier(pool, Carrier("vtp", "Viettel Post", "viettelpost"))
    more = {"port": 0, "ingest_body_bytes": 200_000, "public_docs": True}
    own = IngestSettings(**settings.model_dump() | more)
    async with (
        wire(own) as (app, _),
        http(app, own) as port,
        httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client,
    ):
        await until(lambda: ready(client), "ingest is ready")
        yield Live(f"http://127.0.0.1:{port}", key, token)


async def test_no_request_that_the_description_allows_or_forbids_is_a_server_error(live: Live) -> None:
    def fuzz() -> int:
        seen = 0
        described = schemathesis.openapi.from_url(f"{live.url}/openapi.json")
        for found in described.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]

            @QUIET
            @given(case=operation.as_strategy())
            def whatever(case: Any) -> None:
                nonlocal seen
                seen += 1
                if "token" in (case.path_parameters or {}):
                    case.path_parameters["token"] = live.token
                answer = case.call(headers=live.headers)
                case.validate_response(answer, checks=[not_a_server_error])

            whatever()
        return seen

    assert await asyncio.to_thread(fuzz) > 300


async def test_whatever_lies_beside_a_good_item_the_good_one_comes_in(
    live: Live, settings: SharedSettings
) -> None:
    numbers: set[str] = set()

    @QUIET
    @given(st.lists(VALUES, max_size=4))
    def whatever(hostile: list[Any]) -> None:
        number = f"GOOD{len(numbers):04}"
        numbers.add(number)
        items = [*hostile, {**GOOD, "number": number}, *hostile]
        body = json.dumps(items).encode("utf-8", "surrogatepass")
        answer = httpx.post(f"{live.url}/v1/scans", content=body, headers=live.headers)
        assert answer.status_code == 200
        results = [each["result"] for each in answer.json()]
        assert results[len(hostile)] == "accepted"
        assert CANARY not in answer.text

    await asyncio.to_thread(whatever)
    assert numbers <= {event["number"] for event in await log(settings)}


async def test_a_webhook_answers_200_or_400_and_keeps_what_it_refuses(live: Live, pool: Any) -> None:
    sent = 0

    @QUIET
    @given(
        st.one_of(st.binary(max_size=80), VALUES.map(lambda value: json.dumps({"DATA": value}).encode()))
    )
    def whatever(body: bytes) -> None:
        nonlocal sent
        sent += 1
        answer = httpx.post(f"{live.url}/v1/webhooks/{live.token}/viettelpost", content=body)
        assert answer.status_code == 200, "whatever is not answered 200 would come again for ever"
        assert answer.json()["kept"] is True
        assert CANARY not in answer.text

    await asyncio.to_thread(whatever)
    assert await pool.fetchval("select count(*) from quarantine") == sent
