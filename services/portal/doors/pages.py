"""Rendering pages: templates, language, and headers that keep others out."""

from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from buuta.model.times import local_text
from buuta.telemetry import metrics
from buuta.wording import words
from buuta.wording.words import Language
from services.portal.places import place_name, unit_name

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Vary": "Accept-Language",
}

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(
    local_text=local_text, place_name=place_name, unit_name=unit_name,
    percent=lambda share: "–" if share is None else f"{share * 100:.1f} %",
)  # fmt: skip


class _Static(StaticFiles):
    """Files of ours, which hold nothing personal."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        answer = super().file_response(*arguments, **named)
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer


def static() -> StaticFiles:
    """The style and the script of the pages."""
    return _Static(directory=Path(__file__).parents[1] / "static")


def language_of(request: Request) -> Language:
    """The language of this request: `?lang=`, else `Accept-Language`."""
    asked = request.query_params.get("lang")
    return words.choose(asked, request.headers.get("accept-language", ""))


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template in the language of the request."""
    language = language_of(request)

    def word(key: str, table: str = "page") -> str:
        return words.word(table, key, language)

    other = "en" if language == "vi" else "vi"
    text = _environment.get_template(f"{name}.html").render(
        word=word, language=language, other=other, path=request.url.path, **values
    )
    metrics.PORTAL_REQUESTS.labels(name, str(status)).inc()
    return HTMLResponse(text, status, {**HEADERS, "Content-Language": language})
