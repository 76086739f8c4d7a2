"""Keys of shippers and operators: made, found, listed, rotated and ended; every change is kept with who made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from buuta.storage.keys import new_secret, secret_hash

INSERT: Final = """
with made as (
  insert into access_keys (kind, holder, hash, expires_at) values ($1::text, $2::text, $3, $4) returning id
)
insert into access_key_changes (key_id, kind, holder, what, changed_by)
select id, $1::text, $2::text, 'made', $5 from made returning key_id
"""
FIND: Final = """
with found as (
  select id, holder, last_used_at from access_keys
  where kind = $1 and hash = $2 and (expires_at is null or expires_at > now())
), used as (
  update access_keys k set last_used_at = now() from found
  where k.id = found.id and (found.last_used_at is null or found.last_used_at < now() - interval '1 minute')
)
select holder from found
"""
"""The last use is noted once a minute, so that a busy key is not a busy row."""
EXPIRE: Final = """
with ended as (update access_keys set expires_at = now() + $4 * interval '1 second'
  where kind = $1::text and holder = $2::text and ($3::bigint is null or id = $3)
    and (expires_at is null or expires_at > now() + $4 * interval '1 second') returning id)
insert into access_key_changes (key_id, kind, holder, what, changed_by)
select id, $1::text, $2::text, format('expires in %s s', $4::bigint), $5 from ended returning key_id
"""
LIST: Final = """
select id, holder, created_at, expires_at, last_used_at from access_keys
where kind = $1 and ($2::text is null or holder = $2) order by id
"""
CHANGES: Final = """
select changed_at, key_id, holder, what, changed_by from access_key_changes
where kind = $1 and ($2::text is null or holder = $2) order by id
"""
PREFIXES: Final = {"shipper": "bs", "operator": "bo"}


class Holder(StrEnum):
    """Who has such keys."""

    SHIPPER = "shipper"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Made:
    """A new key as it is shown once."""

    key_id: int
    key: str


class AccessKeys:
    """The keys of one kind of holder, on a connection, in the name of `by`."""

    def __init__(self, con: Any, kind: Holder, by: str) -> None:
        self._con = con
        self._kind = kind
        self._by = by

    async def make(self, holder: str, expires_at: datetime | None = None) -> Made:
        """Make a key beside those that there are."""
        key = new_secret(PREFIXES[self._kind])
        values = (self._kind, holder, secret_hash(key), expires_at, self._by)
        return Made(await self._con.fetchval(INSERT, *values), key)

    async def expire(self, holder: str, key_id: int | None, seconds: int) -> list[int]:
        """Let a key, or all of a holder's, end in so many seconds; returns those that it concerned."""
        rows = await self._con.fetch(EXPIRE, self._kind, holder, key_id, seconds, self._by)
        return [row["key_id"] for row in rows]

    async def rotate(self, holder: str, seconds: int) -> Made | None:
        """A new key where one is valid, until the last of them was to end; they hold for so many seconds more."""
        until = {row["id"]: row["expires_at"] for row in await keys_of(self._con, self._kind, holder)}
        ended = [until[key_id] for key_id in await self.expire(holder, None, seconds)]
        if not ended:
            return None
        return await self.make(holder, None if None in ended else max(ended))


async def holder_of(con: Any, kind: Holder, key: str) -> str | None:
    """Whose key this is, if it is valid; notes that it was used."""
    holder: str | None = await con.fetchval(FIND, kind, secret_hash(key))
    return holder


async def keys_of(con: Any, kind: Holder, holder: str | None) -> Sequence[Any]:
    """Keys without their secrets, with their ends and last uses."""
    rows: Sequence[Any] = await con.fetch(LIST, kind, holder)
    return rows


async def changes_of(con: Any, kind: Holder, holder: str | None) -> Sequence[Any]:
    """What was done with keys, by whom, when."""
    rows: Sequence[Any] = await con.fetch(CHANGES, kind, holder)
    return rows
