"""A short-lived pool or producer for a command."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from buuta.causes import because
from buuta.errors import DatabaseAway, KafkaAway
from buuta.settings import SharedSettings
from buuta.storage.faults import is_away
from buuta.storage.pool import open_pool
from buuta.streaming.producer import Producer
from buuta.telemetry.health import Readiness


@contextlib.asynccontextmanager
async def connected(settings: SharedSettings) -> AsyncIterator[Any]:
    """A pool; a database that does not answer becomes one sentence.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
    """
    try:
        async with open_pool(settings, "cli", Readiness()) as pool:
            yield pool
    except Exception as error:
        if not is_away(error):
            raise
        raise DatabaseAway(
            f"PostgreSQL does not answer: {because(error)}. Is BUUTA_DATABASE right?"
        ) from error


@contextlib.asynccontextmanager
async def producing(settings: SharedSettings) -> AsyncIterator[Producer]:
    """A connected producer.

    Raises:
        KafkaAway: no broker answers in time.
    """
    producer = Producer(settings, Readiness())
    await producer.start()
    try:
        try:
            async with asyncio.timeout(settings.kafka_timeout):
                await producer.connected()
        except TimeoutError:
            raise KafkaAway("no broker answers; nothing was sent. Is BUUTA_KAFKA right?") from None
        yield producer
    finally:
        await producer.stop()
