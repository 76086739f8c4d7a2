"""What a carrier's key opens, and how much at once."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from buuta.model.networks import Network, is_among


class Kind(StrEnum):
    """How a key is shown: as a bearer, in a webhook's URL, or as a signature that never shows it."""

    API = "api"
    WEBHOOK = "webhook"
    SIGNING = "signing"


class Scope(StrEnum):
    """What a key may do."""

    REPORT = "report"
    WITHDRAW = "withdraw"
    READ = "read"


@dataclass(frozen=True)
class Limits:
    """Scans a second, with as many at once, and scans a day in Vietnam."""

    scans_per_second: int
    scans_per_day: int


@dataclass(frozen=True)
class Key:
    """A key without its secret; no `networks` means from anywhere."""

    id: int
    carrier: str
    kind: Kind
    scopes: frozenset[Scope]
    networks: tuple[Network, ...]
    sandbox: bool
    limits: Limits
    expires_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or now < self.expires_at

    def opens_from(self, address: str) -> bool:
        """Whether it may be used from this IP address; a peer without one (a Unix socket) is nobody's."""
        return not self.networks or is_among(address, self.networks)


@dataclass
class Bucket:
    """A token bucket: it fills at the rate up to one second's worth. Times are seconds of any clock."""

    rate: float
    level: float = field(default=-1.0)
    at: float = 0.0

    def take(self, scans: int, now: float) -> float:
        """Take so many; returns 0.0, or the seconds to wait until it could be tried again.

        A batch that is larger than the bucket passes when the bucket is full, and leaves it in debt.
        """
        if self.level < 0 and self.at == 0.0:
            self.level = self.rate
        else:
            self.level = min(self.rate, self.level + (now - self.at) * self.rate)
        self.at = now
        wanted = min(scans, self.rate)
        if self.level < wanted:
            return (wanted - self.level) / self.rate
        self.level -= scans
        return 0.0
