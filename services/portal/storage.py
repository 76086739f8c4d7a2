"""What the portal reads and writes in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.model import ways
from buuta.model.identifiers import owner_of, parcel_key
from buuta.model.steering import Facts, steering
from buuta.model.times import VIETNAM_MINUTES
from buuta.storage.access import AccessKeys, Holder, holder_of
from services.portal.domain.view import Place, place_of, state_line
from services.portal.timelines import LongTimelines, timeline

PARCEL: Final = """
select parcel_key, status, reason, reported_status, attempts, delivery_mode, outcome, last_at,
  next_expected_at, dest_province, dest_commune, promised_at, mode_evidence, overdue, epoch_from, full_at,
  direction, partial_return, linked_number, registration_id, invited_at, invited_twice, scans, xmin::text as written
from parcels where parcel_key = $1
"""
VERSIONS: Final = "select parcel_key, xmin::text as written from parcels where parcel_key = any($1)"
FACILITIES: Final = """
select facilities.carrier, code, name, opening_hours, holds_days from facilities
join unnest($1::text[], $2::text[]) as wanted (carrier, facility)
  on facilities.carrier = wanted.carrier and code = wanted.facility
"""
SHIPPERS: Final = """
select code, name, max(last_used_at) as last_used_at,
  count(*) filter (where hash is not null and (expires_at is null or expires_at > now())) as keys
from shippers left join access_keys on kind = 'shipper' and holder = code group by code, name order by code
"""


@dataclass(frozen=True)
class Tracked:
    """A parcel's row, and its timeline, newest first: the scans that steer its state.

    Of a number that was used before, only what is of the parcel that has it now. `name` is what the operator
    calls the carrier; `facilities` are those of the timeline that the directory has.
    """

    carrier: str
    name: str | None
    number: str
    key: str
    parcel: Any
    timeline: Sequence[ways.Line]
    facilities: Mapping[Place, Any]

    @property
    def offset_minutes(self) -> int:
        """The offset from UTC that was given with the scan that gave the state."""
        line = state_line(self.parcel, self.timeline)
        return VIETNAM_MINUTES if line is None else int(line.row["offset_minutes"])


async def find(con: Any, carrier: str, number: str, long: LongTimelines) -> Tracked | None:
    """One carrier's parcel with its timeline, both read in one snapshot, unless the timeline is a long one.

    Raises:
        Problem: there are very many scans of it, and it is not its turn to be read.
    """
    async with con.transaction(isolation="repeatable_read", readonly=True):
        known = await con.fetchrow("select name, is_post from carriers where code = $1", carrier)
        key = parcel_key(_owner(known, carrier, number) or carrier, number)
        parcel = await con.fetchrow(PARCEL, key)
        if parcel is None:
            return None
        lines = ways.lines(_steering(await timeline(con, parcel, long)))
        name = None if known is None else known["name"]
        places = {place_of(line.row, carrier) for line in lines if line.row["facility"]}
        return Tracked(carrier, name, number, key, parcel, lines, await _facilities(con, places))


async def _facilities(con: Any, places: Collection[Place]) -> dict[Place, Any]:
    if not places:
        return {}
    rows = await con.fetch(FACILITIES, *map(list, zip(*places, strict=True)))
    return {Place(row["carrier"], row["code"]): row for row in rows}


def _steering(scans: Sequence[Any]) -> list[Any]:
    """What was corrected, and what bears a time that cannot be, is history and no news."""
    ids = steering(Facts(*(scan[name] for name in Facts._fields)) for scan in scans)
    return [scan for scan in scans if scan["event_id"] in ids]


async def owner(con: Any, carrier: str, number: str) -> str | None:
    """Under whose name a carrier's parcel is kept: posts share theirs. None for a carrier that we do not know."""
    return _owner(
        await con.fetchrow("select is_post from carriers where code = $1", carrier), carrier, number
    )


def _owner(known: Any, carrier: str, number: str) -> str | None:
    return None if known is None else owner_of(carrier, number, is_post=known["is_post"])[0]


async def carriers(con: Any) -> list[str]:
    """The codes of all carriers."""
    return [row["code"] for row in await con.fetch("select code from carriers order by code")]


async def carriers_with(con: Any, number: str) -> dict[str, str]:
    """The carriers that have a parcel of this number, by code, with what operators call them."""
    known = await con.fetch("select code, is_post, name from carriers order by code desc")
    posts, names = ({row["code"]: row[name] for row in known} for name in ("is_post", "name"))
    keys = {
        parcel_key(owner_of(code, number, is_post=is_post)[0], number): code
        for code, is_post in posts.items()
    }
    rows = await con.fetch(
        "select parcel_key, credited from parcels where parcel_key = any($1)", list(keys)
    )
    codes = sorted(row["credited"] or keys[row["parcel_key"]] for row in rows)
    return {code: names.get(code, code) for code in codes}


def version(parcel: Any) -> str:
    """What changes when a parcel's page changes: the transaction that wrote its state."""
    return str(parcel["written"])


async def versions(con: Any, keys: Sequence[str]) -> dict[str, str]:
    """The versions of many parcels at once."""
    return {row["parcel_key"]: version(row) for row in await con.fetch(VERSIONS, list(keys))}


async def shipper_of(con: Any, key: str) -> str | None:
    """The shipper whose API key this is."""
    return await holder_of(con, Holder.SHIPPER, key)


async def is_shipper(con: Any, code: str) -> bool:
    """Whether there is a shipper of this code."""
    found: bool = await con.fetchval("select exists (select from shippers where code = $1)", code)
    return found


async def add_shipper(con: Any, code: str, name: str, by: str = "buuta") -> str:
    """Add a shipper; returns its API key, which is shown once."""
    await con.execute("insert into shippers (code, name) values ($1, $2)", code, name)
    return (await AccessKeys(con, Holder.SHIPPER, by).make(code)).key


async def shippers(con: Any) -> Sequence[Any]:
    """All shippers, with how many keys are valid, and the last use of one."""
    rows: Sequence[Any] = await con.fetch(SHIPPERS)
    return rows
