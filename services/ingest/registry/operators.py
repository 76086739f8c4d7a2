"""Operators: people who may work at the quarantine over HTTP, each by a key of their own."""

from collections.abc import Sequence
from typing import Any, Final

from buuta.storage.keys import new_secret, secret_hash

ADD: Final = """
insert into operators (name, key_hash) values ($1, $2)
on conflict (name) do update set key_hash = excluded.key_hash, added_at = now(), ended_at = null
"""
FIND: Final = "select name from operators where key_hash = $1 and ended_at is null"
END: Final = "update operators set ended_at = now() where name = $1 and ended_at is null returning true"


async def add(con: Any, name: str) -> str:
    """Add an operator, or give one a new key; returns the key, which is shown once."""
    key = new_secret("bo")
    await con.execute(ADD, name, secret_hash(key))
    return key


async def name_of(con: Any, key: str) -> str | None:
    """The operator whose key this is."""
    name: str | None = await con.fetchval(FIND, secret_hash(key))
    return name


async def end(con: Any, name: str) -> bool:
    """End an operator's key at once; whether there was one."""
    return bool(await con.fetchval(END, name))


async def every(con: Any) -> Sequence[Any]:
    """All operators, with when they were added and ended."""
    rows: Sequence[Any] = await con.fetch("select name, added_at, ended_at from operators order by name")
    return rows
