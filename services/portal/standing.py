"""Which of a parcel's registrations steers, as the tracker will find it: docs/decisions/0048.

The carrier confirms a shipper by a link (all its parcels there) or by naming it for one parcel; a naming goes
before links. Of posts that share a parcel only one that has reported it has a say. What is so when a version is
written lies in its record; nothing here is looked up by the tracker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from buuta.model.identifiers import SHARED, parcel_key
from buuta.storage import locks, set_aside, sharing
from buuta.storage.locks import Lock
from buuta.storage.sharing import BEGAN, HAS_A_SAY, IS_PRESENT, At

SAY: Final = HAS_A_SAY.format(owner="{owner}", number="{number}", since="{since}", carrier="said.carrier")
IS_CONFIRMED: Final = f"""coalesce(
  (select said.shipper = {{shipper}} from parcel_shippers as said where said.owner = {{owner}}
    and said.number = {{number}} and said.named_at >= {{since}} and (said.carrier is null or {SAY})),
  exists (select from shipper_carriers as said where said.shipper = {{shipper}} and {SAY}))
"""  # noqa: S608 - parts of our own
CONFIRMED: Final = f"select {IS_CONFIRMED.format(owner='$1', number='$2', shipper='$3', since='$4')}"
RANK: Final = """
update registrations r set behind = ranked.behind from (
  select registration_id, row_number() over (order by confirmed desc, registered_at, registration_id) > 1 as behind
  from registrations where owner = $1 and number = $2 and registered_at >= $3
) as ranked where ranked.registration_id = r.registration_id and r.behind <> ranked.behind
"""
CROWD: Final = """
select count(distinct shipper) filter (where not withdrawn) as hold, count(*) as all from registrations
where owner = $1 and number = $2 and registered_at >= $3 and not confirmed
"""
NAME: Final = """
insert into parcel_shippers (owner, number, shipper, named_at) values ($1, $2, $3, $4)
on conflict (owner, number) do update set shipper = excluded.shipper, named_at = excluded.named_at, carrier = null,
  applied = true
"""
"""What an operator says goes before what a carrier says."""
OF: Final = {
    "owner": "of.owner", "number": "of.number", "shipper": "of.shipper",
    "since": BEGAN.format(key="of.owner || ':' || of.number", gap="$1::bigint", now="$2::bigint"),
}  # fmt: skip
TO_APPLY: Final = f"""
select owner, number, named_at from parcel_shippers as of
where not applied and {set_aside.not_resting("namings", "owner || ':' || number")}
  and (carrier is null or {HAS_A_SAY.format(**OF, carrier="of.carrier")})
order by named_at limit 100
"""  # noqa: S608 - names of our own
TO_CONFIRM: Final = f"""
select distinct owner, number, null::bigint as named_at from registrations as of
where behind and not withdrawn and not confirmed and owner = '{SHARED}'
  and exists (select from shipper_carriers as known where known.shipper = of.shipper
    and known.linked_at <= coalesce(of.changed_at, of.created_at))
  and {set_aside.not_resting("namings", "owner || ':' || number")} and {IS_CONFIRMED.format(**OF)}
limit 100
"""  # noqa: S608 - names of our own
"""Parcels whose posts had not reported them yet when a shipper registered them that they know."""
APPLIED: Final = """
update parcel_shippers set applied = true where owner = $1 and number = $2 and named_at = $3
"""
LINK: Final = "insert into shipper_carriers (shipper, carrier) values ($1, $2) on conflict do nothing"
UNLINK: Final = "delete from shipper_carriers where shipper = $1 and carrier = $2"
HAS_ENDED: Final = """
select exists (select from parcels
  where parcel_key = $1 and status is not null and next_expected_at is null and last_at > $2)
"""
IS_BEHIND: Final = "select behind from registrations where registration_id = $1"
WAITS: Final = f"behind and not withdrawn and {IS_PRESENT.format(gap='$3', now='$4')}"
OWN: Final = """
select registration_id, carrier, number, version, withdrawn, confirmed, behind from registrations as r
where shipper = $1 and registration_id > $2
"""
OWN_ALL: Final = f"{OWN} order by registration_id limit $3"
OWN_BEHIND: Final = f"{OWN} and {WAITS} order by registration_id limit $5"
BEHIND: Final = f"""
select registration_id, shipper, carrier, number, registered_at from registrations as r
where {WAITS} and ($1::text is null or carrier = $1) order by registered_at desc limit $2
"""  # noqa: S608 - parts of our own


@dataclass(frozen=True)
class Parcel:
    """A parcel that registrations are made for; `since` is from when on its number is this parcel's."""

    owner: str
    number: str
    since: int


class Crowd(NamedTuple):
    """Registrations of a parcel that nobody confirms: shippers whose holds, and all, those withdrawn as well."""

    hold: int
    all: int


async def place(con: Any, owner: str, number: str, gap_ms: int, now_ms: int) -> Parcel:
    """The parcel that a number has now, locked: its registrations are written one after another."""
    key = parcel_key(owner, number)
    await locks.hold(con, Lock.REGISTRATION, key)
    since = await sharing.began(con, key, gap_ms, now_ms)
    return Parcel(owner, number, since)


async def has_ended(con: Any, owner: str, number: str, after: int) -> bool:
    """Whether the parcel that a number has now has ended after a time (UTC milliseconds)."""
    found: bool = await con.fetchval(HAS_ENDED, parcel_key(owner, number), after)
    return found


async def is_confirmed(con: Any, parcel: Parcel, row: Mapping[str, Any]) -> bool:
    """Whether the carrier knows a registration's shipper for the parcel's sender."""
    found: bool = await con.fetchval(CONFIRMED, parcel.owner, parcel.number, row["shipper"], parcel.since)
    return found


async def rank(con: Any, parcel: Parcel) -> None:
    """Note which of the parcel's registrations are behind another."""
    await con.execute(RANK, parcel.owner, parcel.number, parcel.since)


async def crowd(con: Any, parcel: Parcel) -> Crowd:
    """How many have registered the parcel without anybody's confirming it."""
    return Crowd(*await con.fetchrow(CROWD, parcel.owner, parcel.number, parcel.since))


async def name(con: Any, parcel: Parcel, shipper: str, now_ms: int) -> None:
    """Note that the carrier names a parcel's shipper."""
    await con.execute(NAME, parcel.owner, parcel.number, shipper, now_ms)


async def to_apply(con: Any, gap_ms: int, now_ms: int) -> Sequence[Any]:
    """Parcels whose registrations have not followed yet: named ones, and those that a post has reported by now."""
    named, reported = [
        await con.fetch(sql, sharing.ahead(gap_ms), now_ms) for sql in (TO_APPLY, TO_CONFIRM)
    ]
    return [*named, *reported]


async def applied(con: Any, named: Any) -> None:
    """Note that registrations have followed a naming, unless the carrier has named anew since."""
    await con.execute(APPLIED, *named)


async def link(con: Any, shipper: str, carrier: str) -> None:
    """Note that a carrier knows a shipper: what it registers there from now on is confirmed.

    Raises:
        asyncpg.ForeignKeyViolationError: no such shipper, or no such carrier.
    """
    await con.execute(LINK, shipper, carrier)


async def unlink(con: Any, shipper: str, carrier: str) -> None:
    """End a link: what the shipper registers or changes from now on is not confirmed by it."""
    await con.execute(UNLINK, shipper, carrier)


async def is_behind(con: Any, registration_id: UUID) -> bool:
    """Whether another registration of the parcel goes before this one."""
    found: bool = await con.fetchval(IS_BEHIND, registration_id)
    return found


async def own(con: Any, shipper: str, after: UUID, most: int) -> Sequence[Any]:
    """A shipper's registrations behind an id."""
    rows: Sequence[Any] = await con.fetch(OWN_ALL, shipper, after, most)
    return rows


async def own_behind(con: Any, shipper: str, after: UUID, most: int, at: At) -> Sequence[Any]:
    """Those of them that another's goes before, of parcels that their numbers have now."""
    times = sharing.ahead(at.gap_ms), at.now_ms
    rows: Sequence[Any] = await con.fetch(OWN_BEHIND, shipper, after, *times, most)
    return rows


async def behind(con: Any, carrier: str | None, most: int, at: At) -> Sequence[Any]:
    """Registrations that another's goes before, the newest first; of one carrier's parcels, or of all."""
    rows: Sequence[Any] = await con.fetch(BEHIND, carrier, most, sharing.ahead(at.gap_ms), at.now_ms)
    return rows
