"""Connections to PostgreSQL that a frozen worker cannot hold for ever."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

import asyncpg

from buuta.causes import because
from buuta.settings import SharedSettings
from buuta.storage.background import run_forever, running
from buuta.storage.bounded import BoundedPool, Silence
from buuta.storage.skew import ClockWatch
from buuta.telemetry.health import Readiness

WATCH_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 3.0


@contextlib.asynccontextmanager
async def open_pool(settings: SharedSettings, application: str, readiness: Readiness) -> AsyncIterator[Any]:
    """A pool, and a watch on it: readiness says whether PostgreSQL answers and is migrated.

    A worker that is frozen inside a transaction keeps its locks until PostgreSQL ends it. That must
    happen before the Kafka session is given to an heir, so the timeout lies below that of the session.
    """
    idle_ms = int(settings.kafka_session_timeout * 500)
    pool = await asyncpg.create_pool(
        str(settings.database),
        min_size=0,
        max_size=settings.database_pool,
        timeout=5,
        command_timeout=60,
        server_settings={
            "application_name": application,
            "idle_in_transaction_session_timeout": str(idle_ms),
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        },
        init=_plain_json,
    )
    # Whoever gives a question up by asyncpg's own limit waits for the server's word: a frozen one has none.
    asking = BoundedPool(pool, WATCH_SECONDS, Silence(str(settings.database)))
    watch = run_forever("database_watch", partial(_watch, asking, readiness), WATCH_SECONDS)
    try:
        async with running(watch, ClockWatch(asking, readiness, settings.clock_limit).run()):
            yield pool
    finally:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def _watch(pool: Any, readiness: Readiness) -> None:
    try:
        await pool.fetchval("select count(*) from migrations")
    except asyncpg.UndefinedTableError:
        readiness.waits("database", "not migrated: run buuta migrate")
    except Exception as away:
        readiness.waits("database", f"PostgreSQL does not answer: {because(away)}")
    else:
        readiness.reached("database")


async def _plain_json(con: Any) -> None:
    """Keep jsonb as text: each caller knows what it holds."""
    await con.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
