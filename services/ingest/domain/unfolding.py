"""A body of several events, taken apart: each event with what stands around it, in the shape that the body had.

So a report that is set aside is one event, and reads once more as it is.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from buuta.errors import BadItem
from services.ingest.domain.paths import EACH, Path, Step
from services.ingest.domain.texts import text_of

MOST_REPORTS: Final = 1_000
MOST_BESIDE: Final = 5_000_000
"""Bytes of what stands around events, told with each of them."""
Chain = Sequence[Step]


def chain_of(paths: Sequence[Path]) -> Chain:
    """The lists that the fields of a format go through, one in the other.

    Raises:
        ValueError: they go through lists that lie side by side, so that nothing says which belong together.
    """
    longest = max((path for path in paths), key=lambda path: len(path.chain), default=None)
    if longest is None:
        return ()
    for path in paths:
        if path.chain != longest.chain[: len(path.chain)]:
            raise ValueError(
                f"{path.text} and {longest.text} go through two lists: an event is one line of one list, whose "
                "fields stand in it or around it"
            )
    return longest.chain


def unfold(chain: Chain, body: Any) -> list[Any]:
    """The events of a body, or of an array of them; none where its list is empty.

    Raises:
        BadItem: there are too many, or too much is told with each.
    """
    bodies = body if isinstance(body, list) else [body]
    found = [event for each in bodies for event in _each(chain, each)] if chain else bodies
    if len(found) > MOST_REPORTS:
        raise BadItem(
            "too_many_reports", f"the body holds more than {MOST_REPORTS} reports; send less at once"
        )
    return found


def _each(chain: Chain, body: Any) -> Iterator[Any]:
    beside = _beside(chain, body)[1]
    if beside > MOST_BESIDE:
        raise BadItem(
            "too_many_reports",
            f"what stands around the events of this body has more than {MOST_BESIDE} bytes, counted with each; "
            "send less at once",
        )
    yield from _narrowed(chain, body)


def _narrowed(chain: Chain, value: Any) -> Iterator[Any]:
    """The value, once for each way through it; where the way ends before, as it is, and its fields are missing."""
    if not chain:
        yield value
        return
    step, rest = chain[0], chain[1:]
    if step is EACH:
        yield from ([each] for held in _lines(value) for each in _narrowed(rest, held))
    elif isinstance(step, str) and isinstance(value, dict) and step in value:
        yield from ({**value, step: each} for each in _narrowed(rest, value[step]))
    elif isinstance(step, int) and isinstance(value, list) and 0 <= step < len(value):
        yield from ([*value[:step], each] for each in _narrowed(rest, value[step]))
    else:
        yield value


def _lines(value: Any) -> Sequence[Any]:
    """A list; what stands where one could be is the only one of it."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _beside(chain: Chain, value: Any) -> tuple[int, int]:
    """How many events there are, and the bytes of what stands around them, counted with each."""
    if not chain:
        return 1, 0
    step, rest = chain[0], chain[1:]
    if step is EACH:
        found = [_beside(rest, each) for each in _lines(value)]
        return sum(events for events, _ in found), sum(size for _, size in found)
    if not isinstance(step, str) or not isinstance(value, dict) or step not in value:
        return 1, 0
    events, size = _beside(rest, value[step])
    if events < 2:
        return events, size
    around = text_of({name: each for name, each in value.items() if name != step}, MOST_BESIDE)
    return events, size + events * (MOST_BESIDE if around is None else len(around))
