"""The delivery-to-address rate (domain 3.5; Postal Law 49/2010/QH12, Art. 11(3))."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Parcels of a cohort, by how they ended; fields as in `rate_cells`."""

    accepted: int
    delivered_to_address: int
    delivered_at_point: int
    delivered_as_asked: int
    delivered_unknown_mode: int
    returned: int
    lost: int

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
        return _share(self.delivered_to_address, self.delivered)

    @property
    def rate_gross(self) -> float | None:
        """A / (A + P + R + X + U + L): of what ended, the share delivered to the address."""
        ended = self.delivered + self.returned + self.lost
        return _share(self.delivered_to_address, ended)

    @property
    def unknown_share(self) -> float | None:
        """X / (A + P + R + X): deliveries of which nobody said how; never folded into A."""
        return _share(self.delivered_unknown_mode, self.delivered)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
