"""Making, rotating and revoking carriers' keys; every change is kept with who made it."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from buuta.storage.keys import new_secret, secret_hash
from buuta.storage.vault import Place, Vault
from services.ingest.domain.keys import Kind, Limits, Scope
from services.ingest.domain.signature import PREFIX
from services.ingest.storage import Carrier, add_carrier

INSERT: Final = """
with made as (insert into carrier_keys (carrier, kind, hash, sealed, scopes, addresses, sandbox,
    scans_per_second, scans_per_day, expires_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id)
insert into key_changes (key_id, what, changed_by) select id, 'made', $11 from made returning key_id
"""
EXPIRE: Final = """
with ended as (update carrier_keys set expires_at = now() + $3 * interval '1 second'
  where carrier = $1 and ($2::bigint is null or id = $2)
    and (expires_at is null or expires_at > now() + $3 * interval '1 second') returning id, kind)
insert into key_changes (key_id, what, changed_by)
select id, format('expires in %s s', $3::bigint), $4 from ended returning key_id
"""
LIST: Final = """
select k.id, k.carrier, k.kind, k.scopes, k.addresses, k.sandbox, k.scans_per_second, k.scans_per_day,
  k.created_at, k.expires_at, sum(u.scans) as scans, sum(u.refused) as refused, max(u.last_at) as last_at
from carrier_keys k left join key_usage u on u.key_id = k.id
where $1::text is null or k.carrier = $1 group by k.id order by k.id
"""
CHANGES: Final = """
select c.changed_at, c.key_id, k.carrier, k.kind, c.what, c.changed_by
from key_changes c join carrier_keys k on k.id = c.key_id
where $1::text is null or k.carrier = $1 order by c.id
"""
OWN: Final = """
select kind, scopes, addresses, sandbox, scans_per_second, scans_per_day, hash, sealed from carrier_keys
where id = $1
"""
PREFIXES: Final = {Kind.API: "bk", Kind.WEBHOOK: "bw", Kind.SIGNING: "bi"}


LIMITS: Final = Limits(50_000, 1_000_000_000)


@dataclass(frozen=True)
class Cut:
    """What a new key opens: CIDR networks (none: from anywhere), limits, and until when.

    `vendor_secret` is what a vendor signs the requests with that come by a webhook token; never printed.
    """

    kind: Kind
    scopes: Sequence[Scope] = tuple(Scope)
    networks: Sequence[str] = ()
    sandbox: bool = False
    limits: Limits = LIMITS
    expires_at: datetime | None = None
    vendor_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Shown:
    """A new key as it is shown once: what is sent, and the secret that signs and is never sent."""

    key_id: int
    kind: Kind
    key: str
    signing_secret: str | None = None


def signing_place(key_hash: bytes) -> Place:
    """Where the secret of a signing key lies."""
    return Place("carrier_keys.sealed", key_hash)


class Locksmith:
    """Works on one connection, in the name of `by`."""

    def __init__(self, con: Any, vault: Vault, by: str) -> None:
        self._con = con
        self._vault = vault
        self._by = by

    async def add_carrier(self, carrier: Carrier) -> tuple[str, str]:
        """Add a carrier with an API key and a webhook token; returns both, which are shown once."""
        await add_carrier(self._con, carrier)
        key = await self.make(carrier.code, Cut(Kind.API))
        token = await self.make(carrier.code, Cut(Kind.WEBHOOK, (Scope.REPORT,)))
        return key.key, token.key

    async def make(self, carrier: str, cut: Cut) -> Shown:
        """Make a key beside those that there are."""
        key, secret = new_secret(PREFIXES[cut.kind]), None
        if cut.kind is Kind.SIGNING:
            secret = f"{PREFIX}{b64encode(secrets.token_bytes(32)).decode()}"
        sealed = self._sealed(key, secret if cut.kind is Kind.SIGNING else cut.vendor_secret)
        limits = cut.limits
        key_id = await self._con.fetchval(
            INSERT, carrier, cut.kind, secret_hash(key), sealed, list(cut.scopes), list(cut.networks),
            cut.sandbox, limits.scans_per_second, limits.scans_per_day, cut.expires_at, self._by,
        )  # fmt: skip
        return Shown(key_id, cut.kind, key, secret)

    def _sealed(self, key: str, secret: str | None) -> bytes | None:
        """What a key signs with, ours or the vendor's."""
        if secret is None:
            return None
        return self._vault.seal_directly(signing_place(secret_hash(key)), secret.encode())

    async def expire(self, carrier: str, key_id: int | None, seconds: int) -> list[int]:
        """Let a key, or all of a carrier's, end in so many seconds; returns those that it concerned."""
        rows = await self._con.fetch(EXPIRE, carrier, key_id, seconds, self._by)
        return [row["key_id"] for row in rows]

    async def rotate(self, carrier: str, seconds: int) -> list[Shown]:
        """A new key for each that is valid, as it was cut and until then; the old ones hold for so many seconds."""
        until = {row["id"]: row["expires_at"] for row in await keys_of(self._con, carrier)}
        made = []
        for key_id in await self.expire(carrier, None, seconds):
            made.append(
                await self.make(carrier, self._again(await self._con.fetchrow(OWN, key_id), until[key_id]))
            )
        return made

    def _again(self, row: Any, until: datetime | None) -> Cut:
        """As a key was cut; of a webhook token with the vendor's secret, which only the vendor changes."""
        own = row["kind"] == Kind.WEBHOOK and row["sealed"]
        secret = (
            self._vault.open_directly(signing_place(row["hash"]), row["sealed"]).decode() if own else None
        )
        return Cut(
            Kind(row["kind"]), [Scope(each) for each in row["scopes"]], row["addresses"], row["sandbox"],
            Limits(row["scans_per_second"], row["scans_per_day"]), until, secret,
        )  # fmt: skip


async def keys_of(con: Any, carrier: str | None) -> list[Any]:
    """Keys without their secrets, with what they were used for."""
    rows: list[Any] = await con.fetch(LIST, carrier)
    return rows


async def changes_of(con: Any, carrier: str | None) -> list[Any]:
    """What was done with keys, by whom, when."""
    rows: list[Any] = await con.fetch(CHANGES, carrier)
    return rows
