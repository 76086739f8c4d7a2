"""The bare endpoint that ingest is measured against: the same framework parses JSON and produces it to Kafka."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request

from buuta.settings import SharedSettings
from buuta.telemetry.service import main

TOPIC: Final = "bare"


@contextlib.asynccontextmanager
async def wire(settings: SharedSettings) -> AsyncIterator[tuple[Any, "asyncio.Future[None]"]]:
    """The app, and a future that never fails."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True, linger_ms=2
    )
    await producer.start()
    app = FastAPI()

    @app.get("/health/ready")
    async def ready() -> dict[str, bool]:
        """It is."""
        return {"ready": True}

    @app.post("/one")
    async def one(request: Request) -> dict[str, str]:
        """One report."""
        item = json.loads(await request.body())
        await producer.send_and_wait(TOPIC, json.dumps(item).encode(), item["OrderCode"].encode())
        return {"result": "accepted"}

    @app.post("/many")
    async def many(request: Request) -> list[dict[str, str]]:
        """Many reports."""
        items = json.loads(await request.body())
        sent = [
            await producer.send(TOPIC, json.dumps(item).encode(), item["number"].encode()) for item in items
        ]
        await asyncio.gather(*sent)
        return [{"result": "accepted"} for _ in items]

    try:
        yield app, failed
    finally:
        await producer.stop()


if __name__ == "__main__":
    sys.exit(main("bare", SharedSettings, wire))
