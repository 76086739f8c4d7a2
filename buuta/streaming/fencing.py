"""Raising the fences of partitions, and cutting off a zombie that holds their rows.

One connection does all: who waits for a second one while he holds the first waits for himself once the pool
is busy.
"""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import structlog

from buuta.streaming.progress import ProgressRows, Taken

log = structlog.get_logger()
PATIENCE_MS: Final = 2_000
CUT_OFF: Final = """
select pg_terminate_backend(held.pid) from progress p
join pg_locks held on held.locktype = 'transactionid' and held.transactionid = p.xmax and held.granted
where p.consumer = $1 and p.topic = $2 and p.partition = any($3) and held.pid <> pg_backend_pid()
"""
"""Who has locked or changed a row and not yet ended stands in its `xmax`."""


async def raise_fences(pool: Any, progress: ProgressRows, first: Mapping[int, int]) -> dict[int, Taken]:
    """Take partitions over; an earlier owner that is frozen inside its transaction is cut off.

    The group has given its partitions to us, so what holds their rows is a zombie. PostgreSQL ends it by
    itself when it is idle in its transaction, but not in the middle of a COPY. `first` is as `take_over` has it.
    """
    async with pool.acquire() as con:
        while True:
            try:
                async with con.transaction():
                    await con.execute(f"set local lock_timeout = {PATIENCE_MS}")
                    return await progress.take_over(con, first)
            except asyncpg.LockNotAvailableError:
                # Each partition may be held by another of the zombie's connections.
                ended = await con.fetch(CUT_OFF, progress.consumer, progress.topic, list(first))
                log.warning("zombie_cut_off", partitions=sorted(first), connections=len(ended))
