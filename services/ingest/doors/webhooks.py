"""The vendors' webhooks: they send no key of ours, so the URL carries an unguessable token.

A recipe with a `[webhook]` section has one, at `/v1/webhooks/TOKEN/FORMAT`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from buuta.telemetry.clock import now_ms
from buuta.web.bodies import parse_json, read_body
from buuta.web.problems import Problem, problems
from services.ingest.domain.recipe import Receipt, Recipe, Webhook
from services.ingest.doors.gate import Gate
from services.ingest.intake import Answer, Result

DOOR: Final = "webhook"
MOST_BYTES: Final = 256 * 1024
LONGEST_HEADER: Final = 200
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
Token = Annotated[str, Path(max_length=100, description="Your webhook token, `bw_…`.")]


def form(body: bytes) -> dict[str, str]:
    """An `application/x-www-form-urlencoded` body; of a field sent twice the last counts."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def form_or_json(body: bytes) -> Any:
    """A body that begins like JSON is JSON, whatever its header says; else it is a form."""
    return parse_json(body) if body.lstrip()[:1] in (b"{", b"[") else form(body)


READERS: Final[Mapping[str, Callable[[bytes], Any]]] = {"json": parse_json, "form": form_or_json}
MEDIA_TYPES: Final = {"json": [JSON], "form": [FORM, JSON]}


def router(gate: Gate) -> APIRouter:
    """A webhook for each recipe that has one."""
    routes = APIRouter(tags=["vendors"])
    for recipe in gate.recipes.values():
        if recipe.webhook is not None:
            _add(routes, gate, recipe, recipe.webhook)
    return routes


def _add(routes: APIRouter, gate: Gate, recipe: Recipe, webhook: Webhook) -> None:
    content = {kind: {"schema": {"type": "object"}} for kind in MEDIA_TYPES[webhook.body]}

    @routes.post(
        f"/v1/webhooks/{{token}}/{recipe.format}",
        name=f"{recipe.format}_webhook",
        summary=f"Webhook of {recipe.title}",
        responses=problems(400, 404, 413, 429, 503),
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def report(request: Request, token: Token) -> JSONResponse:
        """One report. 200 when it is kept for good; a malformed one is kept too, and answered 400."""
        caller = await gate.caller_by_token(request, token, recipe.format)
        carrier, intake = caller.carrier, gate.intake(caller)
        body = await read_body(request, MOST_BYTES)
        receipt = Receipt(carrier.code, DOOR, now_ms())
        gate.admit(caller, 1)
        with gate.room(len(body), DOOR):
            try:
                payload = _payload(webhook, body, request.headers)
            except Problem as bad:
                await intake.keep(receipt, body, bad.code)
                return _refused(webhook, {}, bad)
            [answer] = await intake.take(carrier, receipt, [payload], recipe.parse)
            if answer.result is not Result.REJECTED:
                return _kept(webhook, payload, answer)
            await intake.keep_rejected(carrier, receipt, [payload], [answer])
            problem = Problem(400, answer.code or "", answer.message or "")
            return _refused(webhook, payload, problem, field=answer.field or "")


def _payload(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The body as one object, with the headers that are fields of it.

    Raises:
        Problem: it is none.
    """
    payload = READERS[webhook.body](body)
    if not isinstance(payload, dict):
        raise Problem(400, "body_not_object", "the body is one JSON object")
    sent = {name: headers[name][:LONGEST_HEADER] for name in webhook.headers if name in headers}
    return payload | sent


def _kept(webhook: Webhook, payload: Mapping[str, Any], answer: Answer) -> JSONResponse:
    """What the vendor wants to hear, or what became of its report."""
    return JSONResponse(answer.as_json() if webhook.reply is None else _reply(webhook.reply, payload))


def _reply(wanted: Mapping[str, str], payload: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(payload.get(text[1:], "")) if text.startswith("$") else text
        for name, text in wanted.items()
    }


def _refused(webhook: Webhook, payload: Mapping[str, Any], problem: Problem, **more: Any) -> JSONResponse:
    """400, or what ends the repeating of a vendor that would repeat it for ever; it is kept either way."""
    if webhook.never_refuse:
        return JSONResponse(
            {"result": "rejected", "code": problem.code, "message": problem.detail, "kept": True}
        )
    return problem.response(kept=True, **more)
