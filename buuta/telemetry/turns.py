"""What the connections of a listener share, and when one of them may be read on."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from uvicorn.protocols.http.flow_control import FlowControl


@dataclass
class Crowd:
    """Connections by sender, and requests that wait behind others of their connections."""

    of_one: Counter[str] = field(default_factory=Counter)
    waiting: int = 0


class Reading(FlowControl):
    """Reading goes on when an application asks for it and the protocol has not enough already."""

    def __init__(self, transport: asyncio.Transport, has_enough: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_enough = has_enough

    def resume_reading(self) -> None:
        """Read on, unless there is enough."""
        if not self._has_enough():
            super().resume_reading()
