"""Who has a say about a parcel: the carrier whose it is, and of posts that share it those that reported it."""

from dataclasses import dataclass
from typing import Any, Final

from buuta.model.times import REGISTERED_AHEAD_MS

BEGAN: Final = f"""(
select coalesce(max(since), 0)::bigint from (
  select last_at + {{gap}} as since from parcels where parcel_key = {{key}} and next_expected_at is null
  union all
  select least(past.last_at + {{gap}}, case when present.status is not null
    then greatest(past.last_at + 1, present.epoch_from - {REGISTERED_AHEAD_MS}) end)
  from past_parcels as past join parcels as present using (parcel_key) where parcel_key = {{key}}
) as ended where since <= {{now}})"""  # noqa: S608 - a number of our own
"""From when on a number is the parcel's that has it now: since it can be used again, or was accepted again."""
HAS_A_SAY: Final = """(
{owner} = {carrier} or exists (select from scans as reported where reported.parcel_key = {owner} || ':' || {number}
  and reported.reporter = {carrier} and reported.occurred_at >= {since}))"""
"""Whether a carrier owns a parcel, or has reported it since it began. A post that has not may say nothing of it."""
IS_PRESENT: Final = f"""
r.registered_at >= {BEGAN.format(key="r.owner || ':' || r.number", gap="{gap}::bigint", now="{now}::bigint")}
"""
"""Whether a registration `r` is of the parcel that its number has now; nothing is to be said of one before it."""
SINCE: Final = f"select {BEGAN.format(key='$1', gap='$2', now='$3')}"


@dataclass(frozen=True)
class At:
    """A moment (UTC milliseconds), and how long a number rests before it is another parcel's."""

    now_ms: int
    gap_ms: int


async def began(con: Any, key: str, gap_ms: int, now_ms: int) -> int:
    """From when on a number is the parcel's that has it now; 0 where it had none before. UTC milliseconds."""
    since: int = await con.fetchval(SINCE, key, ahead(gap_ms), now_ms)
    return since


def ahead(gap_ms: int) -> int:
    """How long after a parcel's end its number is the next one's: registrations come before the first scan."""
    return gap_ms - REGISTERED_AHEAD_MS
