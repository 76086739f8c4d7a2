"""Limits of an application, whatever the route: heads, bodies, requests at once, and the bytes of all together.

An ASGI middleware. A body is counted while it is read, so nothing is held beyond the limit, and nothing is read at
all before somebody asks for it: whoever is not known is answered without.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from buuta.telemetry import metrics
from buuta.web.heads import wrong_in
from buuta.web.problems import Problem, answered, body_too_large

BODY_SECONDS: Final = 15.0
"""From the moment it is asked for until all of a body is there."""


@dataclass(frozen=True)
class HttpLimits:
    """Bytes of one body, bytes of all that is under way, and requests at once."""

    body_bytes: int
    inside_bytes: int = 64_000_000
    requests: int = 2_000


class Limited:
    """The middleware; Starlette makes one for each app."""

    def __init__(self, app: Any, limits: HttpLimits) -> None:
        self._app = app
        self.limits = limits
        self._requests = 0
        self.inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on what lies within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            metrics.HTTP_REFUSED.labels(refusal.code).inc()
            await answered(Request(scope), refusal)(scope, receive, send)
            return
        body = _Body(self, receive)
        self._requests += 1
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._requests -= 1
            self.inside -= body.size

    def _refusal(self, scope: Any) -> Problem | None:
        wrong = wrong_in(scope.get("http_version", "1.1"), scope["headers"])
        if wrong is not None:
            return Problem(400, "head_invalid", wrong, {"Connection": "close"})
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(said[:20]) > self.limits.body_bytes:
            return body_too_large(self.limits.body_bytes)
        if self._requests >= self.limits.requests:
            return Problem(
                503, "too_much_at_once", "too much is under way; try again", {"Retry-After": "1"}
            )
        return None


class _Body:
    """One request's body on its way in."""

    def __init__(self, all_: Limited, receive: Any) -> None:
        self._all = all_
        self._receive = receive
        self._ends: float | None = None
        self._whole = False
        self.size = 0

    async def receive(self) -> Any:
        """The next part, within the limits.

        Raises:
            Problem: 413 when it is too large, 408 when it takes too long, 503 when too much is under way.
        """
        if self._whole:
            return await self._receive()
        message = await self._in_time()
        self._whole = not message.get("more_body", False)
        self._count(len(message.get("body", b"")))
        return message

    async def _in_time(self) -> Any:
        loop = asyncio.get_running_loop()
        self._ends = self._ends or loop.time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._ends):
                return await self._receive()
        except TimeoutError as slow:
            raise Problem(
                408,
                "body_too_slow",
                f"the body took longer than {BODY_SECONDS:g} s",
                {"Connection": "close"},
            ) from slow

    def _count(self, size: int) -> None:
        self.size += size
        self._all.inside += size
        if self.size > self._all.limits.body_bytes:
            raise body_too_large(self._all.limits.body_bytes)
        if self._all.inside > self._all.limits.inside_bytes:
            raise Problem(503, "too_much_at_once", "too much is under way; try again", {"Retry-After": "1"})
