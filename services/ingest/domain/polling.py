"""How a carrier that only answers questions is asked, as data of its recipe, and how long to wait if it fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem
from services.ingest.domain.fields import at, is_storable

LONGEST_PAUSE: Final = 900.0
LONGEST_POSITION: Final = 500
MOST_ITEMS: Final = 10_000
"""Of a page, whatever was asked for."""


@dataclass(frozen=True)
class Polling:
    """A shape of HTTP JSON: `GET url?after=POSITION&limit=N` answers with items and the next position.

    `items` and `next` are paths of names with dots into the answer, `after` and `limit` names of the query;
    `page` is how many are asked for at once, `per_second` how many requests a second the carrier allows.
    """

    items: str = "items"
    next: str = "next"
    after: str = "after"
    limit: str = "limit"
    page: int = 500
    per_second: float = 1.0


class Page(NamedTuple):
    """What one answer holds; `position` is None where it names no further one."""

    items: Sequence[Any]
    position: str | None


def read_page(polling: Polling, answer: Any) -> Page:
    """Take an answer apart.

    Raises:
        BadItem: it has another shape than the recipe says.
    """
    items = at(answer, polling.items)
    if not isinstance(items, list):
        raise BadItem("answer_invalid", f"the answer has no list at {polling.items}")
    if len(items) > MOST_ITEMS:
        raise BadItem("answer_invalid", f"the answer has more than {MOST_ITEMS} items at {polling.items}")
    position = at(answer, polling.next)
    if position is None or position == "":
        return Page(items, None)
    return Page(items, _position(polling, position))


def _position(polling: Polling, position: Any) -> str:
    """The position as text that can be kept: a page whose position cannot would be taken again for ever."""
    if isinstance(position, bool) or not isinstance(position, str | int):
        raise BadItem("answer_invalid", f"the answer's {polling.next} is no text or whole number")
    read = str(position)
    if len(read) > LONGEST_POSITION or not is_storable(read):
        raise BadItem(
            "answer_invalid",
            f"the answer's {polling.next} must have at most {LONGEST_POSITION} characters, without NUL and without "
            "lone surrogates",
        )
    return read


def pause(failures: int, every: float, asked: float | None, chance: float) -> float:
    """Seconds until a carrier is asked again after so many failures in a row.

    As long as it asked for (`Retry-After`), else twice as long each time; `chance` from 0 to 1 spreads
    those who fail together over half of it.
    """
    if asked is not None:
        return min(max(asked, 1.0), 4 * LONGEST_PAUSE)
    longest = max(min(every * 2.0 ** min(failures, 20), LONGEST_PAUSE), every)
    return longest * (0.5 + chance / 2)
