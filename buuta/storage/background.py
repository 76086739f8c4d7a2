"""Work in the background: loops that nothing ends but their cancellation, and elements that fail alone.

Every loop of every service is run by `run_forever`; a test holds them to it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import structlog

from buuta.errors import BadItem, Retry
from buuta.storage.faults import is_away
from buuta.telemetry import metrics
from buuta.telemetry.ending import end

log = structlog.get_logger()
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
LOG_SECONDS: Final = 60.0
STEP_SECONDS: Final = 300.0
"""The longest that a step may take: one that hangs is a fault like one that raises."""
Element = TypeVar("Element")
Step = Callable[[], Awaitable[object]]
"""One turn of a loop; what it returns is true where there may be more to do at once."""
Work = Callable[[Sequence[Element]], Awaitable[object]]


async def run_forever(loop: str, step: Step, idle: float, within: float | None = STEP_SECONDS) -> None:
    """Take turn after turn until cancelled, with a pause of `idle` seconds where there is nothing more to do.

    A turn that fails is counted, and followed by another after a longer and longer pause. Of a loop that goes on
    failing at most a line a minute is logged.
    """
    trouble = _Trouble(loop)
    while True:
        try:
            async with asyncio.timeout(within):
                more = await step()
        except Exception as why:
            pause = max(idle, trouble.pause_after(why))
        else:
            trouble.failures = 0
            pause = 0.0 if more else idle
        await asyncio.sleep(pause)


async def until_done(what: str, step: Step, idle: float) -> None:
    """Try until it goes well once; failures are counted, logged and followed by pauses as in `run_forever`."""
    trouble = _Trouble(what)
    while True:
        try:
            await step()
        except Exception as why:
            await asyncio.sleep(max(idle, trouble.pause_after(why)))
        else:
            return


@dataclass
class _Trouble:
    """How often a loop has failed in a row, and when it said so last."""

    loop: str
    failures: int = 0
    logged_at: float = -LOG_SECONDS

    def pause_after(self, why: Exception) -> float:
        """Count a failure and log it, unless one was logged within a minute; returns the pause in seconds."""
        away = is_waited_for(why)
        metrics.LOOP_FAILURES.labels(self.loop, "away" if away else "fault").inc()
        pause = min(FIRST_PAUSE * float(1 << min(self.failures, 10)), LONGEST_PAUSE)
        self.failures += 1
        if time.monotonic() - self.logged_at >= LOG_SECONDS:
            self.logged_at = time.monotonic()
            said = {"loop": self.loop, "error": type(why).__name__, "in_a_row": self.failures}
            log.warning("loop_waits", **said) if away else log.error("loop_failed", **said, exc_info=why)
        return pause


def is_waited_for(why: BaseException) -> bool:
    """Whether nothing is wrong with the work: what it needs is only away."""
    return isinstance(why, Retry) or is_away(why)


async def in_turn(elements: Iterable[Element], work: Callable[[Element], Awaitable[object]]) -> None:
    """Work on one after the other; one that fails starves none behind it.

    Raises:
        Exception: the first that one of them raised, once all have had their turn.
    """
    first: Exception | None = None
    for element in elements:
        try:
            await work(element)
        except Exception as why:
            first = first or why
    if first is not None:
        raise first


@contextlib.asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run loops beside the body; they are cancelled at its end, and ended when this returns, as `end` says."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        await end(*tasks)


@dataclass(frozen=True)
class Fault(Generic[Element]):
    """An element that fails by itself, and why."""

    element: Element
    why: Exception

    @property
    def reason(self) -> str:
        """What may be shown of it: our own sentences, and of other errors only their kind."""
        return said(self.why)


def said(why: BaseException) -> str:
    """The kind of an error: messages of libraries can hold the data that they stumbled over. Ours of bad items say
    what to fix, and never repeat a value."""
    return f"{type(why).__name__}: {why}" if isinstance(why, BadItem) else type(why).__name__


@dataclass
class Outcome(Generic[Element]):
    """What became of elements: done, at fault, or held back behind one of the same key that is at fault."""

    done: list[Element] = field(default_factory=list)
    faults: list[Fault[Element]] = field(default_factory=list)
    held: list[Element] = field(default_factory=list)


async def each_alone(
    elements: Sequence[Element],
    work: Work[Element],
    key: Callable[[Element], Hashable] | None = None,
) -> Outcome[Element]:
    """Work on all at once; where that fails on halves, and so down to the elements that fail alone.

    With a `key` the order within it is kept: what comes behind an element at fault is held back.

    Raises:
        Exception: what is needed is away, so nothing can be said of any element.
    """
    outcome: Outcome[Element] = Outcome()
    failed: set[Hashable] = set()
    pieces = [list(elements)]
    while pieces:
        piece = pieces.pop()
        ready = [each for each in piece if key is None or key(each) not in failed]
        outcome.held += [each for each in piece if key is not None and key(each) in failed]
        if not ready:
            continue
        try:
            await work(ready)
        except Exception as why:
            if is_waited_for(why):
                raise
            if len(ready) == 1:
                outcome.faults.append(Fault(ready[0], why))
                failed.update([] if key is None else [key(ready[0])])
            else:
                middle = len(ready) // 2
                pieces += [ready[middle:], ready[:middle]]
        else:
            outcome.done += ready
    return outcome
