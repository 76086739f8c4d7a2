"""Connections to PostgreSQL that a frozen worker cannot hold for ever."""

from typing import Any

import asyncpg

from buuta.settings import SharedSettings


async def open_pool(settings: SharedSettings, application: str) -> asyncpg.Pool:
    """Open a pool.

    A worker that is frozen inside a transaction keeps its locks until PostgreSQL ends it. That must
    happen before the Kafka session is given to an heir, so the timeout lies below that of the session.
    """
    idle_ms = int(settings.kafka_session_timeout * 500)
    return await asyncpg.create_pool(
        str(settings.database),
        min_size=1,
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


async def _plain_json(con: Any) -> None:
    """Keep jsonb as text: each caller knows what it holds."""
    await con.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
