"""What a channel is to the sender."""

import math
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from buuta.wording.messages import Words
from services.notifier.domain.states import Fate


@dataclass(frozen=True, repr=False)
class Letter:
    """A message ready to leave; never printed, since it holds an address.

    `pieces` is what an earlier submission said of its own; after `leaves_by` (of the monotonic clock) it may not
    leave any more, since others may have gone on meanwhile.
    """

    message_id: UUID
    address: str
    language: str
    words: Words
    pieces: str | None = None
    leaves_by: float = math.inf


@dataclass(frozen=True)
class Submission:
    """What the provider's answer means, and its code.

    `pieces` is for the channel itself, should it come again; `is_throttled` says that it wants less of all.
    """

    fate: Fate
    code: str
    pieces: str | None = None
    is_throttled: bool = False


class Channel(Protocol):
    """A provider, behind one call."""

    name: str

    @property
    def waits_for(self) -> str | None:
        """What the channel waits for before it can submit, or None."""

    async def submit(self, letter: Letter) -> Submission:
        """Hand a message to the provider; every failure is a `Submission`, none an exception."""
