"""Taking personal fields out of a payload before it is kept, by the names that its recipe declares."""

from collections.abc import Mapping, Set
from typing import Any


def without_personal(payload: Any, names: Set[str]) -> Any:
    """The payload without the fields of these names (case-folded), at whatever depth they lie."""
    if isinstance(payload, Mapping):
        return {
            name: without_personal(value, names)
            for name, value in payload.items()
            if not (isinstance(name, str) and name.casefold() in names)
        }
    if isinstance(payload, list):
        return [without_personal(value, names) for value in payload]
    return payload
