"""What an error of PostgreSQL asks for, by its SQLSTATE class."""

from typing import Final

import asyncpg
import pyarrow as pa

from buuta.errors import DatabaseAway, Reject

AWAY: Final = ("08", "53", "57", "40", "25", "55")
"""Connection, resources, operator's hand, rollback, timed-out transaction, object not ready."""
BAD_DATA: Final = ("22", "23", "54")
"""Data exception, integrity violation and what is too large (a text that no index takes): the row is wrong, and no
retry will make it right."""
TIMED_OUT: Final = ("57014", "25P03", "25P04")
"""A statement, a pause within a transaction, and a transaction that took longer than they may."""
DRIVER: Final = (DatabaseAway, OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a broken or silent connection raises; last where asyncpg has lost track of one (a chaos run found it)."""


def is_away(error: BaseException) -> bool:
    """The same attempt may succeed when PostgreSQL is back."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in AWAY
    return isinstance(error, DRIVER) and not isinstance(error, asyncpg.DataError)


def is_timed_out(error: BaseException) -> bool:
    """It took too long: less of it at once may not."""
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate in TIMED_OUT
    return isinstance(error, TimeoutError)


def is_bad_data(error: BaseException) -> bool:
    """The row cannot be stored, whenever it is tried; asyncpg and Arrow refuse what they cannot encode."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in BAD_DATA
    return isinstance(
        error, asyncpg.DataError | pa.ArrowInvalid | OverflowError | UnicodeEncodeError | Reject
    )
