"""What ingest reads and writes in PostgreSQL: carriers and the quarantine."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from buuta.storage.keys import new_secret, secret_hash

SELECT_CARRIERS: Final = "select code, name, format, key_hash, webhook_hash from carriers"
BEGIN_FILE: Final = """
insert into files (carrier, content_hash, name) values ($1, $2, $3)
on conflict (carrier, content_hash) do update set name = excluded.name
returning lines_done, report_bytes, counts, finished_at
"""
ADVANCE_FILE: Final = """
update files set lines_done = $3, report_bytes = $4, counts = $5 where carrier = $1 and content_hash = $2
"""
FRESH_SECONDS: Final = 5.0
MISS_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Carrier:
    """A carrier that may report, and the format it speaks."""

    code: str
    name: str
    format: str


class CarrierBook:
    """All carriers by the hash of their key and of their webhook token.

    A few dozen rows, held in memory: a report is let in without a query, and also while PostgreSQL
    is away. A rotated key stops within five seconds; an unknown one costs at most a query a second.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._by_hash: dict[tuple[str, bytes], Carrier] = {}
        self._read_at = -FRESH_SECONDS

    async def by_key(self, key: str) -> Carrier | None:
        """The carrier whose API key this is."""
        return await self._find("key", secret_hash(key))

    async def by_token(self, token: str) -> Carrier | None:
        """The carrier whose webhook token this is."""
        return await self._find("webhook", secret_hash(token))

    async def _find(self, kind: str, digest: bytes) -> Carrier | None:
        # A digest is compared, not a secret: how long the look-up takes tells nothing of use.
        age = time.monotonic() - self._read_at
        if age > FRESH_SECONDS or ((kind, digest) not in self._by_hash and age > MISS_SECONDS):
            await self._refresh()
        return self._by_hash.get((kind, digest))

    async def _refresh(self) -> None:
        try:
            rows = await self._pool.fetch(SELECT_CARRIERS)
        except Exception:
            if not self._by_hash:
                raise
            return
        self._read_at = time.monotonic()
        self._by_hash = {
            (kind, row[f"{kind}_hash"]): Carrier(row["code"], row["name"], row["format"])
            for row in rows
            for kind in ("key", "webhook")
        }


@dataclass(frozen=True)
class FileProgress:
    """How far a file is: the last line that is done, the bytes of its report, results by name."""

    lines_done: int
    report_bytes: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class BegunFile(FileProgress):
    """A file that was begun, now or before."""

    content_hash: bytes
    finished_at: datetime | None


async def begin_file(con: Any, carrier: str, content_hash: bytes, name: str) -> BegunFile:
    """Begin a file, or find out how far an earlier run came."""
    row = await con.fetchrow(BEGIN_FILE, carrier, content_hash, name)
    return BegunFile(
        row["lines_done"], row["report_bytes"], json.loads(row["counts"]), content_hash, row["finished_at"]
    )


async def advance_file(con: Any, carrier: str, content_hash: bytes, done: FileProgress) -> None:
    """Note what is done."""
    counts = json.dumps(done.counts)
    await con.execute(ADVANCE_FILE, carrier, content_hash, done.lines_done, done.report_bytes, counts)


async def finish_file(con: Any, carrier: str, content_hash: bytes) -> None:
    """Note that all lines are done."""
    await con.execute(
        "update files set finished_at = now() where carrier = $1 and content_hash = $2",
        carrier,
        content_hash,
    )


async def add_carrier(con: Any, carrier: Carrier) -> tuple[str, str]:
    """Add a carrier; returns its API key and webhook token, which are shown once."""
    key, token = new_secret("bk"), new_secret("bw")
    await con.execute(
        "insert into carriers (code, name, format, key_hash, webhook_hash) values ($1, $2, $3, $4, $5)",
        carrier.code, carrier.name, carrier.format, secret_hash(key), secret_hash(token),
    )  # fmt: skip
    return key, token


async def carrier_of(con: Any, code: str) -> Carrier | None:
    """The carrier of that code."""
    row = await con.fetchrow("select code, name, format from carriers where code = $1", code)
    return None if row is None else Carrier(*row)


async def rotate_key(con: Any, code: str) -> tuple[str, str] | None:
    """Replace a carrier's key and token; None where there is no such carrier."""
    key, token = new_secret("bk"), new_secret("bw")
    done = await con.execute(
        "update carriers set key_hash = $2, webhook_hash = $3 where code = $1",
        code, secret_hash(key), secret_hash(token),
    )  # fmt: skip
    return (key, token) if done == "UPDATE 1" else None
