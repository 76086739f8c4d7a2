"""Finding the records of a chunk that PostgreSQL cannot hold, by halves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from buuta.contracts.columns import Decoded
from buuta.storage.faults import is_bad_data
from buuta.streaming.chunk import Chunk


@dataclass(frozen=True)
class Trial:
    """How a part of a chunk is decoded and applied."""

    pool: Any
    decode: Callable[[Chunk], Decoded]
    apply: Callable[[Any, Chunk, Decoded], Awaitable[Any]]

    async def poison(self, chunk: Chunk) -> Sequence[int]:
        """The places of the records that cannot be stored, each by itself."""
        return await self._among(chunk, list(range(len(chunk.records))))

    async def _among(self, chunk: Chunk, places: list[int]) -> list[int]:
        if await self._storable(chunk.only(places)):
            return []
        if len(places) == 1:
            return places
        half = len(places) // 2
        return [*await self._among(chunk, places[:half]), *await self._among(chunk, places[half:])]

    async def _storable(self, part: Chunk) -> bool:
        """Whether a part of a chunk can be stored: tried in a transaction that is rolled back."""
        decoded = self.decode(part)
        async with self.pool.acquire() as con:
            trial = con.transaction()
            await trial.start()
            try:
                await self.apply(con, part, decoded)
            except Exception as why:
                if not is_bad_data(why):
                    raise
                return False
            finally:
                await trial.rollback()
        return True
