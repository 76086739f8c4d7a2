"""Carriers' keys at the doors: found by their hash in memory, and their use counted.

A few hundred rows, held in memory: a report is let in without a query, and also while PostgreSQL is away. A
key that was revoked stops within five seconds; an unknown one costs at most a query a second.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from ipaddress import ip_network
from typing import Any, Final

from buuta.model.times import vietnam_day
from buuta.storage.keys import secret_hash
from buuta.storage.vault import Vault
from buuta.telemetry.clock import now_ms
from services.ingest.domain.keys import Bucket, Key, Kind, Limits, Scope
from services.ingest.storage import Carrier

FRESH_SECONDS: Final = 5.0
MISS_SECONDS: Final = 1.0
SELECT: Final = """
select k.id, k.kind, k.hash, k.sealed, k.scopes, k.addresses, k.sandbox, k.scans_per_second, k.scans_per_day,
  k.expires_at, c.code, c.name, c.format, c.is_post, coalesce(u.scans, 0) as used
from carrier_keys k join carriers c on c.code = k.carrier
left join key_usage u on u.key_id = k.id and u.day = $1
where (k.expires_at is null or k.expires_at > now()) and c.status = 'active'
"""
USED: Final = """
insert into key_usage as u (key_id, day, requests, scans, refused, last_at) values ($1, $2, $3, $4, $5, now())
on conflict (key_id, day) do update set requests = u.requests + excluded.requests,
  scans = u.scans + excluded.scans, refused = u.refused + excluded.refused, last_at = excluded.last_at
"""


@dataclass(frozen=True)
class Caller:
    """Who calls, and by which key; `secret` is that of a signing key, never printed."""

    carrier: Carrier
    key: Key
    secret: str = field(default="", repr=False)


@dataclass
class Use:
    """A key's use on a day: `used` by all processes as far as is known, the rest by this one and not written."""

    day: date
    used: int
    requests: int = 0
    scans: int = 0
    refused: int = 0


class Keyring:
    """All valid keys by hash, and their use by this process."""

    def __init__(self, pool: Any, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault
        self._callers: dict[bytes, Caller] = {}
        self._uses: dict[int, Use] = {}
        self._buckets: dict[int, Bucket] = {}
        self._read_at = -FRESH_SECONDS

    async def find(self, kinds: frozenset[Kind], secret: str) -> Caller | None:
        """Whose key this is, if it is valid. A digest is looked up: how long it takes tells nothing of use."""
        digest = secret_hash(secret)
        age = time.monotonic() - self._read_at
        if age > FRESH_SECONDS or (digest not in self._callers and age > MISS_SECONDS):
            await self._refresh()
        caller = self._callers.get(digest)
        if caller is None or caller.key.kind not in kinds or not caller.key.is_valid(datetime.now(UTC)):
            return None
        return caller

    def bucket(self, key: Key) -> Bucket:
        """What a key has left of this second, in this process."""
        bucket = self._buckets.get(key.id)
        if bucket is None or bucket.rate != key.limits.scans_per_second:
            bucket = self._buckets[key.id] = Bucket(key.limits.scans_per_second)
        return bucket

    def use(self, key: Key) -> Use:
        """A key's use today, in Vietnam."""
        today = vietnam_day(now_ms())
        use = self._uses.get(key.id)
        if use is None or use.day != today:
            use = self._uses[key.id] = Use(today, 0)
        return use

    async def write_down(self) -> None:
        """Add what was used since the last time to the days of the keys."""
        for key_id, use in list(self._uses.items()):
            if use.requests or use.refused:
                requests, scans, refused = use.requests, use.scans, use.refused
                await self._pool.execute(USED, key_id, use.day, requests, scans, refused)
                use.used, use.scans = use.used + scans, use.scans - scans
                use.requests, use.refused = use.requests - requests, use.refused - refused

    async def _refresh(self) -> None:
        today = vietnam_day(now_ms())
        try:
            rows = await self._pool.fetch(SELECT, today)
        except Exception:
            if not self._callers:
                raise
            return
        self._read_at = time.monotonic()
        self._callers = {row["hash"]: self._caller(row) for row in rows}
        for row in rows:
            self._uses.setdefault(row["id"], Use(today, 0)).used = row["used"]

    def _caller(self, row: Any) -> Caller:
        key = Key(
            row["id"], row["code"], Kind(row["kind"]), frozenset(map(Scope, row["scopes"])),
            tuple(map(ip_network, row["addresses"])), row["sandbox"],
            Limits(row["scans_per_second"], row["scans_per_day"]), row["expires_at"],
        )  # fmt: skip
        secret = self._vault.open_payload(row["sealed"]).decode() if row["sealed"] else ""
        return Caller(Carrier(row["code"], row["name"], row["format"], row["is_post"]), key, secret)
