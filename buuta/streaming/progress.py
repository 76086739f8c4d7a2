"""The progress row: position, fence and pending records of a partition, in PostgreSQL.

It is what makes a chunk count once (docs/decisions/0002). One transaction a chunk locks the row,
checks fence and position, writes the state and moves the position. Whoever takes a partition over
raises the fence first, so a worker that was frozen and thaws finds itself fenced and writes nothing.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.errors import Paused
from buuta.streaming.chunk import Chunk
from buuta.streaming.limit import Dead
from buuta.streaming.origin import checksum, same_partitions
from buuta.streaming.producer import Pair

TAKE_OVER = """
insert into progress as p (consumer, topic, partition, position, fence)
values ($1, $2, $3, $4, 1)
on conflict (consumer, topic, partition) do update set fence = p.fence + 1
returning position, fence, pending, last_checksum
"""
READ = """
select position, fence, paused, dead_run, dead_allowed from progress
where consumer = $1 and topic = $2 and partition = $3
"""
LOCK = READ + " for update"
PAUSE = """
update progress set paused = $4 where consumer = $1 and topic = $2 and partition = $3 and fence = $5
"""
MOVE = """
update progress set position = $4, last_checksum = $5, pending = $6,
  dead_run = $7, dead_allowed = greatest(dead_allowed - $8, 0), moved_at = now()
where consumer = $1 and topic = $2 and partition = $3
"""
CLAIM = """
insert into logs (topic, partitions) values ($1, $2)
on conflict (topic) do update set partitions = logs.partitions returning partitions
"""


LENGTH: Final = struct.Struct(">I")


def pack(pairs: Sequence[Pair]) -> bytes:
    """Keys and values as one run of bytes, each behind its length: one value for PostgreSQL."""
    return b"".join(part for pair in pairs for each in pair for part in (LENGTH.pack(len(each)), each))


def unpack(packed: bytes) -> list[Pair]:
    """The pairs that `pack` made one run of."""
    parts, place = [], 0
    while place < len(packed):
        [size] = LENGTH.unpack_from(packed, place)
        place += LENGTH.size
        parts.append(packed[place : place + size])
        place += size
    return list(zip(parts[::2], parts[1::2], strict=True))


@dataclass(frozen=True)
class Standing:
    """Where a partition stands; `dead_run` undecodable records lie just before its position, and
    people have allowed `dead_allowed` more to be buried."""

    position: int
    fence: int
    dead_run: int
    dead_allowed: int


@dataclass(frozen=True)
class Taken:
    """A partition as its new owner finds it."""

    position: int
    fence: int
    pending: Sequence[Pair]
    last_checksum: int | None


class ProgressRows:
    """The progress rows of one consumer on one topic."""

    def __init__(self, consumer: str, topic: str) -> None:
        self.consumer = consumer
        self.topic = topic

    async def take_over(self, con: Any, first: Mapping[int, int]) -> dict[int, Taken]:
        """Fence earlier owners off and return where each partition stands.

        `first` holds the first position that the log still has, for partitions that are new here.
        Waits for a transaction of the earlier owner that is under way.
        """
        taken = {}
        for partition, earliest in sorted(first.items()):
            row = await con.fetchrow(TAKE_OVER, self.consumer, self.topic, partition, earliest)
            taken[partition] = Taken(
                row["position"], row["fence"], unpack(row["pending"]), row["last_checksum"]
            )
        return taken

    async def claim(self, con: Any, partitions: int) -> None:
        """Hold the log to the number of partitions that the state was built with.

        Raises:
            LogChanged: it has another number now.
        """
        same_partitions(self.topic, await con.fetchval(CLAIM, self.topic, partitions), partitions)

    async def standing(self, con: Any, partition: int) -> Standing:
        """Where a partition stands.

        Raises:
            Paused: the partition is stopped.
        """
        return await self._read(con, READ, partition)

    async def lock(self, con: Any, partition: int) -> Standing:
        """`standing`, locked until the transaction ends."""
        return await self._read(con, LOCK, partition)

    async def _read(self, con: Any, statement: str, partition: int) -> Standing:
        row = await con.fetchrow(statement, self.consumer, self.topic, partition)
        if row["paused"] is not None:
            raise Paused(partition, row["paused"])
        return Standing(row["position"], row["fence"], row["dead_run"], row["dead_allowed"])

    async def pause(self, con: Any, partition: int, fence: int, why: str) -> None:
        """Stop a partition, if the fence is still this owner's."""
        await con.execute(PAUSE, self.consumer, self.topic, partition, why, fence)

    async def move(self, con: Any, chunk: Chunk, pending: Sequence[Pair], dead: Dead) -> None:
        """Move the position past the chunk and keep what is to be published after the commit."""
        await con.execute(
            MOVE, self.consumer, self.topic, chunk.partition, chunk.next, checksum(chunk.last),
            pack(pending), dead.run, dead.used,
        )  # fmt: skip
