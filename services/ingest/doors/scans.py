"""`POST /v1/scans`: many items in one body, an answer per item."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from buuta.telemetry.clock import now_ms
from buuta.web.bearer import CARRIER_KEY
from buuta.web.bodies import read_body
from buuta.web.guarded import guarded
from buuta.web.packing import unpacked
from buuta.web.problems import problems
from services.ingest.domain.item import ScanItem
from services.ingest.domain.keys import Scope
from services.ingest.domain.recipe import Report, recipe_of, taken_back
from services.ingest.doors.batch import AVRO, JSON, NDJSON, read_beside, read_report
from services.ingest.doors.gate import Gate
from services.ingest.doors.once import Answered, IdempotencyKey
from services.ingest.intake import Intake, Parse, Result
from services.ingest.registry.keyring import Caller
from services.ingest.storage import Carrier

DOOR: Final = "api"
_as_json: Final = json.JSONEncoder(separators=(",", ":")).encode


class ItemNote(BaseModel):
    """What was left out of an item that came in all the same."""

    field: Annotated[str, Field(description="The field as you name it.")]
    code: Annotated[str, Field(description="Stable code of what does not fit.")]
    message: Annotated[str, Field(description="What to fix.")]


class ItemAnswer(BaseModel):
    """What became of the item at the same place of the request."""

    result: Result
    event_id: Annotated[str | None, Field(description="32 hex digits; the same through any door.")] = None
    code: Annotated[
        str | None,
        Field(
            description="Stable code of what is wrong; of an accepted item what should be known: copy_differs, "
            "time_ahead, time_too_old."
        ),
    ] = None
    field: Annotated[str | None, Field(description="Where it is wrong.")] = None
    message: Annotated[str | None, Field(description="What to fix.")] = None
    notes: Annotated[
        list[ItemNote] | None, Field(description="What does not fit and was left out; the item came in.")
    ] = None
    steers: Annotated[
        bool | None,
        Field(
            description="false: kept, and does not change the parcel's state, since it is older than a year."
        ),
    ] = None


def _content() -> dict[str, Any]:
    """The media types of the body, for the description."""
    item = {"$ref": f"#/components/schemas/{ScanItem.__name__}"}
    packed = {"schema": {"type": "string", "format": "binary"}}
    return {JSON: {"schema": {"type": "array", "items": item}}, NDJSON: packed, AVRO: packed}


def router(gate: Gate, most_bytes: int, most_items: int) -> APIRouter:
    """The batch door."""
    routes = APIRouter(tags=["carriers"], route_class=guarded(gate.known, gate.not_let_in))

    described: dict[str, Any] = {
        "response_model": list[ItemAnswer],
        "response_model_exclude_none": True,
        "responses": problems(400, 401, 403, 413, 415, 422, 429, 503),
        "dependencies": [Depends(CARRIER_KEY)],
        "openapi_extra": {"requestBody": {"required": True, "content": _content()}},
    }

    @routes.post("/v1/scans", summary="Report scans", **described)
    async def report_scans(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Report up to 5,000 scans of your own parcels: a JSON array, NDJSON, or an Avro container.

        `Content-Encoding` may be gzip or zstd. The answer comes when all is kept for good; one wrong item
        never fails the others. A time more than 10 minutes after its receipt counts from it (`time_ahead`);
        one more than a year before it is kept and does not steer (`time_too_old`, and `steers` is false). After a
        503, or no answer, send the same again: nothing counts twice.
        """
        caller = await gate.caller(request, Scope.REPORT)
        return await taken(caller, request, read_report, idempotency_key)

    @routes.post("/v1/scans/withdraw", summary="Withdraw scans", **described)
    async def withdraw_scans(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Take a batch back that was wrong: send the same items here, and each did not occur.

        Their ids follow from what they say, so nothing else is needed. An event id of the answer is that of the
        correction. An item that never came is taken back as well: if it comes later, it does not count.
        """
        caller = await gate.caller(request, Scope.WITHDRAW)
        recipe, sender = recipe_of(gate.recipes, caller.carrier.format), caller.carrier.receipt(DOOR, 0)

        def backwards(item: Any) -> Report:
            return taken_back(recipe, read_report(item), sender)

        return await taken(caller, request, backwards, idempotency_key)

    async def taken(caller: Caller, request: Request, parse: Parse, key: str | None) -> Response:
        packed = await read_body(request, most_bytes)
        body = unpacked(packed, request.headers.get("content-encoding", ""), most_bytes)
        kind = request.headers.get("content-type", "")

        async def work() -> bytes:
            items = await read_beside(kind, body, most_items)
            gate.admit(caller, len(items))
            return await _answers(gate.intake(caller), caller.carrier, items, parse)

        with gate.room(caller, len(body), DOOR):
            said = request.url.path.encode() + body
            answer = await Answered(gate.intake(caller), f"{caller.key.id}", key, said).or_by(work)
            return Response(answer, headers=gate.left(caller), media_type=JSON)

    return routes


async def _answers(intake: Intake, carrier: Carrier, items: Sequence[Any], parse: Parse) -> bytes:
    """Take items in; returns the answer's body."""
    receipt = carrier.receipt(DOOR, now_ms())
    answers = await intake.take(carrier, receipt, items, parse)
    await intake.keep_rejected(carrier, receipt, items, answers, are_items=True)
    return _as_json([answer.as_json() for answer in answers]).encode()
