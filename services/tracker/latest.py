"""The compacted topics: the latest counts of every cell and, by setting, the latest state of every parcel.

A chunk marks what it changes in its own transaction. The publisher takes marks, reads the committed state,
sends it, and deletes the marks: one that dies in between sends the same again. One tracker publishes at a time.

Of a parcel that is deleted the last record has no value, so that compaction and readers forget it, too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from buuta.contracts.columns import encode_rows
from buuta.errors import Retry
from buuta.model.identifiers import split_key
from buuta.storage import locks, set_aside
from buuta.storage.background import Fault, each_alone, run_forever
from buuta.storage.set_aside import Aside
from buuta.streaming.parts import Parts
from buuta.streaming.producer import Latest
from services.tracker.domain.rules import VERSION
from services.tracker.storage import COUNTS

MOST: Final = 5_000
IDLE_SECONDS: Final = 1.0
CELL: Final = ("carrier", "service", "province", "commune", "day")
STATE: Final = (
    "epoch", "status", "reason", "reported_status", "attempts", "delivery_mode", "mode_evidence", "outcome",
    "accepted_at", "last_at", "delivered_at", "promised_at", "next_expected_at", "dest_province",
    "dest_commune", "service", "findings", "overdue", "direction", "partial_return", "linked_number",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Marks of one kind, and how what they name is read: identity, whether it is there, and what is published."""

    schema: str
    marks: str
    identity: Sequence[str]
    read: str

    @property
    def take(self) -> str:
        """Takes the oldest marks."""
        return (
            f"delete from {self.marks} where id in (select id from {self.marks} order by id limit {MOST}) "  # noqa: S608
            f"returning {', '.join(self.identity)}"
        )


READ_CELLS: Final = f"""
select carrier, service, province, commune, day::text as day, true as is_there,
  {", ".join(f"coalesce(sum({name}), 0)::bigint as {name}" for name in COUNTS)}
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[])
  as marked (carrier, service, province, commune, day)
left join rate_cells using (carrier, service, province, commune, day) group by 1, 2, 3, 4, 5
"""  # noqa: S608 - names of our own
READ_PARCELS: Final = f"""
select marked.parcel_key, p.parcel_key is not null as is_there, {", ".join(STATE)}
from unnest($1::text[]) as marked (parcel_key) left join parcels p on p.parcel_key = marked.parcel_key
"""  # noqa: S608 - names of our own
CELLS: Final = Source("DeliveryRate", "unpublished_cells", CELL, READ_CELLS)
PARCELS: Final = Source("ParcelState", "unpublished_parcels", ("parcel_key",), READ_PARCELS)


class Publisher:
    """Publishes what the chunks marked, for as long as it runs."""

    def __init__(self, parts: Parts, rates_topic: str, parcels_topic: str) -> None:
        self._parts = parts
        self._topics = {CELLS: rates_topic, PARCELS: parcels_topic}
        self._again: list[tuple[Source, list[tuple[Any, ...]]]] = []

    async def run(self) -> None:
        """Publish for ever; what is away now is tried again."""
        await run_forever("latest", self._turn, IDLE_SECONDS)

    async def _turn(self) -> int:
        try:
            return sum([await self.once(source) for source in self._topics])
        except Retry:
            # Kafka is away: the marks are back, and nobody else has taken them meanwhile.
            self._again.clear()
            raise

    async def once(self, source: Source) -> int:
        """Publish what some marks name; returns how many marks were done with."""
        await self._mark_again()
        async with self._parts.pool.acquire() as con, con.transaction():
            if not await locks.try_hold(con, locks.Lock.LATEST):
                return 0
            rows = await con.fetch(source.take)
            again = [_identity(each) for each in await set_aside.due(con, source.schema)]
            marked = sorted({*map(tuple, rows), *again})
            if marked:
                # If this transaction fails after the send, somebody may have sent newer state before: once more.
                self._again.append((source, marked))
                read = await con.fetch(source.read, *map(list, zip(*marked, strict=True)))
                outcome = await each_alone(read, partial(self._send, source))
                faults = [Fault(_aside(source, each.element), each.why) for each in outcome.faults]
                await set_aside.settle(con, source.schema, list(map(_name, marked)), faults)
        self._again.clear()
        return len(rows)

    async def _send(self, source: Source, rows: Sequence[Any]) -> None:
        await self._parts.producer.send_keyed(self._topics[source], self._pairs(source, rows))

    async def _mark_again(self) -> None:
        while self._again:
            source, marked = self._again[-1]
            async with self._parts.pool.acquire() as con:
                await con.copy_records_to_table(source.marks, records=marked, columns=source.identity)
            self._again.pop()

    def _pairs(self, source: Source, rows: Sequence[Any]) -> list[Latest]:
        there = [row for row in rows if row["is_there"]]
        encoded = encode_rows(self._parts.codec, source.schema, [_values(source, row) for row in there])
        values = dict(zip((_key(source, row) for row in there), encoded, strict=True))
        return [(key, values.get(key)) for key in (_key(source, row) for row in rows)]


def _values(source: Source, row: Any) -> tuple[Any, ...]:
    named = len(source.identity)
    identity = row[:named] if source is CELLS else split_key(*row[:named])
    return (*identity, *row[named + 1 :], VERSION)


def _key(source: Source, row: Any) -> bytes:
    return _name([row[name] for name in source.identity]).encode()


def _aside(source: Source, row: Any) -> Aside:
    identity = [row[name] for name in source.identity]
    return Aside(_name(identity), payload=json.dumps(identity).encode())


def _name(identity: Sequence[Any]) -> str:
    return ":".join(map(str, identity))


def _identity(aside: Aside) -> tuple[Any, ...]:
    *names, last = json.loads(aside.payload or b"")
    return (*names, date.fromisoformat(last)) if names else (last,)
