"""The clock: it is read at a door, or where a service looks whether time has passed; the domain never does."""

import time


def now_ms() -> int:
    """UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000
