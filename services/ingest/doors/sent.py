"""A vendor's request as payloads: its body read, its signature checked, its events taken apart."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request

from buuta.errors import BadItem
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.domain.bodies import assembled
from services.ingest.domain.recipe import Recipe
from services.ingest.domain.vendor_signature import Seen, check_vendor
from services.ingest.domain.webhook import Webhook
from services.ingest.domain.xml import read_xml

MOST_FIELDS: Final = 1_000


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


READERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "json": parse_json,
    "form": form_or_json,
    "xml": read_xml,
}


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
    return request.query if request.method == "GET" else READERS[webhook.body](request.body)


def _check(webhook: Webhook, request: Sent, secret: str, body: Any) -> None:
    if webhook.signature is not None:
        seen = Seen(request.method, request.path, request.headers, request.query, body, request.body)
        check_vendor(webhook.signature, secret, seen, time.time())


def kept_as(request: Sent) -> bytes:
    """What is kept of a request that cannot be read."""
    return request.body or json.dumps(dict(request.query)).encode()


def refusal(wrong: BadItem | Problem) -> Problem:
    """What the vendor hears of a request that cannot be read."""
    return wrong if isinstance(wrong, Problem) else Problem(400, wrong.code, str(wrong))
