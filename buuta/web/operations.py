"""The app of the operations port: metrics, health, and the description of the public API. Not for the public."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI

from buuta.telemetry.health import Readiness
from buuta.telemetry.routes import operations
from buuta.web.description import description
from buuta.web.edge import edge_app
from buuta.web.limits import HttpLimits

LIMITS: Final = HttpLimits(body_bytes=4_096, requests=200)


def operations_app(service: str, readiness: Readiness, rules: str = "1", public: Any = None) -> FastAPI:
    """What operations ask a service; with a public app its description, too."""
    app = edge_app(f"Buuta {service}: operations", "Metrics and health.", LIMITS)
    app.include_router(operations(service, readiness, rules))
    if public is not None:
        app.include_router(description(public))
    return app


def with_operations(
    public: FastAPI, service: str, readiness: Readiness, rules: str = "1", *, docs: bool = False
) -> FastAPI:
    """The public app, that knows the app of its operations port; with `docs` it describes itself in public."""
    if docs:
        routes: APIRouter = description(public)
        public.include_router(routes)
    public.state.operations = operations_app(service, readiness, rules, public)
    return public
