"""Migrations: numbered SQL files, applied once each, under one lock."""

from importlib import resources
from typing import Any, Final

from buuta.storage import locks

TABLE: Final = """
create table if not exists migrations (
  name text primary key, applied_at timestamptz not null default now())
"""


async def migrate(con: Any) -> list[str]:
    """Apply what is missing, in the order of the names; returns what was applied.

    Several processes may call this at once: one applies, the others wait and find nothing to do.
    """
    applied = []
    async with con.transaction():
        await locks.hold(con, locks.Lock.MIGRATIONS)
        await con.execute(TABLE)
        done = {row["name"] for row in await con.fetch("select name from migrations")}
        for name, sql in sorted(_files().items()):
            if name not in done:
                await con.execute(sql)
                await con.execute("insert into migrations (name) values ($1)", name)
                applied.append(name)
    return applied


def _files() -> dict[str, str]:
    folder = resources.files("buuta.storage") / "migrations"
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
