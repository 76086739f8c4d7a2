"""Polls in PostgreSQL: whose turn it is, and up to where each carrier's answers were taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.storage.vault import Place, Vault
from services.ingest.storage import Carrier, carrier_of

CLAIM: Final = """
update polls set leased_until = now() + interval '2 minutes' where carrier = (
  select p.carrier from polls p join carriers c on c.code = p.carrier
  where next_at <= now() and leased_until <= now() and c.status = 'active'
  order by next_at limit 1 for update of p skip locked)
returning carrier, url, secret, every_seconds, position, failures
"""
"""A process that dies while it asks is followed by another when the lease is over."""
ADVANCE: Final = """
update polls set position = $3, last_at = now(), leased_until = now() + interval '2 minutes'
where carrier = $1 and position = $2 returning true
"""
REST: Final = """
update polls set next_at = now() + $2 * interval '1 second', leased_until = now(), failures = $3,
  last_error = $4, last_at = case when $4::text is null then now() else last_at end
where carrier = $1
"""
SET: Final = """
insert into polls (carrier, url, secret, every_seconds) values ($1, $2, $3, $4)
on conflict (carrier) do update set url = excluded.url, secret = coalesce(excluded.secret, polls.secret),
  every_seconds = excluded.every_seconds, next_at = now(), failures = 0
"""
EVERY: Final = """
select carrier, url, every_seconds, position, next_at, failures, last_at, last_error from polls order by carrier
"""


@dataclass(frozen=True)
class Poll:
    """A carrier whose turn it is; `sealed` is the key that it gave us."""

    carrier: Carrier
    url: str
    sealed: bytes | None
    every: float
    position: str
    failures: int


def secret_place(carrier: str) -> Place:
    """Where the key lies that a carrier gave us."""
    return Place("polls.secret", carrier.encode())


async def claim(pool: Any) -> Poll | None:
    """Whose turn it is, for this process alone; None where it is nobody's."""
    row = await pool.fetchrow(CLAIM)
    if row is None:
        return None
    carrier = await carrier_of(pool, row["carrier"])
    assert carrier is not None, "polls refer to carriers"
    return Poll(carrier, row["url"], row["secret"], row["every_seconds"], row["position"], row["failures"])


async def advance(pool: Any, carrier: str, before: str, after: str) -> bool:
    """What lies before `after` is taken; False where another process has moved on meanwhile."""
    return bool(await pool.fetchval(ADVANCE, carrier, before, after))


async def rest(pool: Any, carrier: str, seconds: float, failures: int, error: str | None) -> None:
    """The carrier's next turn is in so many seconds."""
    await pool.execute(REST, carrier, seconds, failures, error)


async def ask_at(con: Any, vault: Vault, carrier: str, url: str, every: int, secret: str | None) -> None:  # noqa: PLR0913
    """Ask a carrier at this address from now on; without a new secret the old one stays."""
    sealed = None if secret is None else vault.seal_directly(secret_place(carrier), secret.encode())
    await con.execute(SET, carrier, url, sealed, every)


async def every_poll(con: Any) -> Sequence[Any]:
    """All polls, without their secrets."""
    rows: Sequence[Any] = await con.fetch(EVERY)
    return rows
