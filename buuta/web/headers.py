"""Headers that every answer has, whatever answers."""

from typing import Any, Final

ALWAYS: Final = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-frame-options": b"DENY",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"private, no-store",
}
"""What a route says itself takes precedence."""


class WithHeaders:
    """ASGI middleware: an answer that lacks one of these headers gets it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on, and complete the answer's headers."""

        async def complete(message: Any) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message.get("headers", ())}
                more = [(name, value) for name, value in ALWAYS.items() if name not in said]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self._app(scope, receive, complete)
