"""The timekeeper: looks for deadlines that have passed and appends `DeadlinePassed` to the log.

It decides nothing: the record goes to the parcel's own partition, and the fold says what it means.
A record that is appended twice counts once. Only partitions that are caught up are looked at, since a
tracker that lags would take unread scans for silence.

No index leads to what is due: one on `next_expected_at` would end HOT updates, which every scan needs.
So all open parcels are read now and then, for at most a twentieth of the time.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from buuta.contracts.columns import encode_rows
from buuta.model.identifiers import split_key
from buuta.model.scan import DeadlinePassed
from buuta.model.statuses import DEADLINE_LETTER
from buuta.storage import set_aside
from buuta.storage.background import Fault, each_alone, in_turn, run_forever
from buuta.storage.set_aside import Aside
from buuta.streaming.parts import Parts
from buuta.streaming.worker import ChunkWorker
from buuta.telemetry import metrics
from services.tracker.domain.invitations import GOES_BACK
from services.tracker.domain.rules import DEADLINES, STALE_MS

LOOP: Final = "deadlines"
MOST: Final = 5_000
"""Records appended in one go; the next sweep finds the rest."""
RARELY: Final = 19
"""After a sweep at least so many times its length is paused."""
BEHIND: Final = 8_000
"""A partition with more unread records than two chunks is not caught up."""
DUE: Final = f"""
select parcel_key, kind, deadline_at
from parcels cross join lateral (values
  ('stuck', '{DEADLINE_LETTER["stuck"]}', next_expected_at),
  ('stale', '{DEADLINE_LETTER["stale"]}', last_at + $3),
  ('delayed', '{DEADLINE_LETTER["delayed"]}', case when status = any($4) then null else promised_at end)
) as running (kind, letter, deadline_at)
where slot = $1 and next_expected_at is not null and deadline_at < $2 and strpos(overdue, letter) = 0
limit $5
"""  # noqa: S608 - letters of our own
"""As `domain.deadlines.running`; a test holds the two together."""


class Timekeeper:
    """Sweeps the partitions of one worker; `now_ms` is the clock, UTC milliseconds."""

    def __init__(self, worker: ChunkWorker, topic: str, interval: float, now_ms: Callable[[], int]) -> None:
        self._worker = worker
        self._parts: Parts = worker.parts
        self._topic = topic
        self._interval = interval
        self._now_ms = now_ms
        self._rests_until = 0.0

    async def run(self) -> None:
        """Sweep for ever; what is away now is tried at the next sweep."""
        await run_forever(LOOP, self._turn, self._interval)

    async def _turn(self) -> None:
        started = time.monotonic()
        if started < self._rests_until:
            return
        try:
            await in_turn(await self._worker.caught_up(BEHIND), self.sweep)
        finally:
            ended = time.monotonic()
            self._rests_until = ended + RARELY * (ended - started)

    async def sweep(self, partition: int) -> int:
        """Append what has passed in one partition; returns how many records."""
        now = self._now_ms()
        async with self._parts.pool.acquire() as con:
            rows = await con.fetch(DUE, partition, now, STALE_MS, list(GOES_BACK), MOST)
            resting = await set_aside.resting(con, LOOP) if rows else set()
        rows = [row for row in rows if _name(row) not in resting]
        outcome = await each_alone(rows, partial(self._append, partition, now))
        async with self._parts.pool.acquire() as con:
            await set_aside.failed(
                con, LOOP, [Fault(Aside(_name(each.element)), each.why) for each in outcome.faults]
            )
        return len(outcome.done)

    async def _append(self, partition: int, now: int, rows: Sequence[Any]) -> None:
        passed = [DeadlinePassed(*split_key(key), kind, at, now) for key, kind, at in rows]
        values = encode_rows(self._parts.codec, "DeadlinePassed", passed)
        keys = (row["parcel_key"].encode() for row in rows)
        await self._parts.producer.send_to(self._topic, partition, list(zip(keys, values, strict=True)))
        for kind in DEADLINES:
            metrics.TRACKER_DEADLINES.labels(kind).inc(sum(each.kind == kind for each in passed))


def _name(row: Any) -> str:
    return f"{row['parcel_key']}/{row['kind']}"
