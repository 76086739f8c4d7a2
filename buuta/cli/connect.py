"""A short-lived pool for a command."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from buuta.errors import DatabaseAway
from buuta.settings import SharedSettings
from buuta.storage.faults import is_away
from buuta.storage.pool import open_pool
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
            f"PostgreSQL does not answer ({type(error).__name__}): is BUUTA_DATABASE right?"
        ) from error
