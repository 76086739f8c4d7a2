"""The vendors' webhooks: they send no key of ours, so the URL carries an unguessable token.

A recipe with a `[webhook]` section has one, at `/v1/webhooks/TOKEN/FORMAT`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.routing import Route

from buuta.telemetry.clock import now_ms
from buuta.web.bodies import beside, parse_json, read_body
from buuta.web.problems import PROBLEM_RESPONSE, Problem
from services.ingest.domain.recipe import Recipe, Webhook
from services.ingest.doors.gate import Gate
from services.ingest.intake import COPY_DIFFERS, Answer, Intake, Result
from services.ingest.storage import Carrier

DOOR: Final = "webhook"
MOST_BYTES: Final = 256 * 1024
LONGEST_HEADER: Final = 200
MOST_FIELDS: Final = 1_000
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


def form(body: bytes) -> dict[str, str]:
    """An `application/x-www-form-urlencoded` body; of a field sent twice the last counts.

    Raises:
        Problem: it has too many fields.
    """
    text = body.decode("utf-8", "replace")
    if text.count("&") >= MOST_FIELDS:
        raise Problem(400, "too_many_fields", f"the form has more than {MOST_FIELDS} fields")
    return dict(parse_qsl(text, keep_blank_values=True))


def form_or_json(body: bytes) -> Any:
    """A body that begins like JSON is JSON, whatever its header says; else it is a form."""
    return parse_json(body) if body.lstrip()[:1] in (b"{", b"[") else form(body)


READERS: Final[Mapping[str, Callable[[bytes], Any]]] = {"json": parse_json, "form": form_or_json}
MEDIA_TYPES: Final = {"json": [JSON], "form": [FORM, JSON]}


def route(gate: Gate) -> Route:
    """The webhooks of all recipes that have one: a plain route, since a vendor sends one report a request."""

    async def report(request: Request) -> JSONResponse:
        token, format_name = request.path_params["token"], request.path_params["format_name"]
        recipe = gate.recipes.get(format_name)
        if recipe is None or recipe.webhook is None:
            raise Problem(404, "webhook_unknown", "no webhook has this address")
        caller = await gate.caller_by_token(request, token, format_name)
        body = await read_body(request, MOST_BYTES)
        gate.admit(caller, 1)
        with gate.room(caller, len(body), DOOR):
            return await _taken(gate.intake(caller), caller.carrier, recipe, Sent(body, request.headers))

    return Route("/v1/webhooks/{token}/{format_name}", report, methods=["POST"])


@dataclass(frozen=True)
class Sent:
    """A request as it came."""

    body: bytes
    headers: Mapping[str, str]


async def _taken(intake: Intake, carrier: Carrier, recipe: Recipe, sent: Sent) -> JSONResponse:
    """One report. 200 when it is kept for good; a malformed one is kept too, and answered 400."""
    webhook = recipe.webhook or Webhook()
    receipt = carrier.receipt(DOOR, now_ms())
    try:
        payload = await beside(sent.body, _payload, webhook, sent)
    except Problem as bad:
        await intake.keep(receipt, bad.code, sent.body)
        return _refused(webhook, bad)
    [answer] = await intake.take(carrier, receipt, [payload], recipe.parse)
    if answer.result is not Result.REJECTED:
        await intake.keep_facts(recipe, receipt, payload)
    if answer.result is not Result.REJECTED:
        return JSONResponse(answer.as_json() if webhook.reply is None else _reply(webhook, payload, answer))
    await intake.keep_rejected(carrier, receipt, [payload], [answer])
    problem = Problem(400, answer.code or "", answer.message or "")
    return _refused(webhook, problem, field=answer.field or "")


def described(recipes: Iterable[Recipe]) -> dict[str, Any]:
    """The paths of the description: one for each recipe that has a webhook."""
    return {
        f"/v1/webhooks/{{token}}/{recipe.format}": {"post": _operation(recipe, recipe.webhook)}
        for recipe in recipes
        if recipe.webhook is not None
    }


def _operation(recipe: Recipe, webhook: Webhook) -> dict[str, Any]:
    statuses = (
        (404, 408, 413, 429, 431, 503) if webhook.never_refuse else (400, 404, 408, 413, 429, 431, 503)
    )
    answer = {"description": "Kept for good.", "content": {JSON: {"schema": {"type": "object"}}}}
    token = {
        "name": "token", "in": "path", "required": True, "description": "Your webhook token, `bw_…`.",
        "schema": {"type": "string", "maxLength": 100},
    }  # fmt: skip
    return {
        "tags": ["vendors"],
        "operationId": f"{recipe.format}_webhook",
        "summary": f"Webhook of {recipe.title}",
        "description": "One report. 200 when it is kept for good; a malformed one is kept too.",
        "parameters": [token],
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "object"}} for kind in MEDIA_TYPES[webhook.body]},
        },
        "responses": {"200": answer} | {str(status): PROBLEM_RESPONSE for status in statuses},
    }


def _payload(webhook: Webhook, sent: Sent) -> dict[str, Any]:
    """The body as one object, with the headers that are fields of it.

    Raises:
        Problem: it is none.
    """
    payload = READERS[webhook.body](sent.body)
    if not isinstance(payload, dict):
        raise Problem(400, "body_not_object", "the body is one JSON object")
    fields = {name: sent.headers[name][:LONGEST_HEADER] for name in webhook.headers if name in sent.headers}
    return payload | fields if fields else payload


def _reply(webhook: Webhook, payload: Mapping[str, Any], answer: Answer) -> dict[str, str]:
    """What the vendor wants to hear, and what we found that it should know."""
    wanted = {
        name: str(payload.get(text[1:], "")) if text.startswith("$") else text
        for name, text in (webhook.reply or {}).items()
    }
    found = {"finding": answer.code, "message": answer.message}
    return wanted | {name: text for name, text in found.items() if text and answer.code == COPY_DIFFERS}


def _refused(webhook: Webhook, problem: Problem, **more: Any) -> JSONResponse:
    """400, or what ends the repeating of a vendor that would repeat it for ever; it is kept either way."""
    if webhook.never_refuse:
        said = {"result": "rejected", "code": problem.code, "message": problem.detail, "kept": True}
        return JSONResponse(said)
    return problem.response(kept=True, **more)
