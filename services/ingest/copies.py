"""What was taken in of late under which id, so that a copy that says something else is told so in its answer.

Asked before the answer, and never at its cost: what this process took in itself lies in memory, what came before or
elsewhere in PostgreSQL, which has a moment to say so. The tracker finds all of them, with no hurry.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any, Final

from buuta.errors import Retry
from buuta.model.identifiers import parcel_key
from buuta.model.scan import Scan
from buuta.storage.faults import is_away
from services.ingest.domain.copy import Said, differences, said

MOST: Final = 20_000
"""So many events are remembered, some 10 MB."""
MOST_ASKED: Final = 1_000
QUICK_SECONDS: Final = 0.3
STORED: Final = f"""
select event_id, {", ".join(Said._fields)} from scans
join unnest($1::text[], $2::bytea[]) as own (parcel_key, event_id) using (parcel_key, event_id)
"""  # noqa: S608 - names of our own


class Copies:
    """Knows what was said under an id; `quick` is a pool whose loans are short, None where nothing is stored."""

    def __init__(self, quick: Any | None = None, most: int = MOST) -> None:
        self._quick = quick
        self._most = most
        self._known: OrderedDict[str, Said] = OrderedDict()

    async def differing(self, scans: Mapping[str, Scan], *, stored: bool = True) -> dict[str, list[str]]:
        """What of these scans, by their ids, was reported differently before; nothing of the others.

        `stored`: whether PostgreSQL is asked of those that are not in memory.
        """
        before = {event_id: self._known[event_id] for event_id in scans if event_id in self._known}
        if stored:
            new = [scan for event_id, scan in scans.items() if event_id not in before]
            found_there = await self._stored(new[:MOST_ASKED])
            self._known.update(found_there)
            before |= found_there
        found = {event_id: differences(then, said(scans[event_id])) for event_id, then in before.items()}
        return {event_id: names for event_id, names in found.items() if names}

    def note(self, scans: Collection[Scan]) -> None:
        """Remember scans that were taken in; the first word stays."""
        for scan in scans:
            if scan.event_id in self._known:
                self._known.move_to_end(scan.event_id)
            else:
                self._known[scan.event_id] = said(scan)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    async def _stored(self, scans: Collection[Scan]) -> dict[str, Said]:
        if self._quick is None or not scans:
            return {}
        keys = [parcel_key(scan.carrier, scan.number) for scan in scans]
        ids = [bytes.fromhex(scan.event_id) for scan in scans]
        try:
            rows = await self._quick.fetch(STORED, keys, ids)
        except Exception as why:
            if not (isinstance(why, Retry) or is_away(why)):
                raise
            return {}
        return {row["event_id"].hex(): Said(*list(row)[1:]) for row in rows}
