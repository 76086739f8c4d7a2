"""The delivery-to-address rate (domain 3.5; Postal Law 49/2010/QH12, Art. 11(3))."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final


class Choice(StrEnum):
    """What the law leaves open: what else counts as delivered to the address (settings of the portal)."""

    REDIRECT = "redirect_counts"
    LOCKER = "locker_counts"


@dataclass(frozen=True)
class Counts:
    """Parcels of a cohort, by how they ended; fields as in `rate_cells`, and the choices that hold."""

    accepted: int
    delivered_to_address: int
    delivered_at_point: int
    delivered_as_asked: int
    delivered_unknown_mode: int
    returned: int
    lost: int
    delivered_first_attempt: int = 0
    promised: int = 0
    on_time: int = 0
    delivered_to_locker: int = 0
    choices: frozenset[Choice] = frozenset()

    @property
    def to_address(self) -> int:
        """A: delivered to the address, and what counts as that by choice."""
        redirected = self.delivered_as_asked if Choice.REDIRECT in self.choices else 0
        in_lockers = self.delivered_to_locker if Choice.LOCKER in self.choices else 0
        return self.delivered_to_address + redirected + in_lockers

    @property
    def delivered(self) -> int:
        """Handed over, in whatever mode."""
        return (
            self.delivered_to_address
            + self.delivered_at_point
            + self.delivered_as_asked
            + self.delivered_unknown_mode
        )

    @property
    def under_way(self) -> int:
        """Accepted and not ended."""
        return self.accepted - self.delivered - self.returned - self.lost

    @property
    def rate_net(self) -> float | None:
        """A / (A + P + R + X): of what was delivered, the share delivered to the address."""
        return _share(self.to_address, self.delivered)

    @property
    def rate_gross(self) -> float | None:
        """A / (A + P + R + X + U + L): of what ended, the share delivered to the address."""
        ended = self.delivered + self.returned + self.lost
        return _share(self.to_address, ended)

    @property
    def unknown_share(self) -> float | None:
        """X / (A + P + R + X): deliveries of which nobody said how; never folded into A."""
        return _share(self.delivered_unknown_mode, self.delivered)

    @property
    def first_attempt_share(self) -> float | None:
        """Of what was delivered, in whatever mode, the share before which no attempt was reported to fail."""
        return _share(self.delivered_first_attempt, self.delivered)

    @property
    def on_time_share(self) -> float | None:
        """Of what was delivered under a promise, the share delivered no later than promised."""
        return _share(self.on_time, self.promised)


COUNTS: Final = tuple(each.name for each in fields(Counts) if each.name != "choices")


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
