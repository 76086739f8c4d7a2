"""Fixtures of more than one file of integration tests."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from buuta.settings import SharedSettings
from services.ingest.app import wire
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.doors import Door, add_carrier, served


@pytest.fixture
async def door(settings: SharedSettings, pool: Any) -> AsyncIterator[Door]:
    secrets = {
        code: await add_carrier(pool, Carrier(code, code, format_name))
        for code, format_name in (("vnp", "buuta"), ("ghn", "ghn"), ("ghtk", "ghtk"))
    }
    # On a busy machine Kafka takes longer than a second, and what goes into the spool is not in the log yet.
    limits = {"ingest_body_bytes": 200_000, "ingest_items": 500, "ingest_patience": 10.0}
    own = IngestSettings(**settings.model_dump() | limits)
    async with served(wire, own) as client:
        yield Door(client, secrets)
