"""A payload as JSON text, up to a size: what is larger is not kept, and so not written out to its end.

The encoder is C, and lets no other thread go on meanwhile: what has many values is written piece by piece.
"""

import json
from typing import Any, Final

FEW: Final = 2_000
"""Values that are written at once: a millisecond at most."""
_encoder: Final = json.JSONEncoder()


def text_of(payload: Any, most: int) -> bytes | None:
    """The payload as ASCII; None where it has more than so many bytes."""
    parts: list[str] = []
    size = 0
    for part in [_encoder.encode(payload)] if _has_few(payload) else _encoder.iterencode(payload):
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return "".join(parts).encode("ascii")


def _has_few(payload: Any) -> bool:
    left, count = [payload], 0
    while left:
        each = left.pop()
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list | tuple) else ()
        count += len(inner)
        if count > FEW:
            return False
        left.extend(inner)
    return True
