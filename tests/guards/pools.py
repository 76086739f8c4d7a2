"""No connection is taken from a pool while the same task holds one of that pool.

As many tasks as the pool has connections would each hold one and wait for another: none ever comes. What a task
began while it held one (gather, a child task) counts as the same task for as long as that one is held. A test
that holds a connection of the pool that it hands to a service is exempt: both acquires must be a service's.
"""

import sys
from contextvars import ContextVar
from typing import Any, Final

from asyncpg.pool import Pool

from tests.guards.blame import LIBRARY, blamed, shown, steps
from tests.guards.findings import Finding, Findings

RULE: Final = "connection taken while one is held"


class Hold:
    """A connection that is held, and who took it."""

    def __init__(self, pool: Any, where: str) -> None:
        self.pool = pool
        self.where = where
        self.connection: Any = None


_held: ContextVar[tuple[Hold, ...]] = ContextVar("held", default=())


class PoolGuard:
    """Watches all pools of asyncpg."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._acquire, self._release = Pool._acquire, Pool.release

    def install(self) -> None:
        """Watch from now on."""
        guard = self

        async def acquire(pool: Any, timeout: Any) -> Any:
            return await guard._acquired(pool, timeout)

        async def release(pool: Any, connection: Any, *, timeout: Any = None) -> Any:
            _let_go(connection)
            return await guard._release(pool, connection, timeout=timeout)

        Pool._acquire, Pool.release = acquire, release

    def remove(self) -> None:
        """Leave the pools alone."""
        Pool._acquire, Pool.release = self._acquire, self._release

    async def _acquired(self, pool: Any, timeout: Any) -> Any:
        stack = steps(sys._getframe(2))
        where = blamed(stack)
        holds = tuple(hold for hold in _held.get() if hold.connection is not None)
        outer = next((hold for hold in holds if hold.pool is pool), None)
        if where is not None and outer is not None:
            guilty = outer.where if where == LIBRARY else where
            self._findings.add(Finding(RULE, guilty, f"one is held by {outer.where}", shown(stack)))
        connection = await self._acquire(pool, timeout)
        if where is not None:
            hold = Hold(pool, where)
            hold.connection = connection
            _held.set((*holds, hold))
        return connection


def _let_go(connection: Any) -> None:
    for hold in _held.get():
        if hold.connection is connection:
            hold.connection = None
