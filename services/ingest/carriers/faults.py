"""What is wrong in a recipe, in sentences that say what to fix."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from buuta.faults import said_of


def sentences(wrong: ValidationError) -> Iterator[str]:
    """A sentence for each thing that is wrong, with its place."""
    for each in wrong.errors(include_url=False):
        place = ".".join(map(str, each["loc"]))
        yield f"{place}: {_said(each)}" if place else _said(each)


def _said(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such key; docs/recipes.md has those that there are"
    return said_of(error)
