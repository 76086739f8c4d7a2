"""The timekeeper: looks for deadlines that have passed and appends `DeadlinePassed` to the log.

It decides nothing: the record goes to the parcel's own partition, and the fold says what it means.
A record that is appended twice counts once. Only partitions that are caught up are looked at, since a
tracker that lags would take unread scans for silence.

An index leads to what may be due: `look_at` says when a parcel must be looked at, at the latest. An index on its
next deadline itself would be written by every scan (docs/decisions/0044). The time is PostgreSQL's, which all
trackers share, and not that of the machine on which one of them happens to run.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from buuta.contracts.columns import encode_rows
from buuta.model.identifiers import split_key
from buuta.model.scan import DeadlinePassed
from buuta.model.statuses import DEADLINE_LETTER
from buuta.model.ways import GOES_BACK
from buuta.storage import set_aside
from buuta.storage.background import Fault, each_alone, in_turn, run_forever
from buuta.storage.set_aside import Aside
from buuta.storage.skew import Clock, database_time
from buuta.streaming.parts import Parts
from buuta.streaming.worker import ChunkWorker
from buuta.telemetry import metrics
from services.tracker.domain.rules import DEADLINES, STALE_MS

LOOP: Final = "deadlines"
MOST: Final = 5_000
"""Records appended in one go; the next sweep finds the rest."""
BEHIND: Final = 8_000
"""A partition with more unread records than two chunks is not caught up."""
_BACK: Final = ", ".join(f"'{status}'" for status in sorted(GOES_BACK))
RUNNING: Final = f"""
(values
  ('stuck', '{DEADLINE_LETTER["stuck"]}', next_expected_at),
  ('stale', '{DEADLINE_LETTER["stale"]}', last_at + {STALE_MS}),
  ('delayed', '{DEADLINE_LETTER["delayed"]}', case when status in ({_BACK}) then null else promised_at end)
) as running (kind, letter, deadline_at)
"""
"""As `domain.deadlines.running`; a test holds the two together."""
LOOK: Final = f"""
with looked as materialized (
  select parcel_key, status, overdue, next_expected_at, last_at, promised_at from parcels
  where slot = $1 and look_at < $2 and {set_aside.not_resting(LOOP, "parcel_key")}
  order by look_at limit $3
)
select parcel_key, kind, deadline_at
from looked left join lateral {RUNNING}
  on next_expected_at is not null and deadline_at < $2 and strpos(overdue, letter) = 0
"""  # noqa: S608 - letters of our own
"""What must be looked at, and of each what has passed: nothing (null), one deadline or more."""
PUT_OFF: Final = f"""
update parcels set look_at = (
  select min(deadline_at) from {RUNNING} where next_expected_at is not null and strpos(overdue, letter) = 0
)
where parcel_key in (select parcel_key from parcels where parcel_key = any($1) for update skip locked)
"""  # noqa: S608 - letters of our own
"""What a chunk writes just now is not waited for: it is looked at again."""
Overdue = dict[str, list[Any]]
"""By parcel what has passed of it."""


class Timekeeper:
    """Sweeps the partitions of one worker."""

    def __init__(
        self, worker: ChunkWorker, topic: str, interval: float, clock: Clock = database_time
    ) -> None:
        self._worker = worker
        self._parts: Parts = worker.parts
        self._topic = topic
        self._interval = interval
        self._clock = clock

    async def run(self) -> None:
        """Sweep for ever; what is away now is tried at the next sweep."""
        await run_forever(LOOP, self._turn, self._interval)

    async def _turn(self) -> None:
        await in_turn(await self._worker.caught_up(BEHIND), self.sweep)

    async def sweep(self, partition: int) -> int:
        """Append what has passed in one partition; returns how many records."""
        while True:
            async with self._parts.pool.acquire() as con:
                now = await self._clock(con)
                rows = await con.fetch(LOOK, partition, now, MOST)
                over = [row for row in rows if row["kind"] is not None]
                await con.execute(PUT_OFF, [row["parcel_key"] for row in rows if row["kind"] is None])
            # What has passed is found again until it is applied; what has not is put off.
            if over or len(rows) < MOST:
                return await self._tell(partition, now, over)

    async def _tell(self, partition: int, now: int, rows: Sequence[Any]) -> int:
        if not rows:
            return 0
        overdue = _by_parcel(rows)
        outcome = await each_alone(list(overdue), partial(self._append, partition, now, overdue))
        faults = [Fault(Aside(each.element), each.why) for each in outcome.faults]
        async with self._parts.pool.acquire() as con:
            await set_aside.settle(con, LOOP, list(overdue), faults)
        return sum(len(overdue[key]) for key in outcome.done)

    async def _append(self, partition: int, now: int, overdue: Overdue, keys: Sequence[str]) -> None:
        rows = [row for key in keys for row in overdue[key]]
        passed = [DeadlinePassed(*split_key(key), kind, at, now) for key, kind, at in rows]
        values = encode_rows(self._parts.codec, "DeadlinePassed", passed)
        places = (row["parcel_key"].encode() for row in rows)
        await self._parts.producer.send_to(self._topic, partition, list(zip(places, values, strict=True)))
        for kind in DEADLINES:
            metrics.TRACKER_DEADLINES.labels(kind).inc(sum(each.kind == kind for each in passed))


def _by_parcel(rows: Sequence[Any]) -> Overdue:
    overdue: Overdue = {}
    for row in rows:
        overdue.setdefault(row["parcel_key"], []).append(row)
    return overdue
