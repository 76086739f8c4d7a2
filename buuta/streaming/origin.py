"""Whether the log is still the one that the state was built from.

A position is a number; a topic that was deleted and made anew counts from 0 again, and a retention
that is too short deletes what was never read. Both must stop the worker: going on would skip scans
without a word. What is compared is the checksum of the last applied record, where it still lies.
"""

import zlib

from buuta.errors import LogChanged
from buuta.streaming.chunk import Chunk

Bounds = tuple[int, int]
"""The first position that a partition of the log still has, and the one after its last."""


def checksum(value: bytes | None) -> int:
    """CRC-32 of a record's value."""
    return zlib.crc32(value or b"")


class Origin:
    """What is known of the end of the applied part of each partition."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._last: dict[int, tuple[int, int]] = {}

    def applied(self, partition: int, position: int, last: int | None) -> None:
        """Everything before `position` is applied; `last` is the checksum of the record before it."""
        if last is None:
            self._last.pop(partition, None)
        else:
            self._last[partition] = (position - 1, last)

    def start(self, partition: int, position: int, bounds: Bounds) -> int:
        """Where to read on: one record before the position, so that it can be compared.

        Raises:
            LogChanged: the log, whose first position and end are `bounds`, does not reach to there.
        """
        self.within(partition, position, bounds)
        before, _ = self._last.get(partition, (position, 0))
        return before if before >= bounds[0] else position

    def within(self, partition: int, position: int, bounds: Bounds) -> None:
        """Raise `LogChanged` if the position lies outside of the log."""
        first, end = bounds
        where = f"{self._topic}/{partition}: applied up to position {position}, but the log"
        if position < first:
            raise LogChanged(
                f"{where} begins at {first}; {first - position} records were deleted before they were read"
            )
        if position > end:
            raise LogChanged(f"{where} ends at {end}; it was made anew or cut off")

    def compare(self, chunk: Chunk) -> None:
        """Raise `LogChanged` if the chunk holds another record where the last applied one was."""
        before, last = self._last.get(chunk.partition, (-1, 0))
        if not chunk.start <= before < chunk.next:
            return
        for record in chunk.records:
            if record.offset == before and checksum(record.value) != last:
                raise LogChanged(
                    f"{self._topic}/{chunk.partition}: the record at position {before} is not the one that "
                    "was applied; the topic was made anew"
                )


def same_partitions(topic: str, expected: int, found: int) -> None:
    """Raise `LogChanged` if the topic has not as many partitions as the state was built with."""
    if expected != found:
        raise LogChanged(
            f"{topic} has {found} partitions, and the state was built with {expected}: a parcel's key "
            "would lead to another partition than its rows; make a new topic and move to it"
        )
