"""Shippers of a carrier's parcels: whom it names, and whose registrations another's goes before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.model.identifiers import owner_of
from buuta.storage.sharing import BEGAN, HAS_A_SAY, ahead
from services.ingest.storage import Carrier

NAME: Final = """
insert into parcel_shippers as p (owner, number, shipper, named_at, carrier, applied)
values ($1, $2, $3, $4, $5, false)
on conflict (owner, number) do update set shipper = excluded.shipper, named_at = excluded.named_at, applied = false
where p.carrier = excluded.carrier returning true
"""
SINCE: Final = BEGAN.format(key="r.owner || ':' || r.number", gap="$3::bigint", now="$4::bigint")
UNCONFIRMED: Final = f"""
select number, shipper, registered_at from registrations as r where behind and not withdrawn
  and {HAS_A_SAY.format(owner="r.owner", number="r.number", carrier="$1", since=SINCE)}
order by registered_at desc limit $2
"""  # noqa: S608 - parts of our own


@dataclass(frozen=True)
class At:
    """A moment (UTC milliseconds), and how long a number rests before it is another parcel's."""

    now_ms: int
    gap_ms: int


async def name(con: Any, carrier: Carrier, number: str, shipper: str, now_ms: int) -> bool:
    """Note that a carrier names a parcel's shipper; False where an operator or another post has named one.

    Raises:
        asyncpg.ForeignKeyViolationError: there is no such shipper.
    """
    owner, _ = owner_of(carrier.code, number, is_post=carrier.is_post)
    return bool(await con.fetchval(NAME, owner, number, shipper, now_ms, carrier.code))


async def unconfirmed(con: Any, carrier: str, most: int, at: At) -> Sequence[Any]:
    """Registrations that another's goes before: of a carrier's own parcels and of shared ones that it reported."""
    rows: Sequence[Any] = await con.fetch(UNCONFIRMED, carrier, most, ahead(at.gap_ms), at.now_ms)
    return rows
