"""Hours of transit: read beside the other figures, since nobody waits long for them.

Quantiles are of every hour of every parcel, which no coarser sum gives. They are read by one connection, once for
all who ask the same, and whoever asks gets what there is: what is read within a moment, or else what was read last.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import structlog

from buuta.model.times import vietnam_day
from buuta.storage.background import run_forever, said
from buuta.telemetry.clock import now_ms
from buuta.telemetry.ending import end
from services.portal import figures
from services.portal.domain.periods import Period, period
from services.portal.figures import Figures

log = structlog.get_logger()
WARM_SECONDS: Final = 300.0
"""What most ask, the year until now, is read so often even if nobody asks."""
FIRST_SECONDS: Final = 1.0
"""How long somebody waits who asks what nobody asked before; who asks the same later waits for the rest of it."""
AGAIN_SECONDS: Final = 0.1
REST: Final = 10.0
"""What took a second to read is read again after so many."""
MOST_KEPT: Final = 64
MOST_READING: Final = 8


class Question(NamedTuple):
    """What is asked for."""

    asked: Period
    service: str | None


@dataclass(frozen=True)
class Quantiles:
    """Hours by carrier and province, and when they were read; None where they are not known yet."""

    hours: Mapping[tuple[str, str | None], Any]
    as_of: datetime | None = None
    read_at: float = 0.0
    took: float = 0.0


class Reading(NamedTuple):
    """What is being read, and since when: nobody waits twice for it."""

    task: "asyncio.Task[None]"
    begun: float


UNKNOWN: Final = Quantiles({})


class Transit:
    """What was read last, by question, and what is being read."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._kept: OrderedDict[Question, Quantiles] = OrderedDict()
        self._reading: dict[Question, Reading] = {}
        self._turn = asyncio.Semaphore(1)

    async def run(self) -> None:
        """Keep at hand what most ask, for ever."""
        await run_forever("transit", self._usual, WARM_SECONDS)

    async def _usual(self) -> None:
        await self.of(Question(period(None, None, vietnam_day(now_ms())), None))

    async def of(self, question: Question) -> Quantiles:
        """What is known within a moment."""
        kept = self._kept.get(question, UNKNOWN)
        reading = self._reading.get(question) or self._begin(question, kept)
        if reading is not None:
            patience = FIRST_SECONDS + reading.begun - time.monotonic() if kept is UNKNOWN else 0.0
            await asyncio.wait({reading.task}, timeout=max(patience, AGAIN_SECONDS))
        return self._kept.get(question, UNKNOWN)

    async def close(self) -> None:
        """Read no further."""
        await end(*(reading.task for reading in self._reading.values()))

    def _begin(self, question: Question, kept: Quantiles) -> Reading | None:
        if len(self._reading) >= MOST_READING or time.monotonic() < kept.read_at + REST * kept.took:
            return None
        task = asyncio.create_task(self._read(question))
        task.add_done_callback(lambda _: self._reading.pop(question, None))
        reading = self._reading[question] = Reading(task, time.monotonic())
        return reading

    async def _read(self, question: Question) -> None:
        async with self._turn:
            begun, as_of = time.monotonic(), datetime.now(UTC)
            try:
                async with self._figures.patiently() as con:
                    rows = await figures.transit(con, *question)
            except Exception as why:
                log.warning("transit_not_read", error=said(why))
                kept = self._kept.get(question, UNKNOWN)
            else:
                hours = {(row["carrier"], row["province"]): row for row in rows}
                kept = Quantiles(hours, as_of)
        ended = time.monotonic()
        # Also what failed rests, and nobody waits for it as for what was never asked.
        self._kept[question] = replace(kept, read_at=ended, took=ended - begun)
        self._kept.move_to_end(question)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
