"""Elements that fail alone: tried so many times, then set aside, counted, listed; tried again or dropped by hand.

Order: what bears a key may not overtake what lies set aside under it, unless that was dropped: declared lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from buuta.errors import Retry
from buuta.storage.background import Fault
from buuta.telemetry import metrics

log = structlog.get_logger()
TRIES: Final = 5
"""So many attempts, 2, 4, 8 and 16 seconds apart, before an element waits for people."""
MOST: Final = 10_000
"""Of a loop: where more fail, nothing single is to blame, and the loop waits as a whole."""
FAILED: Final = f"""
insert into set_aside as s (loop, element, number, place, key, payload, reason, tries, next_at)
select $1, element, number, place, key, payload, reason, 1, now() + interval '2 seconds'
from unnest($2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], $7::text[])
  as failed (element, number, place, key, payload, reason)
on conflict (loop, element) do update set reason = excluded.reason, tries = s.tries + 1,
  next_at = case when s.tries + 1 < {TRIES} then now() + interval '1 second' * 2 ^ (s.tries + 1) end
returning element, reason, tries
"""  # noqa: S608 - a number of our own
BEHIND: Final = """
insert into set_aside (loop, element, number, place, key, payload, reason)
select $1, element, number, place, key, payload, 'behind one of the same key'
from unnest($2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[])
  as held (element, number, place, key, payload)
on conflict do nothing
"""
DUE: Final = """
select element, number, place, key, payload from set_aside s
where loop = $1 and next_at <= now() and not exists (
  select from set_aside b where b.loop = s.loop and b.place = s.place and b.key = s.key and b.number < s.number)
order by number, element limit $2
"""
KEYS: Final = """
select distinct place, key from set_aside where loop = $1 and (place, key) in (
  select * from unnest($2::text[], $3::bytea[]))
"""
DONE: Final = "delete from set_aside where loop = $1 and element = any($2)"
WELL: Final = "delete from set_aside where loop = $1 and element <> all($2)"
OTHERS: Final = "select count(*) from set_aside where loop = $1 and element <> all($2)"
COUNTS: Final = "select loop, count(*) as elements from set_aside group by loop"
LIST: Final = """
select loop, element, reason, tries, since, next_at from set_aside
where $1::text is null or loop = $1 order by loop, number, since, element limit $2
"""
RETRY: Final = """
update set_aside set next_at = now(), tries = 0 where loop = $1 and ($2::text is null or element = $2)
"""
DROP: Final = "delete from set_aside where loop = $1 and element = $2"


@dataclass(frozen=True)
class Aside:
    """An element by its name within its loop; what is sent in an order is kept with key, number and payload."""

    element: str
    number: int = 0
    place: str = ""
    key: bytes | None = None
    payload: bytes | None = None


def not_resting(loop: str, element: str) -> str:
    """A condition for what a loop finds in a table of its own: that it is to be tried now.

    It belongs before the `limit`: what rests must not take the places of what comes behind it.
    """
    return (
        f"not exists (select from set_aside where loop = '{loop}' and element = {element}"
        " and (next_at is null or next_at > now()))"
    )


async def settle(con: Any, loop: str, tried: Sequence[str], faults: Sequence[Fault[Aside]]) -> None:
    """Note how elements went that were tried: what failed alone is noted, and all others are set aside no more.

    In the caller's transaction, if there is one. What fails so many times waits for people.

    Raises:
        Retry: too many are set aside already, so nothing single is to blame.
    """
    wrong = {fault.element.element for fault in faults}
    well = [element for element in tried if element not in wrong]
    if well:
        await con.execute(DONE, loop, well)
    await _note(con, loop, faults)


async def settle_all(con: Any, loop: str, faults: Sequence[Fault[Aside]]) -> None:
    """As `settle`, of a loop that tries all that there is: whatever is not at fault is set aside no more."""
    await con.execute(WELL, loop, [fault.element.element for fault in faults])
    await _note(con, loop, faults)


async def _note(con: Any, loop: str, faults: Sequence[Fault[Aside]]) -> None:
    if not faults:
        return
    columns = _columns([fault.element for fault in faults])
    if await con.fetchval(OTHERS, loop, columns[0]) + len(faults) > MOST:
        raise Retry(f"{loop}: {MOST} elements are set aside; the cause is no single one")
    for row in await con.fetch(FAILED, loop, *columns, [fault.reason for fault in faults]):
        if row["tries"] == TRIES:
            metrics.SET_ASIDE.labels(loop).inc()
            log.error("set_aside", loop=loop, element=row["element"], reason=row["reason"])


async def follow(con: Any, loop: str, held: Sequence[Aside]) -> None:
    """Put elements behind those of the same key that are set aside, in the caller's transaction."""
    if held:
        await con.execute(BEHIND, loop, *_columns(held))


def _columns(elements: Sequence[Aside]) -> tuple[list[Any], ...]:
    rows = [(each.element, each.number, each.place, each.key, each.payload) for each in elements]
    return tuple(map(list, zip(*rows, strict=True)))


async def due(con: Any, loop: str, most: int = 100) -> list[Aside]:
    """What is to be tried again now; of elements with one key only the first."""
    return [Aside(*row) for row in await con.fetch(DUE, loop, most)]


async def keys(con: Any, loop: str, wanted: Sequence[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
    """Of these places and keys those behind which others wait."""
    if not wanted:
        return set()
    rows = await con.fetch(KEYS, loop, *map(list, zip(*wanted, strict=True)))
    return {(row["place"], row["key"]) for row in rows}


async def measure(con: Any) -> None:
    """Show how many elements each loop has set aside."""
    metrics.SET_ASIDE_NOW.clear()
    for row in await con.fetch(COUNTS):
        metrics.SET_ASIDE_NOW.labels(row["loop"]).set(row["elements"])


async def listed(con: Any, loop: str | None, most: int) -> Sequence[Any]:
    """What is set aside, of one loop or of all."""
    rows: Sequence[Any] = await con.fetch(LIST, loop, most)
    return rows


async def retry(con: Any, loop: str, element: str | None) -> int:
    """Let an element, or all of a loop, be tried again at once; returns how many."""
    return int((await con.execute(RETRY, loop, element)).split()[-1])


async def drop(con: Any, loop: str, element: str) -> bool:
    """Declare an element lost; what waited behind it goes on. False where there is none of that name.

    Of what is only noted here the note is dropped: it lies in a table of its own, and is found if it fails again.
    """
    return bool(int((await con.execute(DROP, loop, element)).split()[-1]))
