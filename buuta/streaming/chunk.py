"""A chunk: what one fetch brought from one partition, and the positions that it covers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol


class Record(Protocol):
    """What a chunk needs of a Kafka record."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Part(Protocol):
    """A part of a budget (`budget.Held`)."""

    def release(self) -> None:
        """Give it back; once."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition at positions [start, next), in their order.

    `next` is the position to read on from; a chunk may hold fewer records than positions, since a
    log may have gaps (transaction markers, compaction).
    """

    topic: str
    partition: int
    start: int
    next: int
    records: Sequence[Record]
    last: bytes | None = None
    """The value at position `next - 1`, also where that record was taken out of `records`."""
    held: Sequence[Part] = ()
    """Its parts of the memory's budget."""

    @property
    def values(self) -> list[bytes | None]:
        """The values as received."""
        return [record.value for record in self.records]

    def release(self) -> None:
        """Give its memory's budget back: nobody works on it any more, though somebody may still refer to it."""
        for part in self.held:
            part.release()

    def trim(self, position: int) -> "Chunk":
        """The part that begins at `position`; what lies before it is applied already."""
        if position <= self.start:
            return replace(self, start=position)
        kept = [record for record in self.records if record.offset >= position]
        return replace(self, start=position, records=kept)

    def joined(self, following: "Chunk") -> "Chunk":
        """Both as one; `following` begins where this one ends."""
        return replace(
            self,
            next=following.next,
            records=[*self.records, *following.records],
            last=following.last,
            held=(*self.held, *following.held),
        )

    def parts(self, most: int) -> list["Chunk"]:
        """The chunk in parts of up to `most` records, each of which begins where the one before ends."""
        parts, rest = [], self
        while len(rest.records) > max(most, 1):
            own, more = rest.records[: max(most, 1)], rest.records[max(most, 1) :]
            end = own[-1].offset + 1
            parts.append(replace(rest, next=end, records=own, last=own[-1].value))
            rest = replace(rest, start=end, records=more)
        return [*parts, rest]


def fewest(first: Chunk, waiting: Iterable[Chunk], most: int) -> Iterator[Chunk]:
    """The same records in chunks of up to `most`, as few as can be; `waiting` is taken one by one.

    What piled up costs one transaction, and not one for each fetch that brought it.
    """
    for following in waiting:
        if following.start == first.next and len(first.records) + len(following.records) <= most:
            first = first.joined(following)
        else:
            yield first
            first = following
    yield first


def chunk_of(topic: str, partition: int, records: Sequence[Record], held: Sequence[Part] = ()) -> Chunk:
    """Wrap what one fetch brought."""
    return Chunk(
        topic, partition, records[0].offset, records[-1].offset + 1, records, records[-1].value, held
    )
