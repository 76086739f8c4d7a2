"""Bodies of vendors as they come: JSON, forms and multipart forms, whatever the header says of them.

A body that begins like JSON is JSON; one that begins with `--` a multipart form; what has an `=` or `&` a form.
"""

import re
from codecs import BOM_UTF8
from typing import Any, Final
from urllib.parse import parse_qsl

from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.domain.webhook import Webhook

MOST_FIELDS: Final = 1_000
JSON: Final = (b"{", b"[", b'"')
FORM: Final = re.compile(rb"[=&]")
NAME: Final = re.compile(rb"""\bname="?([^";\r\n]*)"?""", re.IGNORECASE)
BEGINS_LIKE_JSON: Final = re.compile(r"[ \t\r\n]*[\[{]")


def read_text_body(webhook: Webhook, body: bytes) -> Any:
    """The values of a body; a form's field that holds JSON is opened, unless the recipe names those that do.

    Raises:
        Problem: it is none of these, or has too many fields.
    """
    plain = body.removeprefix(BOM_UTF8).lstrip()
    if plain.startswith(b"--"):
        fields = _multipart(plain)
    elif plain.startswith(JSON) or b"\x00" in plain[:4] or not FORM.search(plain):
        return _json(body)
    else:
        fields = form(plain)
    return fields if webhook.json_in else _with_inner(fields)


def form(body: bytes) -> dict[str, str]:
    """An `application/x-www-form-urlencoded` body; of a field sent twice the last counts.

    Raises:
        Problem: it has too many fields.
    """
    text = body.decode("utf-8", "replace")
    if text.count("&") >= MOST_FIELDS:
        raise _too_many()
    return dict(parse_qsl(text.strip(), keep_blank_values=True))


def _json(body: bytes) -> Any:
    """JSON; what is a text of it that is JSON once more is read once more."""
    value = parse_json(body)
    if isinstance(value, str) and BEGINS_LIKE_JSON.match(value):
        return parse_json(value.encode("utf-8", "replace"))
    return value


def _multipart(body: bytes) -> dict[str, str]:
    """A `multipart/form-data` body (RFC 7578), by the boundary that it begins with.

    Raises:
        Problem: it has too many fields, or is not parted by it.
    """
    boundary = body.split(b"\n", 1)[0].rstrip()
    parts = body.split(boundary)
    if len(parts) > MOST_FIELDS:
        raise _too_many()
    found = dict(_field(part) for part in parts[1:] if b"=" in part)
    if not found:
        raise Problem(400, "body_not_form", "the body begins like a multipart form and has no field")
    return found


def _field(part: bytes) -> tuple[str, str]:
    head, _, content = part.replace(b"\r\n", b"\n").partition(b"\n\n")
    named = NAME.search(head)
    name = b"" if named is None else named[1]
    return name.decode("utf-8", "replace"), content.removesuffix(b"\n").decode("utf-8", "replace")


def _with_inner(fields: dict[str, str]) -> Any:
    """The fields; where one of them holds JSON (`data={...}`), what it holds stands in its place.

    An object's fields go before none of the form's own; an array is as many reports.
    """
    inner = [name for name, text in fields.items() if BEGINS_LIKE_JSON.match(text)]
    if len(inner) != 1:
        return fields
    [name] = inner
    try:
        held = parse_json(fields[name].encode("utf-8", "replace"))
    except Problem:
        return fields
    beside = {each: text for each, text in fields.items() if each != name}
    if isinstance(held, dict):
        return {**held, **beside}
    return [{**each, **beside} if isinstance(each, dict) else each for each in held]


def _too_many() -> Problem:
    return Problem(400, "too_many_fields", f"the form has more than {MOST_FIELDS} fields")
