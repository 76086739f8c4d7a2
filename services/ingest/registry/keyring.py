"""Carriers' keys at the doors: found by their hash in memory, and their use counted.

A few hundred rows, held in memory and read anew in the background: a report is let in without a query, and also
while PostgreSQL is away or silent. A key that was revoked stops within five seconds of PostgreSQL's answering. One
that is not in memory may be new: whoever comes with it waits for the next look, which all share, a few a second.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import structlog

from buuta.errors import DatabaseAway
from buuta.model.networks import read_network
from buuta.model.times import vietnam_day
from buuta.storage.background import in_turn, run_forever
from buuta.storage.faults import is_away
from buuta.storage.keys import secret_hash
from buuta.storage.vault import Vault
from buuta.telemetry.clock import now_ms
from services.ingest.domain.keys import Bucket, Key, Kind, Limits, Scope
from services.ingest.registry.locksmith import signing_place
from services.ingest.storage import COLUMNS, Carrier, carrier_from

log = structlog.get_logger()
REFRESH_SECONDS: Final = 4.0
PAUSE_SECONDS: Final = 0.2
"""Between two looks at least."""
SELECT: Final = f"""
select k.id, k.kind, k.hash, k.sealed, k.scopes, k.addresses, k.sandbox, k.scans_per_second, k.scans_per_day,
  k.expires_at, c.*, coalesce(u.scans, 0) as used
from carrier_keys k join (select {COLUMNS}, status from carriers) as c on c.code = k.carrier
left join key_usage u on u.key_id = k.id and u.day = $1
where (k.expires_at is null or k.expires_at > now()) and c.status = 'active'
"""  # noqa: S608 - names of our own
USED: Final = """
insert into key_usage as u (key_id, day, requests, scans, refused, last_at) values ($1, $2, $3, $4, $5, now())
on conflict (key_id, day) do update set requests = u.requests + excluded.requests,
  scans = u.scans + excluded.scans, refused = u.refused + excluded.refused, last_at = excluded.last_at
"""


Fits = Callable[["Caller"], bool]
"""Whether a key is for what is asked: its kind, from where, for which format."""


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

    @property
    def is_unwritten(self) -> bool:
        """Whether something of it is not in the database yet."""
        return bool(self.requests or self.scans or self.refused)


class Keyring:
    """All valid keys by hash, and their use by this process; an unknown one waits `patience` seconds for a look."""

    def __init__(self, pool: Any, vault: Vault, patience: float) -> None:
        self._pool = pool
        self._vault = vault
        self._patience = patience
        self._callers: dict[bytes, Caller] = {}
        self._uses: dict[tuple[int, date], Use] = {}
        self._buckets: dict[int, Bucket] = {}
        self._next: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._looked_at = -math.inf
        self._is_read = False

    def held(self, secret: str, fits: Fits) -> Caller | None:
        """Whose key this is, as far as is known without a look, if it is valid and fits.

        A digest is looked up: how long that takes tells nothing of any key.
        """
        caller = self._callers.get(secret_hash(secret))
        if caller is None or not caller.key.is_valid(datetime.now(UTC)) or not fits(caller):
            return None
        return caller

    async def first_read(self) -> None:
        """Wait until the keys were read once: before that, whoever has a good key is as unknown as a guesser.

        Raises:
            DatabaseAway: they were not.
        """
        if not self._is_read:
            await self._look()

    async def find(self, secret: str, fits: Fits) -> Caller | None:
        """The same after a look, since the key may be new. One that does not fit takes as long as an unknown one.

        Raises:
            DatabaseAway: it is not among the keys that were read last, and whether it is new cannot be found out.
        """
        await self._look()
        return self.held(secret, fits)

    def note_refusal(self, secret: str) -> None:
        """Count that somebody was turned away who has this key, if anybody has it."""
        caller = self._callers.get(secret_hash(secret))
        if caller is not None:
            self.use(caller.key).refused += 1

    async def run(self) -> None:
        """Read the keys every few seconds, for ever; without PostgreSQL those that were read last hold."""
        await run_forever("keys", self._look, REFRESH_SECONDS)

    async def _look(self) -> None:
        """Wait for a look that begins from now on; not for long.

        Raises:
            DatabaseAway: the keys were not read.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._look_soon())
            self._next.add_done_callback(lambda look: look.cancelled() or look.exception())
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.shield(self._next)
        except TimeoutError as late:
            raise DatabaseAway(f"the keys were not read within {self._patience:g} s") from late

    async def _look_soon(self) -> None:
        async with self._one_at_a_time:
            await asyncio.sleep(max(self._looked_at + PAUSE_SECONDS - time.monotonic(), 0))
            self._looked_at = time.monotonic()
            self._next = None  # Who comes from here on waits for the look after this one.
            await self._read()

    def bucket(self, key: Key) -> Bucket:
        """What a key has left of this second, in this process."""
        bucket = self._buckets.get(key.id)
        if bucket is None or bucket.rate != key.limits.scans_per_second:
            bucket = self._buckets[key.id] = Bucket(key.limits.scans_per_second)
        return bucket

    def use(self, key: Key) -> Use:
        """A key's use today, in Vietnam."""
        return self._use(key.id, vietnam_day(now_ms()))

    def _use(self, key_id: int, day: date) -> Use:
        return self._uses.setdefault((key_id, day), Use(day, 0))

    async def write_down(self) -> None:
        """Add what was used since the last time to the days of the keys; each key's by itself."""
        try:
            await in_turn(list(self._uses.items()), self._write_down)
        finally:
            today = vietnam_day(now_ms())
            self._uses = {
                place: use for place, use in self._uses.items() if use.day >= today or use.is_unwritten
            }

    async def _write_down(self, used: tuple[tuple[int, date], Use]) -> None:
        (key_id, day), use = used
        if use.is_unwritten:
            requests, scans, refused = use.requests, use.scans, use.refused
            await self._pool.execute(USED, key_id, day, requests, scans, refused)
            use.used, use.scans = use.used + scans, use.scans - scans
            use.requests, use.refused = use.requests - requests, use.refused - refused

    async def _read(self) -> None:
        today = vietnam_day(now_ms())
        try:
            rows = await self._pool.fetch(SELECT, today)
        except Exception as why:
            if not is_away(why):
                raise
            raise DatabaseAway("the keys cannot be read") from why
        self._callers = {row["hash"]: caller for row in rows if (caller := self._caller(row)) is not None}
        self._is_read = True
        for row in rows:
            self._use(row["id"], today).used = row["used"]

    def _caller(self, row: Any) -> Caller | None:
        """Whose key a row is; None where its secret does not open, which is that key's misfortune alone."""
        try:
            secret = self._secret(row)
        except Exception as why:
            log.error("key_does_not_open", key=row["id"], why=type(why).__name__)
            return None
        key = Key(
            row["id"], row["code"], Kind(row["kind"]), frozenset(map(Scope, row["scopes"])),
            tuple(map(read_network, row["addresses"])), row["sandbox"],
            Limits(row["scans_per_second"], row["scans_per_day"]), row["expires_at"],
        )  # fmt: skip
        return Caller(carrier_from(row), key, secret)

    def _secret(self, row: Any) -> str:
        """What a signing key signs with; nothing for a key that signs nothing."""
        if not row["sealed"]:
            return ""
        return self._vault.open_directly(signing_place(row["hash"]), row["sealed"]).decode()
