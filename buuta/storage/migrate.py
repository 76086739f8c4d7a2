"""Migrations: numbered SQL files, applied once each, a transaction each.

A file that changes a table waits for its lock only so long that those who queue up behind it hardly notice, and
tries again. What it has locked it keeps while it works, so it only makes room and never goes through a table; some
files from before the first release do (docs/decisions/0071). A file that begins with `-- not transactional` holds
one `create index concurrently if not exists`.
"""

import asyncio
import re
import time
from importlib import resources
from typing import Any, Final

import asyncpg
import structlog

from buuta.errors import Retry
from buuta.storage import locks
from buuta.storage.locks import Lock

log = structlog.get_logger()
TABLE: Final = """
create table if not exists migrations (
  name text primary key, applied_at timestamptz not null default now())
"""
DONE: Final = "select name from migrations"
NOTE: Final = "insert into migrations (name) values ($1)"
LOCK_MS: Final = 250
"""While a lock is waited for, nobody else gets a new one on that table: so long may readers be held up."""
PAUSE_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 600.0
STATEMENT_SECONDS: Final = 86_400.0
"""Building an index of a large table may take hours; it holds nobody up."""
NOT_TRANSACTIONAL: Final = "-- not transactional"
INDEX: Final = re.compile(
    r"create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+(\w+)\s+on\s+[^;]+;?\s*",
    re.IGNORECASE | re.ASCII,
)
INVALID: Final = """
select exists (select from pg_index where indexrelid = to_regclass($1) and not indisvalid)
"""


async def migrate(con: Any, patience: float = PATIENCE_SECONDS) -> list[str]:
    """Apply what is missing, in the order of the names; returns what was applied.

    Several processes may call this at once: one applies, the others wait and find nothing to do.

    Raises:
        Retry: a table is held for longer than `patience` seconds; what was applied so far stays.
    """
    # Asking again and again: one that waits inside a statement would hold up an index that is built concurrently.
    while not await locks.try_keep(con, Lock.MIGRATIONS):
        await asyncio.sleep(PAUSE_SECONDS / 5)
    try:
        await con.execute(TABLE)
        done = {row["name"] for row in await con.fetch(DONE)}
        left = [(name, sql) for name, sql in sorted(_files().items()) if name not in done]
        for name, sql in left:
            await _apply_patiently(con, name, sql, time.monotonic() + patience)
        return [name for name, _ in left]
    finally:
        await locks.release(con, Lock.MIGRATIONS)


async def missing(con: Any) -> list[str]:
    """The names of what is not applied yet, in order."""
    is_begun = await con.fetchval("select to_regclass('migrations') is not null")
    done = {row["name"] for row in await con.fetch(DONE)} if is_begun else set()
    return sorted(set(_files()) - done)


async def _apply_patiently(con: Any, name: str, sql: str, until: float) -> None:
    apply = _build_index if sql.startswith(NOT_TRANSACTIONAL) else _apply
    while time.monotonic() < until:
        try:
            return await apply(con, name, sql)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as held:
            log.warning("migration_waits", name=name, why=type(held).__name__)
            await asyncio.sleep(PAUSE_SECONDS)
    raise Retry(
        f"migration {name} did not get its locks: a transaction holds the table for too long; "
        "see pg_stat_activity, and run this again"
    )


async def _apply(con: Any, name: str, sql: str) -> None:
    async with con.transaction():
        await con.execute(f"set local lock_timeout = {LOCK_MS}")
        await con.execute(sql, timeout=STATEMENT_SECONDS)
        await con.execute(NOTE, name)


async def _build_index(con: Any, name: str, sql: str) -> None:
    """Killed before the note, it finds its index; killed before its index was whole, it builds it anew."""
    statement = sql.removeprefix(NOT_TRANSACTIONAL).strip()
    statement = re.sub(r"--[^\n]*\n", "", statement)
    found = INDEX.fullmatch(statement)
    if found is None:
        raise ValueError(
            f"{name}: a file that is not transactional holds one create index concurrently if not exists"
        )
    index = found[1]
    if await con.fetchval(INVALID, index):
        await con.execute(f"drop index concurrently {index}", timeout=STATEMENT_SECONDS)
    await con.execute(statement, timeout=STATEMENT_SECONDS)
    await con.execute(NOTE, name)


def _files() -> dict[str, str]:
    folder = resources.files("buuta.storage") / "migrations"
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
