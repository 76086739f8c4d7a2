"""A watch over the demo's processes: one that ends is noticed at once, told with its last words, started again."""

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from buuta.demo.stack import BROKER, DATABASE, Stack
from buuta.embedded.processes import accepts
from buuta.errors import Stop

LOOK_SECONDS: Final = 0.2
MISSES: Final = 5
"""So many looks in a row must find nothing that listens, before the broker or the database counts as gone."""
TIMES: Final = 3
WITHIN_SECONDS: Final = 60.0
"""Who ends so often within so long is broken, and is not started again."""
LAST_WORDS: Final = 6


class Watch:
    """Looks after one stack, and tells people by `say`."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self.restarts: Counter[str] = Counter()
        self._stack = stack
        self._say = say
        self._ended_at: defaultdict[str, list[float]] = defaultdict(list)
        self._misses: Counter[str] = Counter()

    async def run(self) -> None:
        """Look until cancelled.

        Raises:
            Stop: the broker or the database is gone, or a service ends again and again.
        """
        while True:
            for service, child in list(self._stack.children.items()):
                if not child.alive:
                    self._restart(service, child.process.returncode)
            await self._look_at(BROKER, int(self._stack.broker.address.rpartition(":")[2]))
            await self._look_at(DATABASE, self._stack.database.port)
            await asyncio.sleep(LOOK_SECONDS)

    def _restart(self, service: str, code: int) -> None:
        now, ends = time.monotonic(), self._ended_at[service]
        ends[:] = [*(at for at in ends if now - at < WITHIN_SECONDS), now]
        said = f"{service} {ending(code)}. {self._last_words(service)}"
        if len(ends) > TIMES:
            raise Stop(f"{said}\nIt ended {len(ends)} times within a minute; the demo stops.")
        self._say(f"{said}\nIt is started again.")
        self.restarts[service] += 1
        self._stack.start(service)

    async def _look_at(self, name: str, port: int) -> None:
        listens = await asyncio.to_thread(accepts, port)
        self._misses[name] = 0 if listens else self._misses[name] + 1
        if self._misses[name] >= MISSES:
            raise Stop(
                f"The {name} on port {port} is gone, and what it held with it; the demo stops. "
                f"{self._last_words(name)}"
            )

    def _last_words(self, name: str) -> str:
        return f"The last lines of its log:\n{self._stack.tail(name, LAST_WORDS) or '(it wrote none)'}"


def ending(code: int) -> str:
    """How a process ended, by its exit code, which is a signal's number where it is negative."""
    if code >= 0:
        return f"ended with exit code {code}"
    number = -code
    name = signal.Signals(number).name if number in signal.Signals._value2member_map_ else str(number)
    return f"was ended by {name}" + (" (killed, or out of memory)" if number == signal.SIGKILL else "")
