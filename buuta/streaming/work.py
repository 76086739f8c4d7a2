"""The work on a chunk: what costs time is done before the transaction, which only checks and writes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from buuta.contracts.columns import Decoded
from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Pair


class Work(Protocol):
    """What a chunk changes, worked out and ready to be written."""

    async def write(self, con: Any) -> Sequence[Pair]:
        """Write it in the transaction of `con`; returns the records to tell after the commit."""


Prepare = Callable[[Any, Chunk, Decoded], Awaitable[Work]]
"""Loads by a pool, or by a connection, and works out what a chunk changes; it writes nothing.

What it loads holds at the commit, since only the owner of a partition writes its rows: the commit checks that
fence and position are still those that they were before.

Raises:
    TooMuch: the chunk asks for more work than is done in one go.
"""


class TooMuch(Exception):
    """A chunk of two records or more asks for more work than is done in one go: it is done in halves."""
