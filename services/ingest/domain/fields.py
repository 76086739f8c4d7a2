"""Reading one field of a vendor's payload."""

from collections.abc import Mapping
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.shapes import WANTED, fits

LONGEST = 300
SPACE: Final = 1_000
"""So much space may stand around a text."""
MOST_BITS: Final = 512
"""Of a whole number that is taken as text: some 150 digits. Python makes no text of thousands."""
REQUIRED = object()


def text(payload: Mapping[str, Any], name: str, default: Any = REQUIRED, most: int = LONGEST) -> str:
    """The field as text without surrounding space; whole numbers are taken as text too.

    Raises:
        BadItem: missing, of another type, too long, or with characters that cannot be stored.
    """
    value = payload.get(name)
    if value is None or value == "":
        if default is REQUIRED:
            raise BadItem("field_missing", f"{name} is missing", name)
        return str(default)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadItem("field_not_text", f"{name} must be text or a whole number", name)
    if len(value) > most + SPACE if isinstance(value, str) else value.bit_length() > MOST_BITS:
        raise BadItem("field_too_long", f"{name} must have at most {most} characters", name)
    read = str(value).strip()
    if len(read) > most or not is_storable(read):
        raise BadItem(
            "field_not_storable",
            f"{name} must have at most {most} characters, without NUL and without lone surrogates",
            name,
        )
    return read


def at(payload: Any, path: str) -> Any:
    """What lies at a path of names with dots; None where the way ends before."""
    for name in path.split("."):
        payload = payload.get(name) if isinstance(payload, Mapping) else None
    return payload


def code(field: str, read: str | None) -> str | None:
    """A field that goes on as it is, so that it must be a code and no text that somebody typed; empty is None.

    Raises:
        BadItem: it is none.
    """
    if read and not fits(field, read):
        raise BadItem(f"{field}_invalid", f"{field} must be {WANTED[field]}", field)
    return read or None


def is_storable(read: str) -> bool:
    """Whether UTF-8 and PostgreSQL can write a text: it has no NUL and no lone surrogate."""
    if "\x00" in read:
        return False
    try:
        read.encode()
    except UnicodeEncodeError:
        return False
    return True
