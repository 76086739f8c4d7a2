"""Parcels that are long over are forgotten, page by page; what they counted for stays counted.

A parcel goes with its scans once nothing of it was received, and none of its scans took place, for `days` days, and
once the archive has all of that. So long is a year, in which a late scan still steers, and the gap after which a
number is another parcel: what comes later under the number is history that steers nothing, or a new parcel. With it
goes what the compacted topic holds of it. One that cannot be deleted is set aside, and keeps no other.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from buuta.errors import BadSettings
from buuta.model.steering import OLDEST_MS
from buuta.model.times import DAY_MS
from buuta.storage import locks, retention, set_aside
from buuta.storage.background import Fault, each_alone, in_turn
from buuta.storage.locks import Lock
from buuta.storage.set_aside import Aside
from buuta.telemetry import metrics
from services.tracker.settings import TrackerSettings
from services.tracker.storage import mark_parcels

PAGE: Final = 2_000
PAGES: Final = 50
WITH_PARCEL: Final = ("scans", "past_parcels", "deadlines", "declarations")
ARCHIVED: Final = "select partition from archives where topic = $1 and reached_at >= $2"
OVER: Final = "coalesce(last_at, 0) < $2 and coalesce(registered_at, 0) < $2"
LOOK: Final = f"""
select parcel_key, {OVER} and slot = any($4::int[]) as is_over
from parcels where parcel_key > $1 order by parcel_key limit $3
"""  # noqa: S608 - a condition of our own
FORGET: Final = f"""
delete from parcels p where parcel_key = any($1) and {OVER}
  and not exists (select from scans s where s.parcel_key = p.parcel_key and s.received_at >= $2)
returning parcel_key
"""  # noqa: S608 - a condition of our own


AGAIN: Final = f"""
select parcel_key from parcels where parcel_key = any($1) and {OVER} and slot = any($3::int[])
"""  # noqa: S608 - a condition of our own
LOOP: Final = "retention"


def least_days(epoch_gap_days: int) -> int:
    """So long a parcel must be kept that whatever comes later is no late scan of it."""
    return OLDEST_MS // DAY_MS + epoch_gap_days


class Retention:
    """Looks through the parcels and all other tables; `topic` is the log that the archive is of."""

    def __init__(self, pool: Any, settings: TrackerSettings) -> None:
        least = least_days(settings.epoch_gaps.longest_days)
        if settings.keep_parcels_days < least:
            raise BadSettings(
                f"BUUTA_KEEP_PARCELS_DAYS is {settings.keep_parcels_days}: at least {least}, a year in which a "
                "late scan steers and BUUTA_EPOCH_GAP_DAYS"
            )
        self._pool = pool
        self._topic = settings.events_topic
        self._days = settings.keep_parcels_days
        self._publishes = settings.publish_parcels
        self._after: str | None = None

    async def turn(self) -> bool:
        """Go on with a round, or begin one if none was begun for a day; True while there is more of it."""
        await self._again()
        if self._after is None:
            if not await retention.is_due(self._pool, "all"):
                return False
            self._after = ""
        await self.step(datetime.now(UTC))
        return self._after is not None

    async def run_through(self, now: datetime) -> Counter[str]:
        """A whole round at once; returns how many rows went, by table."""
        gone, self._after = Counter[str](), ""
        while self._after is not None:
            gone += await self.step(now)
        return gone

    async def step(self, now: datetime) -> Counter[str]:
        """Some pages of parcels, and of every other table what is too old."""
        gone = Counter[str]()

        async def parcels(now: datetime) -> None:
            gone.update(await self._pages(self._before(now)))

        async def others(now: datetime) -> None:
            gone.update(await retention.sweep(self._pool, now))

        await in_turn((parcels, others), lambda work: work(now))
        return gone

    def _before(self, now: datetime) -> int:
        return round(now.timestamp() * 1000) - self._days * DAY_MS

    async def _archived(self, before: int) -> list[int]:
        return [row["partition"] for row in await self._pool.fetch(ARCHIVED, self._topic, before)]

    async def _again(self) -> None:
        """Try once more what is set aside and due; what came to life again is noted no more."""
        due = [each.element for each in await set_aside.due(self._pool, LOOP)]
        if not due:
            return
        before = self._before(datetime.now(UTC))
        over = await self._pool.fetch(AGAIN, due, before, await self._archived(before))
        keys = [row["parcel_key"] for row in over]
        await set_aside.settle(self._pool, LOOP, [key for key in due if key not in keys], [])
        await self._forget_each(keys, before)

    async def _pages(self, before: int) -> Counter[str]:
        gone = Counter[str]()
        slots = await self._archived(before)
        if not slots:
            self._after = None
            return gone
        for _ in range(PAGES):
            page = await self._pool.fetch(LOOK, self._after or "", before, PAGE, slots)
            over = [row["parcel_key"] for row in page if row["is_over"]]
            gone.update(await self._forget_each(over, before))
            self._after = page[-1]["parcel_key"] if len(page) == PAGE else None
            if self._after is None:
                break
        return gone

    async def _forget_each(self, keys: Sequence[str], before: int) -> Counter[str]:
        """Delete parcels; those that fail alone are set aside."""
        gone = Counter[str]()

        async def forget(some: Sequence[str]) -> None:
            gone.update(await self._forget(some, before))

        outcome = await each_alone(keys, forget)
        faults = [Fault(Aside(each.element), each.why) for each in outcome.faults]
        await set_aside.settle(self._pool, LOOP, keys, faults)
        return gone

    async def _forget(self, keys: Sequence[str], before: int) -> Counter[str]:
        """Delete parcels and their scans in one transaction; a parcel that has moved meanwhile stays."""
        async with self._pool.acquire() as con, con.transaction():
            if not await locks.try_hold(con, Lock.RETENTION):
                return Counter()
            gone = [row["parcel_key"] for row in await con.fetch(FORGET, keys, before)]
            if self._publishes:
                await mark_parcels(con, gone)
            rows = Counter({"parcels": len(gone)})
            for table in WITH_PARCEL:
                done = await con.execute(f"delete from {table} where parcel_key = any($1)", gone)  # noqa: S608
                rows[table] += int(done.split()[-1])
        for table, count in rows.items():
            metrics.RETENTION_ROWS.labels(table).inc(count)
        return +rows


async def unarchived(pool: Any, topic: str, days: int, now: datetime) -> int:
    """How many partitions have parcels that are not forgotten, since the archive does not reach so far."""
    before = round(now.timestamp() * 1000) - days * DAY_MS
    slots: int = await pool.fetchval(
        "select count(*) from progress where consumer = 'tracker' and topic = $1 and not exists ("
        "select from archives a where a.topic = $1 and a.partition = progress.partition and reached_at >= $2)",
        topic,
        before,
    )
    return slots
