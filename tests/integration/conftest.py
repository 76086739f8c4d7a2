"""Fixtures of more than one file of integration tests."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from services.ingest.app import wire
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.doors import Door, add_carrier, ready
from tests.waiting import until


@pytest.fixture
async def door(settings: SharedSettings, pool: Any) -> AsyncIterator[Door]:
    secrets = {
        code: await add_carrier(pool, Carrier(code, code, format_name))
        for code, format_name in (("vnp", "buuta"), ("ghn", "ghn"), ("ghtk", "ghtk"))
    }
    # On a busy machine Kafka takes longer than a second, and what goes into the spool is not in the log yet.
    limits = {"ingest_body_bytes": 200_000, "ingest_items": 500, "ingest_patience": 10.0}
    own = IngestSettings(**settings.model_dump() | limits)
    async with wire(own) as (app, _):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            await until(lambda: ready(client), "ingest is ready")
            yield Door(client, secrets)
