"""What must not be known of a parcel beyond its carrier: sealed under a key of the parcel's own.

To forget a parcel is to destroy that key; what it sealed goes with it.
"""

from typing import Any, Final

from buuta.storage.vault import Vault

KEY: Final = """
insert into parcel_secrets (key_hash, wrapped_key) values ($1, $2)
on conflict (key_hash) do update set key_hash = excluded.key_hash returning wrapped_key
"""
FORGET: Final = "delete from parcel_secrets where key_hash = $1"


def key_hash(vault: Vault, parcel_key: str) -> bytes:
    """What a parcel's key is found by, which tells nobody the parcel."""
    return vault.find_by("parcel", parcel_key)


async def seal(con: Any, vault: Vault, parcel_key: str, plain: bytes) -> tuple[bytes, bytes]:
    """Encrypt under the parcel's key, which is made if there is none; returns key hash and sealed bytes."""
    known = key_hash(vault, parcel_key)
    wrapped = await con.fetchval(KEY, known, vault.new_person_key(known))
    return known, vault.seal(wrapped, known, plain)


async def open_sealed(con: Any, vault: Vault, parcel_key: str, sealed: bytes) -> bytes | None:
    """Decrypt; None where the parcel was forgotten.

    Raises:
        cryptography.exceptions.InvalidTag: sealed under another key.
    """
    known = key_hash(vault, parcel_key)
    wrapped = await con.fetchval("select wrapped_key from parcel_secrets where key_hash = $1", known)
    return None if wrapped is None else vault.open(wrapped, known, sealed)


async def forget(con: Any, vault: Vault, parcel_key: str) -> None:
    """Destroy a parcel's key, and what it sealed."""
    await con.execute(FORGET, key_hash(vault, parcel_key))
