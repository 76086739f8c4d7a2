"""Taking personal fields out of a payload before it is kept, and out of what is shown of it.

A vendor's payload loses the fields that its recipe names. Of an item of our own only the fields that an item has
are kept: its private ones are wanted when it is read once more, and are not shown.
"""

import json
from collections.abc import Mapping, Set
from typing import Any, Final

from buuta.model.shown import shown_name
from services.ingest.domain.details import Details
from services.ingest.domain.item import ScanItem, read_item
from services.ingest.domain.recipe import Recipe

ITEM: Final = frozenset({"number", "code", "occurred_at"})
FIELDS: Final = frozenset(ScanItem.model_fields)
PRIVATE: Final = frozenset({"place", *Details._fields})
HIDDEN: Final = "(kept, not shown)"


def kept(recipe: Recipe, payload: Any, *, are_items: bool = False) -> Any:
    """What is kept of a payload: what came as an item of our own (`are_items`), or in its format, as an item."""
    if are_items or recipe.parse is read_item:
        return of_item(payload)
    return without_personal(payload, recipe.personal)


def without_personal(payload: Any, names: Set[str]) -> Any:
    """The payload without the fields of these names (case-folded), at whatever depth they lie.

    What is meant as an item of our own is kept as one, whoever sent it.
    """
    return of_item(payload) if is_item(payload) else _without(payload, names)


def of_item(payload: Any) -> Any:
    """What is kept of what came as an item of our own, however wrongly it is spelt.

    An item keeps its fields; what else it has is known by name and empty, so that it stays refused.
    """
    if not isinstance(payload, Mapping):
        return payload
    return {name if name in FIELDS else shown_name(str(name)): value if name in FIELDS else None
            for name, value in payload.items()}  # fmt: skip


def is_item(payload: Any) -> bool:
    """Whether it is meant as an item of our own: it has two of the three fields that each must have."""
    return isinstance(payload, Mapping) and len(ITEM & payload.keys()) > 1


def _without(payload: Any, names: Set[str]) -> Any:
    if isinstance(payload, Mapping):
        return {
            name: _without(value, names)
            for name, value in payload.items()
            if not (isinstance(name, str) and name.casefold() in names)
        }
    if isinstance(payload, list):
        return [_without(value, names) for value in payload]
    return payload


def shown(plain: bytes) -> str:
    """A kept payload as it may be shown: without what the fields say that are private in an item of our own.

    Whether it was meant as one is not asked: it may lack the very fields that would tell.
    """
    try:
        said = json.loads(plain)
    except (ValueError, RecursionError):
        return plain.decode("utf-8", "replace")
    if not isinstance(said, Mapping):
        return plain.decode("utf-8", "replace")
    return json.dumps(
        {name: HIDDEN if name in PRIVATE and value else value for name, value in said.items()},
        ensure_ascii=False,
    )
