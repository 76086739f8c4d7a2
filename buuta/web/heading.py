"""HEAD on everything that answers GET: the same headers, and no body (RFC 9110, section 9.3.2)."""

from typing import Any, Final

from starlette.requests import Request

ASKED: Final = "buuta.head"


class AnswersHead:
    """ASGI middleware: HEAD is asked of the app as GET, and only the head of its answer goes out."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on; of a HEAD request as a GET one."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def head(message: Any) -> None:
            if message["type"] == "http.response.body":
                if message.get("more_body", False):
                    return
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET", ASKED: True}, receive, head)


def is_head(request: Request) -> bool:
    """Whether only the head of an answer is asked for: an endless one must not begin."""
    return ASKED in request.scope
