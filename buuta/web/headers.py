"""Headers that every answer has, whatever answers."""

from typing import Any

from buuta.telemetry.answers import ALWAYS


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
