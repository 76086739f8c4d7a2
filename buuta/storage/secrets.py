"""What must not be known of a parcel beyond its carrier: sealed under a key of the parcel's own.

To forget a parcel is to destroy that key with all that it sealed. What is sealed afterwards is sealed under a key
of the next generation, and what may still lie somewhere under the old one reads as forgotten.
"""

from typing import Any, Final

from buuta.model.identifiers import split_key
from buuta.storage.unlocking import unlock
from buuta.storage.vault import Owned, Place, Vault

KEY: Final = """
insert into parcel_secrets (key_hash, wrapped_key) values ($1, $2)
on conflict (key_hash) do update set created_at = now() returning wrapped_key
"""
"""A key counts as new whenever something is sealed under it: its age is that of the last."""
FIND: Final = "select wrapped_key from parcel_secrets where key_hash = $1"
DESTROY: Final = "delete from parcel_secrets where key_hash = $1 returning key_hash"
"""The details of its scans go with it, by their foreign key."""
DESTINATIONS: Final = """
update registrations set destination = null
where destination is not null and number = $2 and (owner = $1 or owner is null and carrier = $1)
"""


def key_hash(vault: Vault, parcel_key: str) -> bytes:
    """What a parcel's key is found by, which tells nobody the parcel."""
    return vault.find_by("parcel", parcel_key)


async def seal(con: Any, vault: Vault, parcel_key: str, place: Place, plain: bytes) -> tuple[bytes, bytes]:
    """Encrypt under the parcel's key, which is made if there is none; returns key hash and sealed bytes.

    Raises:
        Unopenable: the parcel's key is wrapped by a master key that we were not given.
    """
    await unlock(con, vault)
    known = key_hash(vault, parcel_key)
    wrapped = await con.fetchval(KEY, known, vault.new_key(known))
    return known, vault.seal(Owned(known, wrapped), place, plain)


async def open_sealed(con: Any, vault: Vault, parcel_key: str, place: Place, sealed: bytes) -> bytes | None:
    """Decrypt; None where the parcel was forgotten since.

    Raises:
        Unopenable: another master key, or bytes that were changed or moved.
    """
    await unlock(con, vault)
    known = key_hash(vault, parcel_key)
    wrapped = await con.fetchval(FIND, known)
    return vault.open(None if wrapped is None else Owned(known, wrapped), place, sealed)


async def forget(con: Any, vault: Vault, parcel_key: str) -> bool:
    """Destroy a parcel's key and all that it sealed, in one transaction; returns whether there was a key."""
    await unlock(con, vault)
    async with con.transaction():
        destroyed = await con.fetchval(DESTROY, key_hash(vault, parcel_key))
        await con.execute(DESTINATIONS, *split_key(parcel_key))
    return destroyed is not None
