"""Counts in fixed windows of time: how much was done by somebody, or for somebody, in this hour or on this day.

Rows are locked in one order, so that no two transactions wait for each other; counts are right with any number of
processes, and what is rolled back was not counted. Windows that have ended are deleted by whoever counts next.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

HOUR_MS: Final = 3_600_000
KEPT_MS: Final = 72 * HOUR_MS
TAKE: Final = """
insert into window_counts as w (what, subject, ends_at, count)
select * from unnest($1::text[], $2::bytea[], $3::bigint[], $4::int[]) order by 1, 2, 3
on conflict (what, subject, ends_at) do update set count = w.count + excluded.count
returning what, subject, ends_at, count
"""
ENDED: Final = """
delete from window_counts where ctid in (
  select ctid from window_counts where ends_at < $1 limit 100 for update skip locked)
"""


class Window(NamedTuple):
    """What is counted, of whom (a name or a hash), and when the window ends (UTC milliseconds)."""

    what: str
    subject: bytes
    ends_at: int


def window(what: str, subject: str | bytes, at_ms: int, hours: int) -> Window:
    """The window of so many hours that a time lies in."""
    length = hours * HOUR_MS
    known_as = subject.encode() if isinstance(subject, str) else subject
    return Window(what, known_as, (at_ms // length + 1) * length)


async def take(con: Any, more: Mapping[Window, int]) -> dict[Window, int]:
    """Add to counts in the transaction of `con`; returns what they come to."""
    if not more:
        return {}
    columns = zip(*((*each, count) for each, count in more.items()), strict=True)
    rows = await con.fetch(TAKE, *map(list, columns))
    return {Window(*row[:3]): row[3] for row in rows}


async def drop_ended(con: Any, now_ms: int) -> None:
    """Delete some windows that ended long ago; who reads a log late may still count in them until then."""
    await con.execute(ENDED, now_ms - KEPT_MS)
