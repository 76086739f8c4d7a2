"""Ingest's HTTP doors as a test sees them."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NamedTuple

import asyncpg
import httpx

from buuta.contracts.codec import Codec
from buuta.settings import SharedSettings
from buuta.storage.vault import Vault, read_master_key
from buuta.streaming.producer import Producer
from services.ingest.intake import Intake
from services.ingest.quarantine.held import COLUMNS, HeldReport, hold
from services.ingest.registry.locksmith import Locksmith
from services.ingest.storage import Carrier
from services.ingest.wiring import Ground, Pools, build_intake
from tests.integration.parts import everything
from tests.waiting import until

Wire = Callable[[Any], contextlib.AbstractAsyncContextManager[tuple[Any, Any]]]
"""How a service is made: `wire` of its `app.py`."""
GOOD = {"number": "Z82BS", "code": "delivered", "occurred_at": "2026-11-24T09:30:00+07:00"}


def intake_on(settings: SharedSettings, producer: Producer, pool: Any) -> Intake:
    """Intake without doors, straight into the log."""
    put = partial(producer.send_keyed, settings.events_topic)
    vault = Vault(read_master_key(settings.master_key))
    return build_intake(Ground(Pools.one(pool), vault, Codec(), put, partial(hold, pool))).intake


async def add_carrier(pool: Any, carrier: Carrier) -> tuple[str, str]:
    """A carrier with its API key and webhook token."""
    return await Locksmith(pool, Vault(bytes(32)), "a test").add_carrier(carrier)


class Kept(NamedTuple):
    """A report in quarantine, opened."""

    carrier: str
    reason: str
    code: str
    said: bytes


async def quarantined(settings: SharedSettings, pool: Any) -> list[Kept]:
    """What is in quarantine, whatever became of it, in the order of its coming."""
    vault = Vault(read_master_key(settings.master_key))
    rows = await pool.fetch(f"select {COLUMNS} from quarantine order by id")
    reports = [HeldReport(*row) for row in rows]
    return [Kept(each.carrier, each.reason, each.raw_code(vault), each.opened(vault)) for each in reports]


class Door:
    """Ingest over HTTP, with the secrets of its carriers."""

    def __init__(self, client: httpx.AsyncClient, secrets: dict[str, tuple[str, str]]) -> None:
        self.client = client
        self.secrets = secrets

    async def scans(self, body: Any, carrier: str = "vnp", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secrets[carrier][0]}"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post("/v1/scans", headers=headers, content=content, **more)

    async def webhook(self, carrier: str, **more: Any) -> httpx.Response:
        return await self.client.post(f"/v1/webhooks/{self.secrets[carrier][1]}/{carrier}", **more)


def inside(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The operations port of the app that a client in this process asks."""
    return operations(client._transport.app)  # type: ignore[attr-defined]


def operations(app: Any) -> httpx.AsyncClient:
    """The operations port of an app."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app.state.operations), base_url="http://inside")


@contextlib.asynccontextmanager
async def served(wire: Wire, own: SharedSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A service in this process, asked as over HTTP: what it fails with is an answer. It is ready."""
    async with wire(own) as (app, _):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            await until(lambda: ready(client), "the service is ready")
            yield client


async def ready(client: httpx.AsyncClient) -> bool:
    return (await inside(client).get("/health/ready")).status_code == 200


async def spool_is_empty(settings: SharedSettings) -> None:
    """Wait until all that was answered lies in the log: a busy Kafka makes ingest put it into the spool first."""
    con = await asyncpg.connect(str(settings.database))

    async def sent() -> bool:
        return not await con.fetchval("select exists (select from spool)")

    try:
        await until(sent, "the spool is empty")
    finally:
        await con.close()


async def log(settings: SharedSettings) -> list[dict[str, Any]]:
    """What ingest, which must still run, has put into the log."""
    await spool_is_empty(settings)
    records = await everything(settings, settings.events_topic, range(settings.partitions))
    return [Codec().decode(record.value)[1] for record in records]
