"""Unlocking the vault: the master key must be the one under which this database was written.

The key for finding lies in the database, wrapped. The first start makes it; whoever starts with another master key
cannot unwrap it, and is told so before it has read or written a row.
"""

import asyncio
from typing import Any, Final

import structlog

from buuta.errors import BadSettings, Unopenable
from buuta.settings import SharedSettings
from buuta.storage.background import until_done
from buuta.storage.vault import FINDING, Vault, read_master_key

log = structlog.get_logger()
FIND: Final = "select wrapped from vault_keys where purpose = 'finding'"
MAKE: Final = "insert into vault_keys (purpose, wrapped) values ('finding', $1) on conflict do nothing"
TRY_SECONDS: Final = 0.5
FIRST_SECONDS: Final = 3.0


def locked_vault(settings: SharedSettings) -> Vault:
    """The vault by the settings' master keys, locked.

    Raises:
        BadSettings: a master key that is none.
    """
    previous = settings.master_key_previous
    return Vault(
        read_master_key(settings.master_key),
        read_master_key(previous, "BUUTA_MASTER_KEY_PREVIOUS") if previous.get_secret_value() else None,
    )


async def unlock(con: Any, vault: Vault) -> None:
    """Read the key for finding, which the first to come makes.

    Raises:
        BadSettings: this database was written under another master key.
    """
    if not vault.is_locked:
        return
    wrapped = await con.fetchval(FIND)
    if wrapped is None:
        await con.execute(MAKE, vault.new_key(FINDING))
        wrapped = await con.fetchval(FIND)
    try:
        vault.unlock(wrapped)
    except Unopenable as why:
        raise BadSettings(
            f"BUUTA_MASTER_KEY is not the one that this database was written under: {why}. "
            "Give that one; while keys are rotated, give the other as BUUTA_MASTER_KEY_PREVIOUS"
        ) from None


async def open_vault(con: Any, settings: SharedSettings) -> Vault:
    """The vault, unlocked.

    Raises:
        BadSettings: a master key that is none, or another than the database's.
    """
    vault = locked_vault(settings)
    await unlock(con, vault)
    return vault


async def unlock_at_start(pool: Any, vault: Vault) -> None:
    """Unlock where PostgreSQL answers and is migrated; otherwise `unlock_soon` does it later.

    Raises:
        BadSettings: this database was written under another master key.
    """
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            await unlock(pool, vault)
    except BadSettings:
        raise
    except Exception as away:
        log.warning("vault_locked", why=type(away).__name__)


async def unlock_soon(pool: Any, vault: Vault, failed: "asyncio.Future[None]") -> None:
    """Unlock when PostgreSQL answers and is migrated; a wrong master key ends the service."""

    async def try_to() -> None:
        try:
            await unlock(pool, vault)
        except BadSettings as wrong:
            if not failed.done():
                failed.set_exception(wrong)

    await until_done("vault", try_to, TRY_SECONDS)
