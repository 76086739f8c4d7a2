"""The end of tasks: cancelled until they have ended, within a limit; which of them would not is said."""

import asyncio
import inspect
from typing import Any, Final

import structlog

log = structlog.get_logger()
AGAIN_SECONDS: Final = 2.0
"""A task that has not ended so long after its cancellation has swallowed it, and is cancelled again."""
END_SECONDS: Final = 6.0
"""The longest that tasks are waited for; less than a service has for its own end."""


async def end(
    *tasks: "asyncio.Future[Any]", again: float = AGAIN_SECONDS, within: float = END_SECONDS
) -> None:
    """Cancel tasks until all have ended, or for so many seconds; those that go on then are named and left behind.

    What a task failed with before is named, too: nobody else has asked for it.
    """
    loop = asyncio.get_running_loop()
    ends, left = loop.time() + within, set(tasks)
    while left and loop.time() < ends:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=min(again, ends - loop.time()))
    for task in tasks:
        if task in left:
            log.error("task_does_not_end", task=place_of(task), seconds=within)
        elif not task.cancelled() and (why := task.exception()) is not None:
            log.error("task_had_failed", task=place_of(task), error=type(why).__name__)


def place_of(task: "asyncio.Future[Any]") -> str:
    """Where a task is: the coroutines that wait in one another, from the outermost."""
    inner: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
    names = []
    while inspect.iscoroutine(inner):
        names.append(inner.__qualname__)
        inner = inner.cr_await
    return " > ".join(names) or type(task).__name__
