"""Parcels as PostgreSQL holds them, kept by the owner of their partition: read once, not every time."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from buuta.streaming.chunk import Chunk
from services.tracker.domain.parcel import Parcel


class ParcelCache:
    """The parcels last written, per partition, as of a position of its log.

    The log alone decides every state, and each change of a parcel moves its partition's position in
    the same transaction. So a kept parcel is true exactly when the chunk in hand begins where the
    last one that was committed ended; whoever owned the partition in between. A chunk takes its
    parcels out, changes them, and puts them back once it is committed: after a failure they are
    missing, and are read again.
    """

    def __init__(self, room: int) -> None:
        """Keep up to `room` parcels a partition; 0 keeps none."""
        self._room = room
        self._parcels: defaultdict[int, dict[str, Parcel]] = defaultdict(dict)
        self._as_of: dict[int, int] = {}

    def take(self, chunk: Chunk, keys: Iterable[str]) -> dict[str, Parcel]:
        """Take out what is kept of these parcels, and all that is kept if it is of another position."""
        kept = self._parcels[chunk.partition]
        if self._as_of.get(chunk.partition) != chunk.start:
            kept.clear()
        return {key: kept.pop(key) for key in keys if key in kept}

    def put_back(self, chunk: Chunk, parcels: dict[str, Parcel]) -> None:
        """Keep the parcels of a chunk that is committed; those untouched for longest make room."""
        kept = self._parcels[chunk.partition]
        kept.update(parcels)
        self._as_of[chunk.partition] = chunk.next
        for key in list(islice(kept, max(len(kept) - self._room, 0))):
            del kept[key]
