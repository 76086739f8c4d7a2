"""Reading one field of a vendor's payload."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.rounded import Rounded
from buuta.model.shapes import WANTED, fits

LONGEST = 300
SPACE: Final = 1_000
"""So much space may stand around a text."""
MOST_BITS: Final = 512
"""Of a whole number that is taken as text: some 150 digits. Python makes no text of thousands."""
EXACT: Final = 2.0**53
"""Up to here a float has all its digits."""
UNSEEN: Final = " \t\r\n\f\v\x1c\x1d\x1e\x1f\x85\xa0\u200b\u200c\u200d\u2060\ufeff"
"""What nobody sees around a text: space, and what stays behind where texts are copied."""
REQUIRED = object()


def text(payload: Mapping[str, Any], name: str, default: Any = REQUIRED, most: int = LONGEST) -> str:
    """The field as text without what nobody sees around it; numbers are taken as text too, `4.0` as `4`.

    Raises:
        BadItem: missing, of another type, too long, or with characters that cannot be stored; a number that has
            lost digits.
    """
    value = payload.get(name)
    if isinstance(value, float):
        value = written(value, name)
    if value is None or value == "":
        if default is REQUIRED:
            raise BadItem("field_missing", f"{name} is missing", name)
        return str(default)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadItem("field_not_text", f"{name} must be text or a number", name)
    if len(value) > most + SPACE if isinstance(value, str) else value.bit_length() > MOST_BITS:
        raise BadItem("field_too_long", f"{name} must have at most {most} characters", name)
    read = str(value).strip().strip(UNSEEN)
    if not read and default is REQUIRED:
        raise BadItem("field_missing", f"{name} is missing", name)
    if len(read) > most or not is_storable(read):
        raise BadItem(
            "field_not_storable",
            f"{name} must have at most {most} characters, without NUL and without lone surrogates",
            name,
        )
    return read or ("" if default is REQUIRED else str(default))


def as_said(value: Any) -> str | None:
    """A text or a number as it is compared; None where it is neither, or has more digits than are written out."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return None
    return str(value) if isinstance(value, str | int | float) else None


def as_exact(value: Any) -> str | None:
    """The same of a text or a whole number; None of a float, too."""
    return None if isinstance(value, float) else as_said(value)


def written(number: float, name: str) -> str:
    """A float as it was meant: whole without a fraction of nothing, and with all its digits.

    Raises:
        BadItem: it has lost digits, or is none.
    """
    if not isfinite(number):
        raise BadItem("field_not_text", f"{name} must be text or a number", name)
    if isinstance(number, Rounded) or abs(number) >= EXACT:
        raise BadItem(
            "field_lost_digits", f"{name} is a number that has lost digits; send it as text", name
        )
    return str(int(number)) if number.is_integer() else repr(float(number))


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
