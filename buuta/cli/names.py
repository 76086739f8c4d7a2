"""Names on the command line: one that does not exist is said so, and never answered with nothing."""

from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final

from buuta.errors import BadItem


class Named(StrEnum):
    """What has names that people type."""

    CARRIER = "carrier"
    SHIPPER = "shipper"
    OPERATOR = "operator"


NAMES: Final = {
    Named.CARRIER: "select code from carriers order by 1",
    Named.SHIPPER: "select code from shippers order by 1",
    Named.OPERATOR: "select name from operators order by 1",
}


async def must_exist(con: Any, kind: Named, name: str | None) -> None:
    """Check that there is one of that name; none at all is fine, where a name only narrows a list down.

    Raises:
        BadItem: there is none; the message names the one that resembles it, or how to see all.
    """
    if name is None:
        return
    known = [row[0] for row in await con.fetch(NAMES[kind])]
    if name not in known:
        raise BadItem(f"{kind}_unknown", no_such(kind, name, known))


def no_such(kind: str, name: str, known: list[str]) -> str:
    """The sentence on a name that does not exist."""
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else f": buuta {kind} list shows them"
    return f"there is no {kind} {name!r}{hint}"
