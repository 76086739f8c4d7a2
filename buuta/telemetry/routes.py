"""`/metrics`, `/health/live` and `/health/ready`, the same in every service."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from buuta import __version__
from buuta.telemetry import metrics
from buuta.telemetry.health import Readiness


def operations(service: str, readiness: Readiness, rules: str = "1") -> APIRouter:
    """The routes for operations; `rules` is the version of the rules that the service applies."""
    router = APIRouter(tags=["operations"])
    metrics.BUILD.info({"service": service, "version": __version__, "rules": rules})

    @router.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"service": service, "version": __version__, "rules": rules}

    @router.get("/health/ready", responses={503: {"description": "Not ready; says what it waits for."}})
    async def ready() -> JSONResponse:
        """The service can do its job."""
        answer = {
            "ready": readiness.ready,
            "waits_for": readiness.waiting,
            "version": __version__,
            "rules": rules,
        }
        return JSONResponse(answer, 200 if readiness.ready else 503)

    return router
