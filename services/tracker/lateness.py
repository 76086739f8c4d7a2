"""Event lateness: how long after its business time each scan was received, counted on columns.

A scan that comes before its time shows by how much its carrier's clock is ahead. One that says the day and no clock
shows neither.
"""

from bisect import bisect_left
from collections import Counter
from datetime import date, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from buuta.model.times import DAY_MS, VIETNAM_MINUTES
from services.tracker.domain.figures import LATENESS_MINUTES, LATER_MINUTES

MINUTE_MS: Final = 60_000
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = 2**20 - 1
"""Days after the first are counted up to this one (in the year 4840): receipts that somebody made up."""
LEAST: Final = LATENESS_MINUTES[0]
MINUTES: Final = 2**16
"""More than there are minutes that are told apart, so that carrier, day and minutes fit one number."""
LOOKED_AT: Final = ("carrier", "reporter", "occurred_at", "received_at", "day_only")
Lateness = tuple[str, date, int]
"""Carrier, day of receipt in Vietnam, and within how many minutes."""


def lateness(batch: Any) -> Counter[Lateness]:
    """Counts of some scans' lateness; `batch` holds `ScanEvent` columns."""
    counts: Counter[Lateness] = Counter()
    batch = batch.select(LOOKED_AT).filter(pc.invert(batch.column("day_only")))
    carriers = pc.coalesce(batch.column("reporter"), batch.column("carrier")).dictionary_encode()
    names = carriers.dictionary.to_pylist()
    day = pc.add(pc.multiply(carriers.indices.cast(pa.int64()), LAST_DAY + 1), _days(batch))
    for each in pc.value_counts(pc.add(pc.multiply(day, MINUTES), _minutes(batch))).to_pylist():
        rest, minutes = divmod(each["values"], MINUTES)
        carrier, day_number = divmod(rest, LAST_DAY + 1)
        counts[names[carrier], FIRST_DAY + timedelta(day_number), bound(minutes + LEAST)] += each["counts"]
    return counts


def bound(minutes: int) -> int:
    """The least step of the scale that so many minutes lie within."""
    place = bisect_left(LATENESS_MINUTES, minutes)
    return LATENESS_MINUTES[place] if place < len(LATENESS_MINUTES) else LATER_MINUTES


def _days(batch: Any) -> Any:
    received = _float(batch, "received_at")
    return _within(pc.floor(pc.divide(pc.add(received, VIETNAM_MINUTES * MINUTE_MS), DAY_MS)), LAST_DAY)


def _minutes(batch: Any) -> Any:
    late = pc.subtract(_float(batch, "received_at"), _float(batch, "occurred_at"))
    return _within(
        pc.subtract(pc.ceil(pc.divide(late, MINUTE_MS)), LEAST), LATENESS_MINUTES[-1] + 1 - LEAST
    )


def _float(batch: Any, name: str) -> Any:
    """As floats: two times that somebody made up must not wrap around."""
    return batch.column(name).cast(pa.float64(), safe=False)


def _within(column: Any, most: int) -> Any:
    return pc.min_element_wise(pc.max_element_wise(column, 0.0), float(most)).cast(pa.int64())
