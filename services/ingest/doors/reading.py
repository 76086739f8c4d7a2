"""What a carrier reads with its own key: what we received and how each was mapped, and what waits in quarantine."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from buuta.model.bounded import Moment
from buuta.model.times import VIETNAM
from buuta.web.bearer import CARRIER_KEY
from buuta.web.guarded import guarded
from buuta.web.parameters import CodePath, Cursor
from buuta.web.problems import Problem, problems
from services.ingest.domain.keys import Scope
from services.ingest.doors.batch import NDJSON
from services.ingest.doors.gate import Gate

MOST_HOURS: Final = 25
Since = Annotated[
    Moment | None,
    Query(alias="from", description="Received from here on; default: today in Vietnam."),
]
Until = Annotated[Moment | None, Query(alias="to", description="And before this; default: now.")]


def router(gate: Gate) -> APIRouter:
    """Reading, by keys that have the scope `read`, of the world that the key is for."""
    routes = APIRouter(
        tags=["carriers"],
        dependencies=[Depends(CARRIER_KEY)],
        route_class=guarded(gate.known, gate.not_let_in),
    )

    @routes.get(
        "/v1/scans/received",
        summary="What we received, and how each was mapped",
        response_class=StreamingResponse,
        responses={
            **problems(400, 401, 403, 422, 503),
            200: {"content": {NDJSON: {"schema": {"type": "string"}}}},
        },
    )
    async def received(request: Request, since: Since = None, until: Until = None) -> StreamingResponse:
        """Your scans by the time of their receipt, a JSON text a line, at most 25 hours at once."""
        caller = await gate.caller(request, Scope.READ)
        now = datetime.now(VIETNAM)
        first, last = since or now.replace(hour=0, minute=0, second=0, microsecond=0), until or now
        if last - first > timedelta(hours=MOST_HOURS):
            raise Problem(400, "span_too_long", f"ask for at most {MOST_HOURS} hours at once")
        span = (round(first.timestamp() * 1000), round(last.timestamp() * 1000))
        lines = gate.records(caller).received(caller.carrier.code, span)
        # Begun before the answer is: a database that is away is a 503, and no 200 that breaks off.
        begun = await anext(lines, "")
        return StreamingResponse(_all(begun, lines), media_type=NDJSON)

    @routes.get("/v1/quarantine", summary="What waits", responses=problems(401, 403, 503))
    async def waiting(request: Request) -> JSONResponse:
        """Your reports that wait, by reason and code: how many, since when."""
        caller = await gate.caller(request, Scope.READ)
        return JSONResponse(await gate.records(caller).waiting(caller.carrier.code))

    @routes.get(
        "/v1/quarantine/{code:path}", summary="Reports that wait", responses=problems(401, 403, 422, 503)
    )
    async def reports(request: Request, code: CodePath, after: Cursor = 0) -> JSONResponse:
        """Your reports that wait for this code, as they came but for personal fields, a thousand at once.

        The next page begins `after` the last number.
        """
        caller = await gate.caller(request, Scope.READ)
        return JSONResponse(await gate.records(caller).reports(caller.carrier.code, code, after))

    return routes


async def _all(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for line in rest:
        yield line
