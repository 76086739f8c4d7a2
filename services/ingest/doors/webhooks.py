"""The vendors' webhooks: they send no key of ours, so the URL carries an unguessable token.

A recipe with a `[webhook]` section has one, at `/v1/webhooks/TOKEN/FORMAT`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from buuta.errors import BadItem, Forbidden
from buuta.telemetry.clock import now_ms
from buuta.web.bodies import beside, read_body
from buuta.web.problems import PROBLEM_RESPONSE, Problem
from services.ingest.carriers.loading import golden
from services.ingest.domain import replies
from services.ingest.domain.doubts import WARNED
from services.ingest.domain.recipe import Recipe, recipe_of
from services.ingest.domain.webhook import Reply, Webhook
from services.ingest.doors.gate import Gate
from services.ingest.doors.sent import MOST_BYTES, Sent, kept_as, payloads_of, refusal, sent
from services.ingest.intake import COPY_DIFFERS, Answer, Result
from services.ingest.registry.keyring import Caller

DOOR: Final = "webhook"
FOUND: Final = WARNED | {COPY_DIFFERS}
"""The codes of answers about what is kept."""
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MEDIA_TYPES: Final = {"json": [JSON], "form": [FORM, JSON], "xml": ["application/xml", "text/xml"]}
METHODS: Final = ("POST", "PUT", "GET")
NO_EVENT: Final = Answer(Result.IGNORED, message="the body holds no event")


def route(gate: Gate) -> Route:
    """The webhooks of all recipes that have one: a plain route, since a vendor sends one report a request."""

    async def report(request: Request) -> Response:
        token, format_name = request.path_params["token"], request.path_params["format_name"]
        caller = await gate.caller_by_token(request, token, format_name)
        recipe = recipe_of(gate.recipes, format_name)
        if recipe.webhook is None:
            raise Problem(404, "webhook_unknown", "no webhook has this address")
        _check_method(recipe.webhook, request.method)
        body = await read_body(request, MOST_BYTES)
        gate.admit(caller, 1)
        with gate.room(caller, len(body), DOOR):
            return await _taken(gate, caller, recipe, sent(request, body))

    return Route("/v1/webhooks/{token}/{format_name}", report, methods=[*METHODS])


def _check_method(webhook: Webhook, method: str) -> None:
    if method not in webhook.methods:
        allowed = ", ".join(webhook.methods)
        raise Problem(405, "method_not_allowed", f"this webhook is called by {allowed}", {"Allow": allowed})


async def _taken(gate: Gate, caller: Caller, recipe: Recipe, request: Sent) -> Response:
    """The reports of a request. 200 when they are kept for good; malformed ones are kept too.

    A request is refused where nothing of it could be taken: what is wrong beside what was taken is kept, and the
    same once more would help nobody.
    """
    intake, webhook = gate.intake(caller), recipe.webhook or Webhook()
    receipt = caller.carrier.receipt(DOOR, now_ms())
    try:
        payloads = await beside(request.body, payloads_of, recipe, request, caller.secret)
    except Forbidden as forged:
        raise gate.forged(caller, str(forged)) from None
    except (BadItem, Problem) as bad:
        await intake.keep(receipt, bad.code, kept_as(recipe, request))
        return _refused(webhook, refusal(bad))
    gate.charge(caller, len(payloads) - 1)
    answers = await intake.take(caller.carrier, receipt, payloads, recipe.parse)
    for payload, answer in zip(payloads, answers, strict=True):
        if answer.result is not Result.REJECTED:
            await intake.keep_facts(recipe, receipt, payload)
    await intake.keep_rejected(caller.carrier, receipt, payloads, answers)
    if answers and all(answer.result is Result.REJECTED for answer in answers):
        problem = Problem(400, answers[0].code or "", answers[0].message or "")
        return _refused(webhook, problem, field=answers[0].field or "")
    return _accepted(webhook, payloads, answers)


def described(recipes: Iterable[Recipe]) -> dict[str, Any]:
    """The paths of the description: one for each recipe that has a webhook."""
    return {
        f"/v1/webhooks/{{token}}/{recipe.format}": {
            method.lower(): _operation(recipe, recipe.webhook, method) for method in recipe.webhook.methods
        }
        for recipe in recipes
        if recipe.webhook is not None
    }


def _operation(recipe: Recipe, webhook: Webhook, method: str) -> dict[str, Any]:
    token = {
        "name": "token", "in": "path", "required": True, "description": "Your webhook token, `bw_…`.",
        "schema": {"type": "string", "maxLength": 100},
    }  # fmt: skip
    suffix = "" if method == "POST" else f"_by_{method.lower()}"
    described: dict[str, Any] = {
        "tags": ["vendors"],
        "operationId": f"{recipe.format}_webhook{suffix}",
        "summary": f"Webhook of {recipe.title}",
        "description": "200 when what it reports is kept for good; what is malformed is kept too.",
        "parameters": [token],
        "responses": _responses(webhook),
    }
    pair = _sample(recipe.format)
    described["parameters"] += [
        {"name": name, "in": "header", "schema": {"type": "string"}, "example": value}
        for name, value in pair.get("headers", {}).items()
    ]
    if method != "GET":
        content = {
            kind: {
                "schema": {"type": "object"},
                **({"example": pair["payload"]} if "payload" in pair else {}),
            }
            for kind in MEDIA_TYPES[webhook.body]
        }
        described["requestBody"] = {"required": True, "content": content}
    return described


def _sample(format_name: str) -> dict[str, Any]:
    """What a format of ours reports, by its golden pairs; nothing of one whose tables lie elsewhere."""
    return next((pair for pair in golden(format_name) if "scan" in pair and "payload" in pair), {})


def _responses(webhook: Webhook) -> dict[str, Any]:
    """What a webhook may answer, by its status."""
    reply = webhook.reply or Reply()
    schema = {"type": "object" if reply.text is None else "string"}
    answer = {"description": "Kept for good.", "content": {reply.media_type: {"schema": schema}}}
    statuses = {404, 405, 408, 413, 429, 431, 503}
    statuses |= set() if webhook.never_refuse else {400}
    statuses |= set() if webhook.signature is None else {401}
    return {str(reply.status): answer} | {str(status): PROBLEM_RESPONSE for status in sorted(statuses)}


def _accepted(webhook: Webhook, payloads: Sequence[Any], answers: Sequence[Answer]) -> Response:
    """What the vendor wants to hear, or what became of each report."""
    if webhook.reply is not None:
        return _reply(webhook.reply, payloads[0] if payloads else {}, answers[0] if answers else NO_EVENT)
    if len(answers) > 1:
        return JSONResponse({"results": [answer.as_json() for answer in answers]})
    return JSONResponse((answers[0] if answers else NO_EVENT).as_json())


def _reply(reply: Reply, payload: Any, answer: Answer) -> Response:
    """What the vendor wants to hear, and what we found that it should know."""
    more: dict[str, Any] = {}
    if answer.code in FOUND:
        more = {"finding": answer.code, "message": answer.message}
    if not answer.steers:
        more["steers"] = False
    return Response(
        replies.written(reply, payload, more), reply.status, dict(reply.headers), reply.media_type
    )


def _refused(webhook: Webhook, problem: Problem, **more: Any) -> Response:
    """400, or what ends the repeating of a vendor that would repeat it for ever; it is kept either way."""
    if not webhook.never_refuse:
        return problem.response(kept=True, **more)
    if webhook.reply is not None:
        return _reply(webhook.reply, {}, NO_EVENT)
    return JSONResponse(
        {"result": "rejected", "code": problem.code, "message": problem.detail, "kept": True}
    )
