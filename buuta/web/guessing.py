"""Guesses have a limit: by sender and by site, per guess that fails, in bounded memory.

Who finds what it asks for is not counted, so that the many people behind one address go on as long as few of them
guess. A guess is counted before it is looked up and given back when it was right: guesses at once count, too.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from typing import Final, TypeVar

from fastapi import Request

from buuta.errors import Forbidden
from buuta.model.networks import senders_of
from buuta.storage.keys import secret_hash
from buuta.telemetry import metrics
from buuta.web.problems import Problem

Found = TypeVar("Found")
Look = Callable[[], Awaitable[Found]]
MOST_REMEMBERED: Final = 50_000
SITE: Final = 8
"""A site, that is an IPv4 /24 or an IPv6 /48, may guess as much as so many senders."""


@dataclass(frozen=True)
class Allowance:
    """Wrong guesses of one sender: so many at once, and so many a second from then on."""

    at_once: float
    a_second: float


KEYS: Final = Allowance(20, 0.1)
NUMBERS: Final = Allowance(60, 1.0)


class Guesses:
    """The wrong guesses of all senders at one kind of thing."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowance = allowance
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Count a guess before it is looked up.

        Raises:
            Problem: 429 with Retry-After, this sender or site has guessed wrong too often.
        """
        now = self._clock()
        shares = self._shares(address)
        wait = max(
            self._level(name, share, now) + 1 - share * self._allowance.at_once for name, share in shares
        )
        if wait > 0:
            metrics.HTTP_REFUSED.labels("guesses").inc()
            after = {"Retry-After": str(ceil(wait / self._allowance.a_second))}
            raise Problem(429, "too_many_guesses", "too much was asked for that there is not; wait", after)
        for name, share in shares:
            self._set(name, self._level(name, share, now) + 1, now)

    def right(self, address: str) -> None:
        """The guess was right: it does not count."""
        now = self._clock()
        for name, share in self._shares(address):
            self._set(name, max(self._level(name, share, now) - 1, 0), now)

    async def answer(self, request: Request, look: Look[Found]) -> Found:
        """What this look finds, for senders that have not guessed wrong too often.

        Raises:
            Problem: 429, they have; nothing is looked up.
        """
        address = address_of(request)
        self.take(address)
        try:
            found = await look()
        except BaseException:
            self.right(address)
            raise
        if found:
            self.right(address)
        return found

    def _shares(self, address: str) -> tuple[tuple[str, int], ...]:
        sender, site = senders_of(address)
        return (sender, 1), (site, SITE)

    def _level(self, name: str, share: int, now: float) -> float:
        level, at = self._used.get(name, (0.0, now))
        return max(level - (now - at) * share * self._allowance.a_second, 0.0)

    def _set(self, name: str, level: float, now: float) -> None:
        self._used[name] = (level, now)
        self._used.move_to_end(name)
        if len(self._used) > MOST_REMEMBERED:
            self._used.popitem(last=False)


class Holders:
    """Whose keys are, by a look each; wrong keys are guesses, and beyond their limit nothing is looked up.

    A key that was good of late is looked up whatever its neighbours guess; whether it still is, the look says.
    """

    def __init__(self, guesses: Guesses, unknown: str) -> None:
        """`unknown` is the sentence for a key that nobody has."""
        self._guesses = guesses
        self._unknown = unknown
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._looks: dict[bytes, asyncio.Task[str | None]] = {}

    async def of(self, request: Request, key: str, look: Look[str | None]) -> str:
        """Whose key this is.

        Raises:
            Forbidden: nobody's.
            Problem: 429, too many wrong keys came from there; nothing is looked up.
        """
        mark = secret_hash(key)
        found = await (look() if mark in self._good else self._first(mark, request, look))
        if found is None:
            self._good.pop(mark, None)
            raise Forbidden(self._unknown)
        self._good[mark] = None
        self._good.move_to_end(mark)
        if len(self._good) > MOST_REMEMBERED:
            self._good.popitem(last=False)
        return found

    async def _first(self, mark: bytes, request: Request, look: Look[str | None]) -> str | None:
        """One look for all who come with the same key at once: they are one guess."""
        if mark not in self._looks:
            looking = asyncio.ensure_future(self._guesses.answer(request, look))
            self._looks[mark] = looking
            looking.add_done_callback(lambda _: self._looks.pop(mark))
        return await asyncio.shield(self._looks[mark])


def address_of(request: Request) -> str:
    """Where a request comes from; that is a proxy's word only where the proxy is trusted."""
    return request.client.host if request.client is not None else ""
