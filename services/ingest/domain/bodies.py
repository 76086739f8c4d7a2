"""What of a request is the payload: its body, with those of its headers and of its query that are fields of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from buuta.errors import BadItem
from services.ingest.domain.webhook import Webhook

LONGEST: Final = 200
"""Of a header or a value of the query."""
ReadJson = Callable[[bytes], Any]


def assembled(
    webhook: Webhook, body: Any, headers: Mapping[str, str], query: Mapping[str, str], read_json: ReadJson
) -> Any:
    """The payload: an object, or an array of objects.

    Raises:
        BadItem: it is neither, or a field that holds JSON holds none.
    """
    named = ((webhook.headers, headers), (webhook.query, query))
    fields = {name: said[name][:LONGEST] for names, said in named for name in names if name in said}
    if isinstance(body, list):
        return [_whole(webhook, each, fields, read_json) for each in body]
    return _whole(webhook, body, fields, read_json)


def _whole(webhook: Webhook, body: Any, fields: Mapping[str, str], read_json: ReadJson) -> Any:
    if not isinstance(body, dict):
        raise BadItem("body_not_object", "the body is one JSON object, or an array of them")
    inner = {name: _json(body[name], name, read_json) for name in webhook.json_in if name in body}
    return {**body, **inner, **fields} if inner or fields else body


def _json(text: Any, name: str, read_json: ReadJson) -> Any:
    return read_json(text.encode("utf-8", "replace")) if isinstance(text, str) else text
