"""The golden pairs of every carrier: what comes in, and what becomes of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.ingest.carriers import RECIPES
from services.ingest.carriers.loading import golden
from services.ingest.domain.recipe import Recipe


@dataclass(frozen=True)
class Pair:
    """One payload; `scan` holds what the scan must say, `becomes` what its answer says where there is none."""

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    scan: Mapping[str, Any] = field(default_factory=dict)
    becomes: str = "accepted"
    code: str | None = None
    reply: Mapping[str, str] | None = None
    same_event_as: str | None = None

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body.encode() if self.body else json.dumps(self.payload).encode()


def _pairs() -> Iterator[tuple[Recipe, Pair]]:
    for recipe in RECIPES.values():
        for raw in golden(recipe.format):
            yield recipe, Pair(**raw)


PAIRS: Final = list(_pairs())
WEBHOOK_PAIRS: Final = [(recipe, pair) for recipe, pair in PAIRS if recipe.webhook is not None]


def named(pair: object) -> str:
    """How a test's case is called."""
    return pair.name if isinstance(pair, Pair) else getattr(pair, "format", "")
