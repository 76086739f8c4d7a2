"""A process whose clock is wrong by SHIFT_SECONDS; Python reads this at its start where PYTHONPATH has this folder.

What it shifts is `time.time` and `time.time_ns`, by which services tell the time, and the time of records that they
send, which aiokafka asks the machine for; not `datetime`.
"""

import os
import time
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

ahead = float(os.environ["SHIFT_SECONDS"])
seconds, nanoseconds, append = time.time, time.time_ns, BatchBuilder.append


def stamped(batch: BatchBuilder, *, timestamp: int | None, **record: Any) -> Any:
    """Append a record that bears our time."""
    return append(batch, timestamp=timestamp or int(time.time() * 1000), **record)


time.time = lambda: seconds() + ahead
time.time_ns = lambda: nanoseconds() + round(ahead * 10**9)
BatchBuilder.append = stamped
