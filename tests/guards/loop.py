"""No event loop is blocked for more than 200 ms.

What counts is the processor time that the loop's thread spends in one callback (one step of a task),
without the time for which Python collects garbage: the tests' heap is not a service's. A watchdog
samples the stack and gives each sample the time since the last one, so exempt code is not counted.
A callback that uses no processor, since it sleeps or waits for a file or another process, counts by the
clock: two seconds at the same instruction are no matter of load.
"""

import asyncio
import gc
import sys
import threading
import time
from asyncio import events
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from tests.guards import blame
from tests.guards.blame import Step, shown, steps
from tests.guards.findings import Finding, Findings

RULE: Final = "event loop blocked"
LIMIT_SECONDS: Final = 0.2
ASLEEP_SECONDS: Final = 2.0
EVERY_SECONDS: Final = 0.02


COMMANDS: Final = ("buuta/audit/", "buuta/cli/")
"""Commands: they have a loop, and a process, of their own, and no service may import them."""


def blamed(stack: Sequence[Step]) -> str | None:
    """As `blame.blamed`; commands are exempt."""
    where = blame.blamed(stack)
    return None if where is None or where.startswith(COMMANDS) else where


class Run:
    """One callback that an event loop runs now."""

    def __init__(self) -> None:
        self.clock = time.pthread_getcpuclockid(threading.get_ident())
        self.started: float = time.thread_time()
        self.sampled = self.started
        self.blamed: defaultdict[str, float] = defaultdict(float)
        self.stacks: dict[str, list[Step]] = {}
        self.still: tuple[int, int] | None = None
        self.still_since: float = 0.0

    def collected(self, seconds: float) -> None:
        """Python has collected garbage for so long."""
        self.started += seconds
        self.sampled += seconds

    def sample(self, frame: Any, now: float) -> None:
        """Give the time since the last sample to who is running."""
        stack = steps(frame)
        where = blamed(stack)
        if where is not None:
            self.blamed[where] += now - self.sampled
            self.stacks[where] = stack
        self.sampled = now

    def asleep(self, frame: Any, now: float) -> bool:
        """Whether it has been at the same instruction for two seconds, and has done nothing."""
        place, moment = (id(frame), frame.f_lasti), time.monotonic()
        if place != self.still or now - self.sampled > EVERY_SECONDS:
            self.still, self.still_since = place, moment
        return moment - self.still_since > ASLEEP_SECONDS


class LoopGuard:
    """Watches all event loops of the process that run Python's own handles (uvloop's do not)."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._runs: dict[int, Run] = {}
        self._collecting: dict[int, float] = {}
        self._spent: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        self._busy: dict[int, float] = {}
        self._run = events.Handle._run
        self._ended = threading.Event()

    def install(self) -> None:
        """Watch from now on."""
        guard = self

        def run(handle: Any) -> None:
            guard._watched(handle)

        events.Handle._run = run  # type: ignore[method-assign,assignment]
        gc.callbacks.append(self._collects)
        threading.Thread(target=self._watch, daemon=True, name="loop guard").start()

    def remove(self) -> None:
        """Leave the loops alone."""
        self._ended.set()
        gc.callbacks.remove(self._collects)
        events.Handle._run = self._run  # type: ignore[method-assign]

    def spent(self, task: Any) -> float:
        """Processor time that a task has taken, in seconds; for the task that asks."""
        run = self._runs.get(threading.get_ident())
        now = time.thread_time() - run.started if run is not None else 0.0
        return self._spent.get(task, 0.0) + now

    def busy(self) -> float:
        """Seconds for which this thread's loop has run callbacks, up to the one that asks."""
        return self._busy.get(threading.get_ident(), 0.0)

    def _watched(self, handle: Any) -> None:
        moment = time.monotonic()
        ident, owner = threading.get_ident(), getattr(handle._callback, "__self__", None)
        outer, run = self._runs.get(ident), Run()
        self._runs[ident] = run
        try:
            self._run(handle)
        finally:
            spent = time.thread_time() - run.started
            if outer is None:
                self._runs.pop(ident, None)
            else:
                self._runs[ident] = outer
            if isinstance(owner, asyncio.Task):
                self._spent[owner] = self._spent.get(owner, 0.0) + spent
            self._busy[ident] = self._busy.get(ident, 0.0) + time.monotonic() - moment
            if spent > LIMIT_SECONDS:
                self._judge(run)

    def _judge(self, run: Run) -> None:
        seconds = sum(run.blamed.values())
        if seconds > LIMIT_SECONDS:
            where = max(run.blamed, key=run.blamed.__getitem__)
            how = f"{seconds * 1000:.0f} ms of processor time in one step"
            self._findings.add(Finding(RULE, where, how, shown(run.stacks[where])))

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            frames = sys._current_frames()
            for ident, run in list(self._runs.items()):
                if ident in frames and self._runs.get(ident) is run:
                    self._look(run, frames[ident])

    def _look(self, run: Run, frame: Any) -> None:
        try:
            now = time.clock_gettime(run.clock)
        except OSError:  # its thread has ended
            return
        if run.asleep(frame, now):
            run.still_since = float("inf")
            stack = steps(frame)
            where = blamed(stack)
            if where is not None:
                how = f"{ASLEEP_SECONDS:.0f} s asleep in one step"
                self._findings.add(Finding(RULE, where, how, shown(stack)))
        if now - run.sampled > EVERY_SECONDS / 2:
            run.sample(frame, now)

    def _collects(self, phase: str, _: Any) -> None:
        ident = threading.get_ident()
        if phase == "start":
            self._collecting[ident] = time.thread_time()
        elif ident in self._collecting:
            seconds = time.thread_time() - self._collecting.pop(ident)
            run = self._runs.get(ident)
            if run is not None:
                run.collected(seconds)
