"""Errors as RFC 9457 problem documents."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from buuta.errors import BadItem, DatabaseAway, Forbidden, FormatAway, KafkaAway
from buuta.faults import said_of
from buuta.model.shown import shown_place
from buuta.storage.faults import is_away
from buuta.web.browsers import language_of, page_text, wants_page

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS: Final = 20
"""So many faults of a request are named at once."""
NO_OBJECT: Final = frozenset({"missing", "model_attributes_type", "dict_type", "list_type"})
BODY: Final = ", as JSON under Content-Type: application/json"
FORMAT_AWAY: Final = (
    "the tables of your format are not loaded here; nothing was lost on our side: send it again"
)


class Problem(Exception):
    """An answer that is an error: status, machine code, and a sentence that says what to fix."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        faults: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """`faults` are all that is wrong with a request, each with its place."""
        super().__init__(detail)
        self.faults = faults
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers

    def response(self, **more: Any) -> JSONResponse:
        """The problem as an HTTP answer; `more` are extension members."""
        faults = {"faults": list(self.faults)} if self.faults else {}
        body = {"type": "about:blank", "title": self.code.replace("_", " "), "status": self.status,
                "code": self.code, "detail": self.detail, **faults, **more}  # fmt: skip
        return JSONResponse(body, self.status, dict(self.headers or {}), MEDIA_TYPE)


ProblemPage = Callable[[Request, Problem], Response]


def plain_page(request: Request, problem: Problem) -> Response:
    """The page of a problem where an app has none of its own."""
    headers = {**(problem.headers or {}), "Content-Language": (language := language_of(request))}
    text = page_text(language, str(problem.status), problem.detail)
    return Response(text, problem.status, headers, "text/html")


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
        case KafkaAway() | DatabaseAway():
            return _away("kafka" if isinstance(error, KafkaAway) else "database")
        case FormatAway():
            return Problem(503, "format_away", FORMAT_AWAY, {"Retry-After": "60"})
        case RequestValidationError():
            return _faulty(error)
        case HTTPException():
            return Problem(error.status_code, _slug(error.detail), error.detail, error.headers)
    if is_away(error):
        return _away("database")
    return Problem(500, "internal_error", "an error of ours; it was logged and will be looked at")


def _faulty(error: RequestValidationError) -> Problem:
    """Each place that is wrong and what is wanted there; never the value itself, which may be personal."""
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        why, at = found[0]["ctx"]["error"], found[0]["loc"][-1]
        return Problem(422, "request_invalid", f"the body is not JSON: {why} at character {at}")
    faults = [{"place": shown_place(each["loc"]), "detail": _wanted(each)} for each in found[:MOST_FAULTS]]
    said = "; ".join(f"{each['place']}: {each['detail']}" for each in faults)
    more = f"; and {len(found) - MOST_FAULTS} more" if len(found) > MOST_FAULTS else ""
    return Problem(422, "request_invalid", said + more, faults=faults)


def _wanted(error: Any) -> str:
    """What is wanted at a place; a body that came under another name is a text and no object."""
    said = said_of(error)
    return said + BODY if error["loc"] == ("body",) and error["type"] in NO_OBJECT else said


def _slug(text: str) -> str:
    return text.lower().replace(" ", "_")


KINDS: Final = (
    Problem, BadItem, Forbidden, ClientDisconnect, KafkaAway, DatabaseAway, FormatAway, HTTPException,
    RequestValidationError, OSError, Exception,
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
                await answered(Request(scope), STOPPING)(scope, receive, send)
            raise


def answered(request: Request, problem: Problem) -> Response:
    """A problem as this client reads it: a page for a browser, else the problem document.

    The app's `state.problem_page` makes the page.
    """
    page: ProblemPage = request.app.state.problem_page
    answer = page(request, problem) if wants_page(request) else problem.response()
    answer.headers["Vary"] = "Accept, Accept-Language"
    return answer


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document, or a page to who reads pages."""
    app.state.problem_page = plain_page
    app.add_middleware(AnswerWhenStopped)

    async def answer(request: Request, error: Exception) -> Response:
        return answered(request, as_problem(error))

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
                    "faults": {
                        "description": "All that is wrong with a request, where that is more than a sentence.",
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["place", "detail"],
                            "properties": {"place": {"type": "string"}, "detail": {"type": "string"}},
                        },
                    },
                },
            }
        }
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these error statuses."""
    return dict.fromkeys(statuses, PROBLEM_RESPONSE)
