"""`POST /v1/scans`: a JSON array of items, an answer per item."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from buuta.telemetry.clock import now_ms
from buuta.web.bearer import bearer_key, scheme
from buuta.web.bodies import parse_json, read_body
from buuta.web.problems import Problem, problems
from services.ingest.domain.item import ScanItem
from services.ingest.domain.recipe import Receipt
from services.ingest.doors.gate import Gate
from services.ingest.intake import Result

DOOR = "api"


class ItemAnswer(BaseModel):
    """What became of the item at the same place of the request."""

    result: Result
    event_id: Annotated[str | None, Field(description="32 hex digits; the same through any door.")] = None
    code: Annotated[str | None, Field(description="Stable code of what is wrong.")] = None
    field: Annotated[str | None, Field(description="Where it is wrong.")] = None
    message: Annotated[str | None, Field(description="What to fix.")] = None


def _body_schema() -> dict[str, Any]:
    item = ScanItem.model_json_schema(ref_template="#/components/schemas/{model}")
    item.pop("$defs", None)
    return {"type": "array", "items": {"$ref": "#/components/schemas/ScanItem"}}


def router(gate: Gate, most_bytes: int, most_items: int) -> APIRouter:
    """The batch door."""
    routes = APIRouter(tags=["carriers"])

    @routes.post(
        "/v1/scans",
        summary="Report scans",
        response_model=list[ItemAnswer],
        response_model_exclude_none=True,
        responses=problems(400, 401, 413, 503),
        dependencies=[Depends(scheme)],
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _body_schema()}},
            }
        },
    )
    async def report_scans(request: Request) -> JSONResponse:
        """Report up to 5,000 scans of your own parcels.

        The answer comes when Kafka has acknowledged; one wrong item never fails the others. After a
        503, or no answer, send the same again: nothing counts twice.
        """
        carrier = await gate.carrier_by_key(bearer_key(request))
        body = await read_body(request, most_bytes)
        with gate.room(len(body), DOOR):
            items = parse_json(body)
            if not isinstance(items, list):
                raise Problem(400, "body_not_array", "the body is a JSON array of items")
            if len(items) > most_items:
                raise Problem(413, "too_many_items", f"send at most {most_items} items at once")
            receipt = Receipt(carrier.code, DOOR, now_ms())
            answers = await gate.intake.take(carrier, receipt, items)
            await gate.intake.keep_rejected(carrier, receipt, items, answers)
        return JSONResponse([answer.as_json() for answer in answers])

    return routes
