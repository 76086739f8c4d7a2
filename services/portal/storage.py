"""What the portal reads and writes in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.model.identifiers import owner_of, parcel_key
from buuta.model.steering import Facts, steering
from buuta.model.times import VIETNAM_MINUTES
from buuta.storage.access import AccessKeys, Holder, holder_of
from services.portal.timelines import LongTimelines, timeline

PARCEL: Final = """
select parcel_key, status, reason, reported_status, attempts, delivery_mode, outcome, last_at,
  next_expected_at, dest_province, dest_commune, promised_at, mode_evidence, overdue, epoch_from, full_at,
  xmin::text as written
from parcels where parcel_key = any($1)
"""
SHIPPERS: Final = """
select code, name, max(last_used_at) as last_used_at,
  count(*) filter (where hash is not null and (expires_at is null or expires_at > now())) as keys
from shippers left join access_keys on kind = 'shipper' and holder = code group by code, name order by code
"""


@dataclass(frozen=True)
class Tracked:
    """A parcel and its timeline, newest first, as rows: the scans that steer its state.

    Of a number that was used before, only what is of the parcel that has it now.
    """

    carrier: str
    number: str
    key: str
    parcel: Any
    timeline: Sequence[Any]

    @property
    def newest(self) -> Any | None:
        """The newest confirmed scan; None before the first."""
        return next((scan for scan in self.timeline if not scan["provisional"]), None)

    @property
    def offset_minutes(self) -> int:
        """The local time's distance from UTC at the newest scan."""
        return VIETNAM_MINUTES if self.newest is None else int(self.newest["offset_minutes"])


async def find(con: Any, carrier: str, number: str, long: LongTimelines) -> Tracked | None:
    """One carrier's parcel with its timeline, both read in one snapshot, unless the timeline is a long one.

    Raises:
        Problem: there are very many scans of it, and it is not its turn to be read.
    """
    async with con.transaction(isolation="repeatable_read", readonly=True):
        key = parcel_key(await owner(con, carrier, number) or carrier, number)
        rows = await con.fetch(PARCEL, [key])
        if not rows:
            return None
        scans = await timeline(con, rows[0], long)
        return Tracked(carrier, number, key, rows[0], _steering(scans))


def _steering(scans: Sequence[Any]) -> list[Any]:
    """What was corrected, and what bears a time that cannot be, is history and no news."""
    ids = steering(Facts(*(scan[name] for name in Facts._fields)) for scan in scans)
    return [scan for scan in scans if scan["event_id"] in ids]


async def owner(con: Any, carrier: str, number: str) -> str | None:
    """Under whose name a carrier's parcel is kept: posts share theirs. None for a carrier that we do not know."""
    is_post = await con.fetchval("select is_post from carriers where code = $1", carrier)
    return None if is_post is None else owner_of(carrier, number, is_post=is_post)[0]


async def carriers(con: Any) -> list[str]:
    """The codes of all carriers."""
    return [row["code"] for row in await con.fetch("select code from carriers order by code")]


async def carriers_with(con: Any, number: str) -> list[str]:
    """The carriers that have a parcel of this number."""
    posts = dict(await con.fetch("select code, is_post from carriers order by code desc"))
    keys = {
        parcel_key(owner_of(code, number, is_post=is_post)[0], number): code
        for code, is_post in posts.items()
    }
    rows = await con.fetch(
        "select parcel_key, credited from parcels where parcel_key = any($1)", list(keys)
    )
    return sorted(row["credited"] or keys[row["parcel_key"]] for row in rows)


def version(parcel: Any) -> str:
    """What changes when a parcel's page changes: the transaction that wrote its state."""
    return str(parcel["written"])


async def versions(con: Any, keys: Sequence[str]) -> dict[str, str]:
    """The versions of many parcels at once."""
    return {row["parcel_key"]: version(row) for row in await con.fetch(PARCEL, list(keys))}


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
