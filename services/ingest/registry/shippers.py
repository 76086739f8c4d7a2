"""Shippers of a carrier's parcels: whom it names, and whose registrations another's goes before."""

from collections.abc import Sequence
from typing import Any, Final

from buuta.model.identifiers import owner_of
from services.ingest.storage import Carrier

NAME: Final = """
insert into parcel_shippers as p (owner, number, shipper, named_at, carrier, applied)
values ($1, $2, $3, $4, $5, false)
on conflict (owner, number) do update set shipper = excluded.shipper, named_at = excluded.named_at, applied = false
where p.carrier = excluded.carrier returning true
"""
UNCONFIRMED: Final = """
select number, shipper, registered_at from registrations
where carrier = $1 and behind and not withdrawn order by registered_at desc limit $2
"""


async def name(con: Any, carrier: Carrier, number: str, shipper: str, now_ms: int) -> bool:
    """Note that a carrier names a parcel's shipper; False where an operator or another post has named one.

    Raises:
        asyncpg.ForeignKeyViolationError: there is no such shipper.
    """
    owner, _ = owner_of(carrier.code, number, is_post=carrier.is_post)
    return bool(await con.fetchval(NAME, owner, number, shipper, now_ms, carrier.code))


async def unconfirmed(con: Any, carrier: str, most: int) -> Sequence[Any]:
    """Registrations of a carrier's parcels that another's goes before, the newest first."""
    rows: Sequence[Any] = await con.fetch(UNCONFIRMED, carrier, most)
    return rows
