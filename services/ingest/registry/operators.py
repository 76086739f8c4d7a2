"""Operators: people who may work at the quarantine over HTTP, each by keys of their own."""

from collections.abc import Sequence
from typing import Any, Final

from buuta.storage.access import AccessKeys, Holder, holder_of

ADD: Final = "insert into operators (name) values ($1) on conflict (name) do update set added_at = now()"
EVERY: Final = """
select name, added_at, max(last_used_at) as last_used_at,
  count(*) filter (where hash is not null and (expires_at is null or expires_at > now())) as keys
from operators left join access_keys on kind = 'operator' and holder = name group by name order by name
"""


async def add(con: Any, name: str, by: str = "buuta") -> str:
    """Add an operator, or give one a new key in place of those before; returns the key, which is shown once."""
    keys = AccessKeys(con, Holder.OPERATOR, by)
    await con.execute(ADD, name)
    await keys.expire(name, None, 0)
    return (await keys.make(name)).key


async def name_of(con: Any, key: str) -> str | None:
    """The operator whose key this is."""
    return await holder_of(con, Holder.OPERATOR, key)


async def end(con: Any, name: str, by: str = "buuta") -> bool:
    """End an operator's keys at once; whether there were any."""
    return bool(await AccessKeys(con, Holder.OPERATOR, by).expire(name, None, 0))


async def every(con: Any) -> Sequence[Any]:
    """All operators, with when they were added, how many keys are valid, and the last use of one."""
    rows: Sequence[Any] = await con.fetch(EVERY)
    return rows
