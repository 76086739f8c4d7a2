"""Event lateness: how long after its business time each scan was received, counted on columns."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import reduce
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from buuta.model.times import DAY_MS, VIETNAM_MINUTES
from services.tracker.domain.figures import LATENESS_MINUTES, LATER_MINUTES

MINUTE_MS: Final = 60_000
BOUNDS: Final = pa.array([*LATENESS_MINUTES, LATER_MINUTES], pa.int32())
FIRST_DAY: Final = date(1970, 1, 1)
Lateness = tuple[str, date, int]
"""Carrier, day of receipt in Vietnam, and within how many minutes."""


def lateness(batch: Any) -> Counter[Lateness]:
    """Counts of some scans' lateness; `batch` holds `ScanEvent` columns."""
    return Counter(dict(_grouped(batch))) if batch.num_rows else Counter()


def _grouped(batch: Any) -> Iterator[tuple[Lateness, int]]:
    received, occurred = (batch.column(name).cast(pa.int64()) for name in ("received_at", "occurred_at"))
    # As floats: two times that somebody made up must not wrap around.
    late = pc.subtract(received.cast(pa.float64(), safe=False), occurred.cast(pa.float64(), safe=False))
    over = (pc.greater(late, bound * MINUTE_MS).cast(pa.int8()) for bound in LATENESS_MINUTES)
    days = pc.floor(
        pc.divide(pc.add(received.cast(pa.float64(), safe=False), VIETNAM_MINUTES * MINUTE_MS), DAY_MS)
    )
    table = pa.table({
        "carrier": batch.column("carrier"), "day": days.cast(pa.int64()), "bound": reduce(pc.add, over),
        "one": pa.repeat(pa.scalar(1, pa.int32()), batch.num_rows),
    }).group_by(["carrier", "day", "bound"]).aggregate([("one", "sum")])  # fmt: skip
    columns = (table.column(name).to_pylist() for name in ("carrier", "day", "bound", "one_sum"))
    for carrier, day, bound, count in zip(*columns, strict=True):
        yield (carrier, FIRST_DAY + timedelta(days=day), BOUNDS[bound].as_py()), count
