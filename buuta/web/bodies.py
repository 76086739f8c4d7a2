"""Request bodies with a limit, and JSON that a hostile sender cannot break us with.

A body is parsed in C, which lets no other thread go on meanwhile: not even beside the event loop. What costs most
there is counted before: objects and arrays.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, ParamSpec, TypeVar

from starlette.requests import ClientDisconnect, Request

from buuta.model.rounded import read_fraction
from buuta.model.shown import shown_name
from buuta.web.problems import Problem, body_too_large

DEEPEST: Final = 64
"""Levels of arrays and objects in JSON."""
MOST_HOLDERS: Final = 100_000
"""Objects and arrays of one text, some 60 ms: five thousand EPCIS events have so many if they have twenty each."""
LARGE: Final = 64_000
"""Bytes; beyond them nothing is taken apart on the event loop, but in a thread."""
Pairs = Sequence[tuple[str, Any]]
"""An object's names and values as they stand in the text."""
Given = ParamSpec("Given")
Value = TypeVar("Value")


def refuse_twice(pairs: Pairs) -> NoReturn:
    """What becomes of an object that has a name twice: which of the values counts would be a guess.

    Raises:
        Problem: always; names the field.
    """
    raise Problem(400, "field_twice", told_twice(pairs))


def told_twice(pairs: Pairs) -> str:
    """What a sender hears of an object that has a name twice."""
    [(name, _), *_] = Counter(name for name, _ in pairs).most_common(1)
    return f"{shown_name(name)} stands twice in one object, and nobody can tell which of them counts: leave one out"


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a route that takes at most `limit` bytes.

    How long a body may take, and how large any may be, says the application's limit (`buuta/web/limits.py`).

    Raises:
        Problem: 413 when it is longer, 408 when it takes too long, 400 when the sender went away.
    """
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise body_too_large(limit)
            chunks.append(chunk)
    except ClientDisconnect as gone:
        raise Problem(400, "body_incomplete", "the body ended before its time") from gone
    return b"".join(chunks)


async def beside(
    body: bytes, work: Callable[Given, Value], *given: Given.args, **more: Given.kwargs
) -> Value:
    """Work on a body, beside the event loop where that is worth a thread."""
    if len(body) < LARGE:
        return work(*given, **more)
    return await asyncio.to_thread(work, *given, **more)


def parse_json(
    body: bytes, most: int | None = MOST_HOLDERS, twice: Callable[[Pairs], Any] = refuse_twice
) -> Any:
    """JSON text as Python values; what is odd in a single value is for the item's own check.

    `most` objects and arrays are read; None, however many, is for a process that serves nobody else. `twice` makes
    what stands for an object that has a name twice (RFC 8259 leaves open which of the values counts).

    Raises:
        Problem: 400 with the place where the text stops being JSON, 413 for too many objects and arrays.
    """

    def held(pairs: Pairs) -> Any:
        found = dict(pairs)
        return found if len(found) == len(pairs) else twice(pairs)

    if most is not None and body.count(b"{") + body.count(b"[") > most:
        raise Problem(
            413, "too_many_values", f"the body has more than {most} objects and arrays; send less at once"
        )
    try:
        text = body.decode(json.detect_encoding(body))
        value = json.loads(text, parse_int=_integer, parse_float=_fraction, object_pairs_hook=held)
    except UnicodeDecodeError as wrong:
        raise Problem(400, "body_not_utf8", f"the body is not UTF-8 at byte {wrong.start}") from None
    except json.JSONDecodeError as wrong:
        raise Problem(
            400, "body_not_json",
            f"the body is not JSON: {wrong.msg} at line {wrong.lineno} column {wrong.colno}",
        ) from None  # fmt: skip
    except RecursionError:
        raise _too_deep() from None
    if isinstance(value, dict | list) and not _is_flat(value):
        raise _too_deep()
    return value


def _too_deep() -> Problem:
    return Problem(400, "body_too_deep", f"the body nests deeper than {DEEPEST} levels")


def _is_flat(value: Any) -> bool:
    """Whether nothing lies deeper than may be; level by level, since a recursion is what we are kept from."""
    level = [value]
    for _ in range(DEEPEST):
        held = [each.values() if isinstance(each, dict) else each for each in level]
        level = [child for each in held for child in each if isinstance(child, dict | list)]
        if not level:
            return True
    return False


def _fraction(digits: str) -> float:
    """As the model has it; asked for each, it lets other threads go on."""
    return read_fraction(digits)


def _integer(digits: str) -> int | float:
    """Integers of any length: those beyond 64 bits become floats and fail the item's own check."""
    return int(digits) if len(digits) < 19 else float(digits)
