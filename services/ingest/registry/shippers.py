"""Shippers of a carrier's parcels: whom it names, and whose registrations another's goes before."""

from collections.abc import Sequence
from typing import Any, Final

from buuta.model.identifiers import owner_of, parcel_key
from buuta.storage.sharing import BEGAN, HAS_A_SAY, IS_PRESENT, At, ahead, began
from services.ingest.storage import Carrier

SAY: Final = HAS_A_SAY.format(owner="$1", number="$2", carrier="{carrier}", since="$6")
NAME: Final = f"""
insert into parcel_shippers as p (owner, number, shipper, named_at, carrier, applied)
values ($1, $2, $3, $4, $5, false)
on conflict (owner, number) do update set shipper = excluded.shipper, named_at = excluded.named_at,
  carrier = excluded.carrier, applied = false
where p.carrier = excluded.carrier or p.named_at < $6
  or ({SAY.format(carrier="$5")} and p.carrier is not null and not {SAY.format(carrier="p.carrier")})
returning true
"""  # noqa: S608 - parts of our own
"""What a post says that has not reported a parcel, or what was said of an earlier one, keeps nobody out."""
SINCE: Final = BEGAN.format(key="r.owner || ':' || r.number", gap="$3::bigint", now="$4::bigint")
UNCONFIRMED: Final = f"""
select number, shipper, registered_at from registrations as r where behind and not withdrawn
  and {HAS_A_SAY.format(owner="r.owner", number="r.number", carrier="$1", since=SINCE)}
  and {IS_PRESENT.format(gap="$3", now="$4")}
order by registered_at desc limit $2
"""  # noqa: S608 - parts of our own


async def name(con: Any, carrier: Carrier, number: str, shipper: str, at: At) -> bool:
    """Note that a carrier names a parcel's shipper; False where an operator or another post has named one.

    Raises:
        asyncpg.ForeignKeyViolationError: there is no such shipper.
    """
    owner, _ = owner_of(carrier.code, number, is_post=carrier.is_post)
    since = await began(con, parcel_key(owner, number), at.gap_ms, at.now_ms)
    return bool(await con.fetchval(NAME, owner, number, shipper, at.now_ms, carrier.code, since))


async def unconfirmed(con: Any, carrier: str, most: int, at: At) -> Sequence[Any]:
    """Registrations that another's goes before: of a carrier's own parcels and of shared ones that it reported."""
    rows: Sequence[Any] = await con.fetch(UNCONFIRMED, carrier, most, ahead(at.gap_ms), at.now_ms)
    return rows
