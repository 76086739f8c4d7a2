"""The delivery-to-address rate (domain 3.5; Postal Law 49/2010/QH12, Art. 11(3)), and how far it is known."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final, NamedTuple

FEW: Final = 30
"""Of fewer parcels than so many a share says little: it is said."""


class Choice(StrEnum):
    """What the law leaves open: what else counts as delivered to the address (settings of the portal)."""

    REDIRECT = "redirect_counts"
    LOCKER = "locker_counts"


class Knowledge(StrEnum):
    """What may be said of a rate."""

    KNOWN = "known"
    UNKNOWN = "not_enough_known"
    NOTHING_ENDED = "nothing_ended"


class Range(NamedTuple):
    """A share of `of` parcels that lies between two bounds, 0 to 1, for of some nobody said how they ended.

    `at_least` counts what is known to have reached the address, `at_most` what may have. None where there is no
    parcel to take a share of.
    """

    at_least: float | None
    at_most: float | None
    of: int

    @property
    def few(self) -> bool:
        """Whether so few parcels say little."""
        return self.of < FEW


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
    delivered_to_address_declared: int = 0
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
    def ended(self) -> int:
        """Handed over, returned or lost."""
        return self.delivered + self.returned + self.lost

    @property
    def under_way(self) -> int:
        """Accepted and not ended."""
        return self.accepted - self.ended

    @property
    def rate_net(self) -> float | None:
        """A / (A + P + R + X): of what was delivered, the share known to be delivered to the address."""
        return _share(self.to_address, self.delivered)

    @property
    def rate_gross(self) -> float | None:
        """A / (A + P + R + X + U + L): of what ended, the share known to be delivered to the address."""
        return _share(self.to_address, self.ended)

    @property
    def net(self) -> Range:
        """The net rate, and what it would be if all of unknown mode had reached the address."""
        return self._range(self.delivered)

    @property
    def gross(self) -> Range:
        """The gross rate, and what it would be if all of unknown mode had reached the address."""
        return self._range(self.ended)

    def _range(self, of: int) -> Range:
        may_have = self.to_address + self.delivered_unknown_mode
        return Range(_share(self.to_address, of), _share(may_have, of), of)

    def standing(self, most_unknown: float) -> Knowledge:
        """What may be said, where deliveries of unknown mode may be such a share of all and no more."""
        if self.unknown_share is None:
            return Knowledge.NOTHING_ENDED
        return Knowledge.UNKNOWN if self.unknown_share > most_unknown else Knowledge.KNOWN

    @property
    def unknown_share(self) -> float | None:
        """X / (A + P + R + X): deliveries of which nobody said how; never folded into A."""
        return _share(self.delivered_unknown_mode, self.delivered)

    @property
    def declared_share(self) -> float | None:
        """Of what is known to have reached the address, the share of which the carrier said so.

        The others follow from the distance to the address, or from a proof after a round.
        """
        return _share(self.delivered_to_address_declared, self.delivered_to_address)

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
