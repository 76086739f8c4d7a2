"""What a chunk worker stands on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from buuta.contracts.codec import Codec
from buuta.streaming.chunk import Chunk
from buuta.streaming.dead_letters import DeadLetters
from buuta.streaming.limit import DeadLimit
from buuta.streaming.origin import Bounds
from buuta.streaming.producer import Producer
from buuta.streaming.progress import ProgressRows
from buuta.telemetry.health import Readiness

TURNS: Final = 8
AskBounds = Callable[[], Awaitable[Mapping[int, Bounds]]]
"""Asks Kafka for first position and end of some partitions."""


class Log(Protocol):
    """What the worker asks of the consumer behind it."""

    def owns(self, chunk: Chunk) -> bool:
        """Whether the group has given the chunk's partition to us, as far as we know."""

    async def behind(self, positions: Mapping[int, int]) -> dict[int, int]:
        """How many records lie behind these positions, of the partitions that are ours."""

    async def bounds(self, chunk: Chunk) -> Mapping[int, Bounds]:
        """First position and end of the chunk's partition in the log."""

    async def reread(self, chunk: Chunk, position: int) -> None:
        """Fetch the chunk's partition again from `position`."""

    async def hint(self, chunk: Chunk) -> int:
        """Tell Kafka how far we are, nobody relies on it; returns what still lies behind the chunk."""


@dataclass(frozen=True)
class Parts:
    """What a chunk worker stands on.

    `session` is the time in seconds after which a member that the group has lost knows it, too.
    """

    pool: Any
    producer: Producer
    codec: Codec
    progress: ProgressRows
    dead_letters: DeadLetters
    told_topic: str
    expected: frozenset[str]
    readiness: Readiness
    limit: DeadLimit
    session: float = 10.0
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TURNS))
    """So many chunks are worked on at a time, whatever the number of partitions: each takes memory of its own."""
