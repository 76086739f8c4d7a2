"""PostgreSQL's advisory locks: every number that Buuta takes, in one place, so that no two things share one."""

import contextlib
from collections.abc import AsyncIterator
from enum import IntEnum, unique
from typing import Any


@unique
class Lock(IntEnum):
    """What one process does at a time; where `of` is given, one process for each of these."""

    MIGRATIONS = 7_236_151
    OUTBOX = 7_236_152
    LATEST = 7_236_153
    SPOOL = 7_236_154
    SHELTER = 7_236_155
    PUBLICATION = 7_236_156
    EPCIS = 7_236_157
    IDEMPOTENCY = 7_236_158
    RETENTION = 7_236_159
    REGISTRATION = 7_236_160
    PERSON = 7_236_161


async def hold(con: Any, lock: Lock, of: str | None = None) -> None:
    """Wait for a lock and hold it up to the end of the caller's transaction."""
    if of is None:
        await con.execute("select pg_advisory_xact_lock($1)", int(lock))
    else:
        await con.execute("select pg_advisory_xact_lock($1, hashtext($2))", int(lock), of)


async def try_hold(con: Any, lock: Lock) -> bool:
    """Hold a lock up to the end of the caller's transaction; False where another process has it."""
    return bool(await con.fetchval("select pg_try_advisory_xact_lock($1)", int(lock)))


async def try_keep(con: Any, lock: Lock) -> bool:
    """Hold a lock up to `release` or the end of the connection; False where another process has it."""
    return bool(await con.fetchval("select pg_try_advisory_lock($1)", int(lock)))


@contextlib.asynccontextmanager
async def kept(con: Any, lock: Lock) -> AsyncIterator[None]:
    """Wait for a lock and hold it, for work whose snapshot must not be older than the lock."""
    await con.execute("select pg_advisory_lock($1)", int(lock))
    try:
        yield
    finally:
        await release(con, lock)


async def release(con: Any, lock: Lock) -> None:
    """Give back what `try_keep` took."""
    await con.execute("select pg_advisory_unlock($1)", int(lock))
