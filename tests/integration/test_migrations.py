"""Migrations: a transaction a file, once each, and nobody is held up for long by one that waits for its lock.

By one that works everybody is who needs its table: tests/unit/test_migration_files.py says what a file may not do
there, and which files from before the first release do it all the same.
"""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from buuta.errors import Retry
from buuta.settings import SharedSettings
from buuta.storage import migrate as migrations
from buuta.storage.migrate import NOT_TRANSACTIONAL, migrate
from tests.waiting import until

FOLDER = Path(__file__).parents[2] / "buuta/storage/migrations"
INDEX = f"{NOT_TRANSACTIONAL}\n-- what for\ncreate index concurrently if not exists probe on scans (received_at);\n"
SINCE = "0027"
"""From here on indexes are built concurrently; there was no release yet, so those of before met no rows."""

REWRITES = {"0060_vault.sql"}
"""It gives every row of the quarantine a name of its own: the table is written anew, and its indexes with it."""


def only(monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    monkeypatch.setattr(migrations, "_files", lambda: files)


@pytest.fixture
async def con(settings: SharedSettings) -> Any:
    opened = await asyncpg.connect(str(settings.database))
    yield opened
    await opened.close()


async def applied(pool: Any, name: str) -> bool:
    return bool(await pool.fetchval("select exists (select from migrations where name = $1)", name))


async def test_while_a_reader_holds_a_table_others_read_on_and_the_migration_tries_again(
    pool: Any, con: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, z1="alter table scans add column probe text;")
    longest, migrating = 0.0, None
    async with pool.acquire() as old, old.transaction(isolation="repeatable_read"):
        await old.fetchval("select count(*) from scans")
        migrating = asyncio.create_task(migrate(con))
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            started = time.monotonic()
            await pool.fetchval("select count(*) from scans")
            longest = max(longest, time.monotonic() - started)
        assert not await applied(pool, "z1")
    assert await migrating == ["z1"]
    assert longest < 1.5, "readers wait as long as the migration waits for its lock, and no longer"
    assert await applied(pool, "z1")


async def test_one_that_never_gets_its_lock_says_so_and_what_came_before_it_stays(
    pool: Any, con: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, z1="create table probe (a int);", z2="alter table scans add column probe text;")
    async with pool.acquire() as old, old.transaction():
        await old.fetchval("select count(*) from scans")
        with pytest.raises(Retry, match="z2 did not get its locks"):
            await migrate(con, patience=1)
    assert (await applied(pool, "z1"), await applied(pool, "z2")) == (True, False)
    assert await migrate(con) == ["z2"]


async def test_a_file_that_fails_leaves_nothing_of_itself(
    pool: Any, con: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, z1="create table probe (a int);", z2="create table other (a int); select 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(con)
    assert await pool.fetchval("select to_regclass('probe') is not null and to_regclass('other') is null")
    assert await pool.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 0


async def test_an_index_is_built_while_others_write_and_a_broken_one_is_built_anew(
    pool: Any, con: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, z1=INDEX)
    async with pool.acquire() as old, old.transaction():
        await old.fetchval("select txid_current()")
        await old.fetchval("select count(*) from scans")
        migrating = asyncio.create_task(migrate(con))

        async def waits() -> bool:
            return bool(await pool.fetchval("select to_regclass('probe') is not null"))

        await until(waits, "the index is being built")
        await pool.execute("insert into report_hours values ('c', now(), 1, 0, 0, now())")
        await pool.execute("delete from scans where parcel_key = 'nobody'")
        migrating.cancel()
        await asyncio.gather(migrating, return_exceptions=True)
    assert not await applied(pool, "z1")
    again = await asyncpg.connect(dsn_of(pool))
    try:
        assert await migrate(again) == ["z1"]
    finally:
        await again.close()
    valid = "select indisvalid from pg_index where indexrelid = 'probe'::regclass"
    assert await pool.fetchval(valid)


def dsn_of(pool: Any) -> str:
    dsn: str = pool._connect_args[0]
    return dsn


async def test_several_at_once_apply_each_once(
    pool: Any, settings: SharedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, z1="create table probe (a int);", z2=INDEX, z3="insert into probe values (1);")
    cons = [await asyncpg.connect(str(settings.database)) for _ in range(4)]
    results = await asyncio.gather(*(migrate(each) for each in cons))
    for each in cons:
        await each.close()
    assert sorted(results) == [[], [], [], ["z1", "z2", "z3"]]
    assert await pool.fetchval("select count(*) from probe") == 1


async def test_what_is_not_transactional_is_one_index(con: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, z1=f"{NOT_TRANSACTIONAL}\ncreate table probe (a int);")
    with pytest.raises(ValueError, match="one create index concurrently"):
        await migrate(con)


def test_indexes_of_tables_that_have_rows_are_built_concurrently() -> None:
    made: set[str] = set()
    for path in sorted(FOLDER.glob("*.sql")):
        sql = path.read_text(encoding="utf-8").lower()
        if path.name < SINCE or path.name in REWRITES or sql.startswith(NOT_TRANSACTIONAL):
            continue
        made |= set(re.findall(r"create table (?:if not exists )?(\w+)", sql))
        indexed = set(re.findall(r"create (?:unique )?index (?:if not exists )?(?:\w+ )?on (\w+)", sql))
        assert indexed <= made, f"{path.name}: an index of {indexed - made} belongs in a file of its own"
