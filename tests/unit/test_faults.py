"""What an error of PostgreSQL asks for."""

import asyncpg
import pytest

from buuta.storage.faults import is_away, is_bad_data


@pytest.mark.parametrize(
    ("error", "away", "bad"),
    [
        (asyncpg.ConnectionDoesNotExistError(), True, False),
        (asyncpg.AdminShutdownError(), True, False),
        (asyncpg.DiskFullError(), True, False),
        (asyncpg.DeadlockDetectedError(), True, False),
        (asyncpg.LockNotAvailableError(), True, False),
        (asyncpg.InternalClientError("cannot switch to state 12"), True, False),
        (asyncpg.InterfaceError("connection is closed"), True, False),
        (ConnectionRefusedError(), True, False),
        (TimeoutError(), True, False),
        (asyncpg.NumericValueOutOfRangeError(), False, True),
        (asyncpg.UniqueViolationError(), False, True),
        (asyncpg.ProgramLimitExceededError("no index takes a text that long"), False, True),
        (asyncpg.DataError("a text was wanted"), False, True),
        (asyncpg.UndefinedTableError(), False, False),
        (KeyError("a fault of ours"), False, False),
    ],
)
def test_an_error_is_waited_for_buried_or_raised(error: Exception, *, away: bool, bad: bool) -> None:
    assert (is_away(error), is_bad_data(error)) == (away, bad)
