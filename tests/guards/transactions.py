"""Nothing slow happens between the statements of a transaction: its locks are others' waiting.

Counted from the end of a statement to the beginning of the next one on the same connection: processor time of
the task itself, up to 200 ms; and the time for which its loop had nothing to do, since the task waited for
something else than PostgreSQL, up to two seconds (PostgreSQL itself ends a transaction that is idle for three).
Work inside of a statement (a COPY that is fed) is not idle time.
"""

import asyncio
import functools
import sys
import time
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from asyncpg.connection import Connection

from tests.guards.blame import blamed, shown, steps
from tests.guards.findings import Finding, Findings
from tests.guards.loop import LoopGuard

RULE: Final = "transaction left idle"
LIMIT_SECONDS: Final = 0.2
WAITED_SECONDS: Final = 2.0
STATEMENTS: Final = (
    "execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "prepare",
    "copy_records_to_table", "copy_to_table", "copy_from_table", "copy_from_query",
)  # fmt: skip


class Mark(NamedTuple):
    """The end of a statement inside a transaction."""

    task: Any
    spent: float
    busy: float
    moment: float


class TransactionGuard:
    """Watches all connections of asyncpg."""

    def __init__(self, findings: Findings, loops: LoopGuard) -> None:
        self._findings = findings
        self._loops = loops
        self._marks: WeakKeyDictionary[Any, Mark] = WeakKeyDictionary()
        self._inside: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._plain = {name: getattr(Connection, name) for name in STATEMENTS}

    def install(self) -> None:
        """Watch from now on."""
        for name, plain in self._plain.items():
            setattr(Connection, name, self._watched(plain))

    def remove(self) -> None:
        """Leave the connections alone."""
        for name, plain in self._plain.items():
            setattr(Connection, name, plain)

    def _watched(self, plain: Any) -> Any:
        @functools.wraps(plain)
        async def statement(con: Any, *args: Any, **more: Any) -> Any:
            inside = self._inside.get(con, 0)
            if not inside:
                self._begins(con, args)
            self._inside[con] = inside + 1
            try:
                return await plain(con, *args, **more)
            finally:
                self._inside[con] = inside
                if not inside:
                    self._ends(con)

        return statement

    def _begins(self, con: Any, args: tuple[Any, ...]) -> None:
        mark = self._marks.pop(con, None)
        if mark is None or mark.task is not asyncio.current_task():
            return
        spent = self._loops.spent(mark.task) - mark.spent
        waited = time.monotonic() - mark.moment - (self._loops.busy() - mark.busy)
        if spent <= LIMIT_SECONDS and waited <= WAITED_SECONDS:
            return
        stack = steps(sys._getframe(2))
        where = blamed(stack)
        if where is not None:
            how = f"{spent * 1000:.0f} ms of work and {waited:.1f} s of waiting before {str(args[:1])[:80]}"
            self._findings.add(Finding(RULE, where, how, shown(stack)))

    def _ends(self, con: Any) -> None:
        task = asyncio.current_task()
        if task is not None and not con.is_closed() and con.is_in_transaction():
            self._marks[con] = Mark(task, self._loops.spent(task), self._loops.busy(), time.monotonic())
