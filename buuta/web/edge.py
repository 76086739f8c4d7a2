"""What every HTTP app of ours has around it: problem documents, limits, headers."""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from buuta import __version__
from buuta.web import problems
from buuta.web.headers import WithHeaders
from buuta.web.heading import AnswersHead
from buuta.web.limits import HttpLimits, Limited


class _Edge(FastAPI):
    """An app whose headers lie around everything, also around Starlette's answer to an error of ours."""

    def build_middleware_stack(self) -> ASGIApp:
        """The app with all of its middleware, and ours outermost."""
        return WithHeaders(AnswersHead(super().build_middleware_stack()))


def edge_app(title: str, summary: str, limits: HttpLimits, **more: Any) -> FastAPI:
    """An app that describes itself to nobody by itself, answers errors as problems, and is limited as a whole.

    Errors are problem documents, and pages for browsers; HEAD is answered wherever GET is.
    """
    app = _Edge(
        title=title,
        version=__version__,
        summary=summary,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        **more,
    )
    # A redirect from /x/ to /x would name the host that the request names, which may be anybody's.
    app.router.redirect_slashes = False
    app.add_middleware(Limited, limits=limits)
    problems.install(app)
    return app
