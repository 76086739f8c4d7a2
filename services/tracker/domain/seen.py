"""What the fold looks at in a scan: of the hot path only this becomes Python values."""

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from buuta.model.scan import Scan

SEEN: Final = (
    "status", "reason", "delivery_mode", "provisional", "occurred_at", "attempt", "distance_bucket",
    "proof_present", "province", "carrier", "reporter", "direction", "zone", "facility",
)  # fmt: skip
"""What the fold looks at in a scan, in this order."""
Seen = tuple[
    str, str | None, str | None, bool, int, int | None, str | None, bool | None, str | None, str, str | None,
    str | None, str | None, str | None,
]  # fmt: skip
seen: Final[Callable[[Scan], Seen]] = attrgetter(*SEEN)
OCCURRED_AT: Final = 4
ATTEMPT: Final = 5
ZONE: Final = 12
FACILITY: Final = 13
"""Places in it."""
