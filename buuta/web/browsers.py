"""Browsers: who asks for pages, in which language, and what everybody reads when something went wrong."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request

from buuta.wording import words
from buuta.wording.words import Language

PAGE: Final = "text/html"
DOCUMENTS: Final = ("application/json", "application/problem+json")
MOST_KINDS: Final = 30
"""Of an `Accept` header so many kinds are looked at."""
_environment = Environment(
    loader=PackageLoader("buuta.web", "pages"), autoescape=select_autoescape(), undefined=StrictUndefined
)


def wants_page(request: Request) -> bool:
    """Whether who asks reads pages: it names HTML, and no JSON rather than that (RFC 9110, section 12.5.1).

    Some libraries name HTML in all that they send (Java's, for one): who sends a key or JSON is no browser.
    """
    headers = request.headers
    if "authorization" in headers or "json" in headers.get("content-type", ""):
        return False
    wanted = _wanted(headers.get("accept", ""))
    page = wanted.get(PAGE, 0.0)
    return page > 0 and page >= max(wanted.get(each, 0.0) for each in DOCUMENTS)


def _wanted(accept: str) -> dict[str, float]:
    kinds: dict[str, float] = {}
    for part in accept.split(",")[:MOST_KINDS]:
        name, *rest = (each.strip().lower() for each in part.split(";"))
        quality = next((each[2:] for each in rest if each.startswith("q=")), "1")
        kinds[name] = _weight(quality)
    return kinds


def _weight(quality: str) -> float:
    try:
        return float(quality)
    except ValueError:
        return 0.0


def language_of(request: Request) -> Language:
    """The language of a request: `?lang=`, else `Accept-Language`."""
    return words.choose(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def error_key(status: int) -> str:
    """The row of the table of words that a status has, or that of its kind."""
    known = words.tables("vi")["error"]
    return str(status) if str(status) in known else "400" if status < 500 else "500"


def page_text(language: Language, status: str, detail: str) -> str:
    """A page that says what went wrong, without anything around it."""
    key = error_key(int(status))
    return _environment.get_template("problem.html").render(
        language=language, status=status, detail=detail,
        title=words.word("error", key, language), help=words.word("error_help", key, language),
    )  # fmt: skip
