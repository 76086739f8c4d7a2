"""Errors as RFC 9457 problem documents."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from buuta.errors import BadItem, DatabaseAway, Forbidden, KafkaAway
from buuta.model.shown import shown_place
from buuta.storage.faults import is_away

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is an error: status, machine code, and a sentence that says what to fix."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers

    def response(self, **more: Any) -> JSONResponse:
        """The problem as an HTTP answer; `more` are extension members."""
        body = {"type": "about:blank", "title": self.code.replace("_", " "), "status": self.status,
                "code": self.code, "detail": self.detail, **more}  # fmt: skip
        return JSONResponse(body, self.status, dict(self.headers or {}), MEDIA_TYPE)


def _away(part: str) -> Problem:
    return Problem(
        503, f"{part}_away", f"{part} cannot be reached; nothing was lost on our side: send it again",
        {"Retry-After": "5"},
    )  # fmt: skip


def body_too_large(limit: int) -> Problem:
    """What a body hears that is longer than `limit` bytes."""
    return Problem(413, "body_too_large", f"the body is larger than {limit} bytes; send less at once")


def as_problem(error: Exception) -> Problem:
    """The problem document that an error of ours, of the framework or of PostgreSQL becomes."""
    match error:
        case Problem():
            return error
        case BadItem():
            return Problem(400, error.code, str(error))
        case Forbidden():
            return Problem(401, "key_unknown", str(error), {"WWW-Authenticate": "Bearer"})
        case ClientDisconnect():
            return Problem(400, "body_incomplete", "the body ended before its time")
        case KafkaAway():
            return _away("kafka")
        case DatabaseAway():
            return _away("database")
        case RequestValidationError():
            return Problem(422, "request_invalid", _sentence(error))
        case HTTPException():
            return Problem(error.status_code, _slug(error.detail), error.detail, error.headers)
    if is_away(error):
        return _away("database")
    return Problem(500, "internal_error", "an error of ours; it was logged and will be looked at")


def _sentence(error: RequestValidationError) -> str:
    """Where it is wrong and what is wanted; never the value itself, which may be personal."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]}"
    return f"{shown_place(first['loc'])}: {first['msg'].removeprefix('Value error, ')}"


def _slug(text: str) -> str:
    return text.lower().replace(" ", "_")


KINDS: Final = (
    Problem, BadItem, Forbidden, ClientDisconnect, KafkaAway, DatabaseAway, HTTPException, RequestValidationError,
    OSError, Exception,
)  # fmt: skip


STOPPING: Final = Problem(
    503,
    "stopping",
    "the service is being stopped; nothing is lost if you send it again",
    {"Retry-After": "5"},
)


class AnswerWhenStopped:
    """ASGI middleware: a request cut off by the end of the service becomes a 503.

    uvicorn, whose grace has passed, would answer 500 in plain text.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on; answer what was cancelled before its answer began."""
        begun = False

        async def noted(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if not begun and scope["type"] == "http":
                await STOPPING.response()(scope, receive, send)
            raise


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""
    app.add_middleware(AnswerWhenStopped)

    async def answer(_: Request, error: Exception) -> JSONResponse:
        return as_problem(error).response()

    for kind in KINDS:
        app.add_exception_handler(kind, answer)


PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "Problem document (RFC 9457).",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code", "detail"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these error statuses."""
    return dict.fromkeys(statuses, PROBLEM_RESPONSE)
