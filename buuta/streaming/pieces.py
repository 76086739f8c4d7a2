"""A chunk in pieces: whole if it can be, else in halves, down to the single record.

Every attempt ends in a commit, a dead letter, or two smaller pieces; so a chunk of n records is through after
at most 2n attempts (and a second one for each single record), whatever is wrong: one culprit, many, none that is
one by itself, or a fault that comes and goes.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from buuta.contracts.columns import Decoded
from buuta.storage.faults import is_bad_data, is_timed_out
from buuta.streaming.burial import Burial
from buuta.streaming.chunk import Chunk
from buuta.streaming.work import TooMuch

TRIES: Final = 2
"""So often a single record is tried before it is a dead letter."""
Commit = Callable[[Chunk, Decoded], Awaitable[None]]
"""Applies a piece in a transaction of its own; the next piece begins where this one ends."""


class Pieces:
    """How the chunks of a worker's partitions are applied; `count` notes what befalls them."""

    def __init__(
        self,
        decode: Callable[[Chunk], Decoded],
        commit: Commit,
        burial: Burial,
        count: Callable[[str], Any],
    ) -> None:
        self._decode = decode
        self._commit = commit
        self._burial = burial
        self._count = count
        self._most: dict[int, int] = {}

    async def apply(self, chunk: Chunk, decoded: Decoded, fence: int) -> None:
        """Apply a whole chunk, which begins at the position of its partition.

        Raises:
            Paused: more of it is dead than the limit allows.
            Exception: whatever else a commit raises that no smaller piece can mend.
        """
        most = self._most.get(chunk.partition, len(chunk.records))
        waiting, dead = chunk.parts(most)[::-1], len(decoded.dead)
        while waiting:
            piece = waiting.pop()
            own = decoded if piece is chunk else self._decode(piece)
            try:
                await self._tried(piece, own)
            except Exception as why:
                if len(piece.records) > 1 and (is_bad_data(why) or isinstance(why, TooMuch)):
                    self._count("halved")
                    waiting += piece.parts(len(piece.records) // 2)[::-1]
                elif is_bad_data(why):
                    dead += 1
                    reason = f"PostgreSQL cannot store it: {type(why).__name__}"
                    await self._burial.limit_one(piece, reason, (dead, len(chunk.records)), fence)
                    await self._burial.bury(piece, {0: reason})
                    await self._commit(piece, Decoded(dead={0: reason}))
                else:
                    self._note_size(piece, why)
                    raise
        self._grow(chunk, most)

    async def _tried(self, piece: Chunk, decoded: Decoded) -> None:
        """Commit a piece; a single record is tried again, since its fault may be gone."""
        for _ in range(TRIES - 1 if len(piece.records) == 1 else 0):
            try:
                return await self._commit(piece, decoded)
            except Exception as why:
                if not is_bad_data(why):
                    raise
        return await self._commit(piece, decoded)

    def _note_size(self, piece: Chunk, why: Exception) -> None:
        """What timed out comes again in halves."""
        if is_timed_out(why) and len(piece.records) > 1:
            self._count("halved")
            self._most[piece.partition] = len(piece.records) // 2

    def _grow(self, chunk: Chunk, most: int) -> None:
        """After a chunk that went through, pieces may be twice as large again."""
        if most < len(chunk.records):
            self._most[chunk.partition] = most * 2
        else:
            self._most.pop(chunk.partition, None)
