"""Rendering pages: templates, language, and headers that keep others out."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from buuta.telemetry import metrics
from buuta.web.browsers import error_key, language_of
from buuta.web.problems import Problem
from buuta.wording import words

FILES: Final = Path(__file__).parents[1]
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Vary": "Accept, Accept-Language",
}
EXPLAINED: Final = frozenset({400, 422})
"""Statuses whose page repeats what exactly is wrong: who typed an address can mend it."""
FILE_SECONDS: Final = 3600

_environment = Environment(
    loader=FileSystemLoader(FILES / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class _Static(StaticFiles):
    """Files of ours, which hold nothing personal."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        answer = super().file_response(*arguments, **named)
        answer.headers["Cache-Control"] = f"public, max-age={FILE_SECONDS}"
        return answer


def static() -> StaticFiles:
    """The style and the script of the pages."""
    return _Static(directory=FILES / "static")


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template in the language of the request."""
    language = language_of(request)

    def word(key: str, table: str = "page") -> str:
        return words.word(table, key, language)

    other = "en" if language == "vi" else "vi"
    text = _environment.get_template(f"{name}.html").render(
        {"number": "", **values}, word=word, language=language, other=other, elsewhere=_same(request, other)
    )
    metrics.PORTAL_REQUESTS.labels(name, str(status)).inc()
    return HTMLResponse(text, status, {**HEADERS, "Content-Language": language})


def problem_page(request: Request, problem: Problem) -> HTMLResponse:
    """The page of what went wrong, with a way back and the search."""
    detail = problem.detail if problem.status in EXPLAINED else ""
    key = error_key(problem.status)
    answer = page(request, "problem", problem.status, key=key, detail=detail)
    answer.headers.update(problem.headers or {})
    return answer


def _same(request: Request, language: str) -> str:
    """A link to this very page in another language: its query, and nothing of its path."""
    query = [pair for pair in request.query_params.multi_items() if pair[0] != "lang"]
    return "?" + urlencode([*query, ("lang", language)])
