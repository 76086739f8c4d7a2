"""Deadlines that were told before they passed: whoever appended them had a clock that is ahead.

The log says when a record came in; a deadline that lies after that cannot have passed. Where the broker stamps
records itself (`message.timestamp.type=LogAppendTime`, as `buuta topics create` asks for) that is the broker's
time, else the producer's. Such a record is counted and counts for nothing, for whoever reads the log; the parcel
is looked at again when its deadline has come.
"""

from collections.abc import Collection
from typing import Final

import pyarrow as pa

from buuta.contracts.columns import Decoded, Group
from buuta.streaming.chunk import Chunk

SCHEMA: Final = "DeadlinePassed"


def early_places(chunk: Chunk, decoded: Decoded) -> set[int]:
    """The places of the passed deadlines that lie after the time of their record in the log.

    A chunk without records, as an archive's, has none: the archive was not given any.
    """
    return {
        place
        for group in decoded.groups
        if group.schema == SCHEMA and chunk.records
        for place, (deadline_at,) in zip(group.places, group.rows(["deadline_at"]), strict=True)
        if deadline_at > chunk.records[place].timestamp > 0
    }


def without(decoded: Decoded, places: Collection[int]) -> Decoded:
    """The same without the passed deadlines at these places."""
    if not places:
        return decoded
    groups = [_kept(group, places) if group.schema == SCHEMA else group for group in decoded.groups]
    return Decoded(groups, decoded.dead)


def _kept(group: Group, places: Collection[int]) -> Group:
    kept = [place not in places for place in group.places]
    left = [place for place in group.places if place not in places]
    return Group(group.schema, left, group.batch.filter(pa.array(kept)))
