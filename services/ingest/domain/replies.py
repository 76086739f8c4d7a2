"""What a vendor wants to hear, with fields of its own report in it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

from services.ingest.domain.fields import as_said
from services.ingest.domain.paths import Path, read_path
from services.ingest.domain.webhook import Reply

PLACEHOLDER: Final = re.compile(r"\$\{([^{}]{1,300})\}")
LONGEST: Final = 300
"""Of a field that is repeated."""


def placeholders(reply: Reply | None) -> Sequence[Path]:
    """The fields that a reply repeats.

    Raises:
        BadPath: what stands behind a `$` is none.
    """
    if reply is None:
        return ()
    found = PLACEHOLDER.findall(reply.text or "")
    return [read_path(text) for text in [*found, *_named(reply.fields)]]


def _named(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [name for each in value.values() for name in _named(each)]
    if isinstance(value, list):
        return [name for each in value for name in _named(each)]
    return [value[1:]] if isinstance(value, str) and value.startswith("$") else []


def written(reply: Reply, payload: Any, more: Mapping[str, Any]) -> str:
    """The reply as text; `more` is what we found that the vendor should know, for which only JSON has room."""
    if reply.text is not None:
        return PLACEHOLDER.sub(lambda found: _in_text(reply, payload, found[1]), reply.text)
    return json.dumps({**_filled(reply.fields or {}, payload), **more}, ensure_ascii=False)


def _in_text(reply: Reply, payload: Any, path: str) -> str:
    said = _said(payload, path)
    return (
        escape(said, {'"': "&quot;"}) if "xml" in reply.media_type or "html" in reply.media_type else said
    )


def _filled(value: Any, payload: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(each, payload) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, payload) for each in value]
    if isinstance(value, str) and value.startswith("$"):
        return _said(payload, value[1:])
    return value


def _said(payload: Any, path: str) -> str:
    return (as_said(read_path(path).get(payload)) or "")[:LONGEST]
