"""How much of the log a process holds in memory: a budget of bytes, shared by the partitions that it owns.

Sixteen chunks ahead of each partition were 31 MB each, whatever the process had: 64 partitions in arrears took
2 GB. Each partition may hold its share, so one that stands still takes nothing from the others. Half of
the share is for chunks that wait or are worked on, a quarter for the one that comes on top when that half is nearly
full, an eighth for what the client has fetched and not handed out (or one batch, which no broker cuts).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from buuta.streaming.chunk import Chunk, Record, chunk_of

RECORD_BYTES: Final = 300
"""What a record takes in Python beside its key and value, with the room that its list keeps."""
LEAST_FETCH: Final = 16_384
MOST_FETCH: Final = 4 * 1024 * 1024
"""Bytes asked of a partition at once; more brings nothing, and less costs a request for a few records."""
LEAST_RECORDS: Final = 100


class Held:
    """A part of the budget, until it is given back; also by a chunk that is dropped and never worked on."""

    __slots__ = ("_bytes", "_partition", "_used")

    def __init__(self, used: dict[Any, int], partition: Any, size: int) -> None:
        self._used, self._partition, self._bytes = used, partition, size
        used[partition] += size

    def release(self) -> None:
        """Give it back; once."""
        self._used[self._partition] -= self._bytes
        self._bytes = 0

    def __del__(self) -> None:
        self.release()


class Budget:
    """The bytes that a process may hold, and who holds how many; `most_records` is a chunk's largest size."""

    def __init__(self, total: int, most_records: int) -> None:
        self._total = total
        self._most_records = most_records
        self._owned = 1
        self._used: dict[Any, int] = defaultdict(int)

    def own(self, partitions: int) -> None:
        """So many partitions share it from now on, and all of them begin anew.

        What was fetched before is read again; whoever still has some of it must not hold a partition up for ever.
        """
        self._owned = max(partitions, 1)
        self._used = defaultdict(int)

    @property
    def share(self) -> int:
        """Bytes that each partition may hold."""
        return self._total // self._owned

    @property
    def fetch_bytes(self) -> int:
        """How much to ask of a partition at once."""
        return min(max(self.share // 8, LEAST_FETCH), MOST_FETCH)

    @property
    def chunk_records(self) -> int:
        """How many records to take at once."""
        return min(max(self.share // 8 // RECORD_BYTES, LEAST_RECORDS), self._most_records)

    @property
    def used(self) -> int:
        """Bytes of all chunks that wait or are worked on."""
        return sum(self._used.values())

    def hungry(self, partitions: Iterable[Any]) -> set[Any]:
        """Those that may be given more."""
        return {each for each in partitions if self._used[each] < self.share // 2}

    def chunk(self, partition: Any, records: Sequence[Record]) -> Chunk:
        """A chunk that holds its part of the budget."""
        size = sum(len(each.value or b"") + len(each.key or b"") + RECORD_BYTES for each in records)
        held = Held(self._used, partition, size)
        return chunk_of(partition.topic, partition.partition, records, (held,))
