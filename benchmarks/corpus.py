"""The scans that every system gets: one day, 8 scans a parcel, in the order of business time."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from buuta.contracts.codec import Codec
from buuta.model.identifiers import event_id, parcel_key
from buuta.model.scan import Scan

JOURNEY = (
    "info_received", "accepted", "in_transit", "in_transit", "out_for_delivery", "attempt_failed",
    "out_for_delivery", "delivered",
)  # fmt: skip
MORNING_MS = 1_795_480_000_000
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Shape:
    """How many parcels, and which share of scans comes late, comes twice, or is corrected."""

    parcels: int
    late: float = 0.0
    duplicates: float = 0.0
    corrections: float = 0.0


def scans(shape: Shape) -> list[Scan]:
    """Scans in the order in which they arrive."""
    chance = random.Random(7)
    arriving: list[tuple[float, Scan]] = []
    for parcel in range(shape.parcels):
        begun = chance.random()
        for place, status in enumerate(JOURNEY):
            scan = _scan(parcel, place, status, begun)
            when = place + begun + (chance.uniform(1.0, 3.0) if chance.random() < shape.late else 0.0)
            arriving.append((when, scan))
            if chance.random() < shape.duplicates:
                arriving.append((when + chance.uniform(0.0, 1.0), scan))
            if chance.random() < shape.corrections:
                arriving.append((when + chance.uniform(0.5, 3.0), _corrected(scan)))
    arriving.sort(key=lambda each: each[0])
    return [scan for _, scan in arriving]


def _corrected(scan: Scan) -> Scan:
    """The same ten minutes earlier: *incorrect data*."""
    earlier = scan.occurred_at - 600_000
    own = event_id(scan.carrier, (scan.number, scan.status, str(earlier), scan.event_id))
    return scan._replace(
        event_id=own, occurred_at=earlier, corrects_event_id=scan.event_id, correction_kind="incorrect_data"
    )


def _scan(parcel: int, place: int, status: str, begun: float) -> Scan:
    number = f"EJ{parcel:09}VN"
    occurred = MORNING_MS + int((place + begun) * HOUR_MS)
    delivered = status == "delivered"
    return Scan(
        event_id("vnp", (number, status, str(occurred), "")), "vnp", number, status,
        "addressee_absent" if status == "attempt_failed" else None, "address" if delivered else None,
        False, None, None, occurred, 420, "carrier", occurred + 60_000, f"BC{parcel % 900:05}", "01",
        f"{parcel % 3000:05}", None, None, True if delivered else None, status, "api", "buuta-1",
    )  # fmt: skip


def records(arriving: Sequence[Scan]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values as they lie in the log."""
    codec = Codec()
    for scan in arriving:
        key = parcel_key(scan.carrier, scan.number).encode()
        yield key, codec.encode("ScanEvent", scan._asdict())
