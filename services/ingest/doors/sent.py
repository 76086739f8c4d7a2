"""A vendor's request as payloads: its body read, its signature checked, its events taken apart."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from buuta.errors import BadItem
from buuta.web.bodies import parse_json
from buuta.web.packing import unpacked
from buuta.web.problems import Problem
from services.ingest.domain.bodies import assembled
from services.ingest.domain.recipe import Recipe
from services.ingest.domain.vendor_signature import Seen, check_vendor
from services.ingest.domain.webhook import Webhook
from services.ingest.domain.xml import read_xml
from services.ingest.doors.forms import form, read_text_body

MOST_BYTES: Final = 256 * 1024
"""Of a body, packed or not."""


@dataclass(frozen=True, repr=False)
class Sent:
    """A request as it came; never printed, since its query may hold a secret."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    method: str
    path: str


def sent(request: Request, body: bytes) -> Sent:
    """The request; of a name that stands twice in its query the last counts."""
    query = form(request.scope["query_string"]) if request.scope["query_string"] else {}
    return Sent(body, request.headers, query, request.method, request.url.path)


def payloads_of(recipe: Recipe, request: Sent, secret: str) -> list[Any]:
    """The events of a request; `secret` is what its vendor signs with.

    Raises:
        Problem, BadItem: it cannot be read.
        Forbidden: the recipe wants a signature, and this has none that fits.
    """
    webhook = recipe.webhook or Webhook()
    body: Any = {}
    try:
        body = _body(webhook, request)
    finally:
        # Whoever has not signed hears nothing else, and nothing of theirs is kept.
        _check(webhook, request, secret, body)
    return recipe.unfold(assembled(webhook, body, request.headers, request.query, parse_json))


def _body(webhook: Webhook, request: Sent) -> Any:
    if request.method == "GET":
        return request.query
    body = unpacked(request.body, request.headers.get("content-encoding", ""), MOST_BYTES)
    return read_xml(body) if webhook.body == "xml" else read_text_body(webhook, body)


def _check(webhook: Webhook, request: Sent, secret: str, body: Any) -> None:
    if webhook.signature is not None:
        seen = Seen(request.method, request.path, request.headers, request.query, body, request.body)
        check_vendor(webhook.signature, secret, seen, time.time())


def kept_as(recipe: Recipe, request: Sent) -> bytes:
    """What is kept of a request that cannot be read; of a query without what is personal or a secret."""
    if request.body:
        return request.body
    names = recipe.personal
    return json.dumps(
        {name: text for name, text in request.query.items() if name.casefold() not in names}
    ).encode()


def refusal(wrong: BadItem | Problem) -> Problem:
    """What the vendor hears of a request that cannot be read."""
    return wrong if isinstance(wrong, Problem) else Problem(400, wrong.code, str(wrong))
