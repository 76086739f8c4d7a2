"""The vendors' webhooks: they send no key of ours, so the URL carries an unguessable token."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from buuta.telemetry.clock import now_ms
from buuta.web.bodies import parse_json, read_body
from buuta.web.problems import Problem, problems
from services.ingest.carriers import RECIPES
from services.ingest.domain.recipe import Receipt
from services.ingest.doors.gate import Gate
from services.ingest.intake import Result
from services.ingest.storage import Carrier

DOOR = "webhook"
MOST_BYTES = 256 * 1024
Token = Annotated[str, Path(max_length=100, description="Your webhook token, `bw_…`.")]


def form(body: bytes) -> dict[str, str]:
    """An `application/x-www-form-urlencoded` body; of a field sent twice the last counts."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def form_or_json(body: bytes) -> Any:
    """A body that begins like JSON is JSON, whatever its header says; else it is a form."""
    return parse_json(body) if body.lstrip()[:1] in (b"{", b"[") else form(body)


READERS: dict[str, Callable[[bytes], Any]] = {"ghn": parse_json, "ghtk": form_or_json}
MEDIA_TYPES = {
    "ghn": ["application/json"],
    "ghtk": ["application/x-www-form-urlencoded", "application/json"],
}


def router(gate: Gate) -> APIRouter:
    """A webhook for each vendor in `READERS`."""
    routes = APIRouter(tags=["vendors"])
    for format_name, read in READERS.items():
        _add(routes, gate, format_name, read)
    return routes


def _add(routes: APIRouter, gate: Gate, format_name: str, read: Callable[[bytes], Any]) -> None:
    content = {kind: {"schema": {"type": "object"}} for kind in MEDIA_TYPES[format_name]}

    @routes.post(
        f"/v1/webhooks/{{token}}/{format_name}",
        name=f"{format_name}_webhook",
        summary=f"Webhook in the format of {format_name.upper()}",
        responses=problems(400, 404, 413, 503),
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def webhook(request: Request, token: Token) -> JSONResponse:
        """One report. 200 when it is kept for good; a malformed one is kept too, and answered 400."""
        carrier = await gate.carrier_by_token(token, format_name)
        body = await read_body(request, MOST_BYTES)
        receipt = Receipt(carrier.code, DOOR, now_ms())
        with gate.room(len(body), DOOR):
            return await _take(gate, carrier, receipt, body, read)


async def _take(
    gate: Gate, carrier: Carrier, receipt: Receipt, body: bytes, read: Callable[[bytes], Any]
) -> JSONResponse:
    try:
        payload = read(body)
        if not isinstance(payload, dict):
            raise Problem(400, "body_not_object", "the body is one JSON object")
    except Problem as bad:
        await gate.intake.keep(receipt, body, bad.code)
        return bad.response(kept=True)
    [answer] = await gate.intake.take(carrier, receipt, [payload], RECIPES[carrier.format].parse)
    if answer.result is not Result.REJECTED:
        return JSONResponse(answer.as_json())
    await gate.intake.keep_rejected(receipt, [payload], [answer])
    problem = Problem(400, answer.code or "", answer.message or "")
    return problem.response(field=answer.field or "", kept=True)
