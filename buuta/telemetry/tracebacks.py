"""Tracebacks as they may be logged: where, and the kinds of errors. What a library says can hold the data that it
stumbled over, so only our own errors are quoted; they never repeat a value."""

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from buuta.errors import BuutaError

MOST: Final = 10
"""Errors of a chain that are shown, from the one that was raised back to its causes."""
Raised = tuple[type[BaseException], BaseException, TracebackType | None]
"""As `sys.exc_info()` has it."""


def named(why: BaseException) -> str:
    """The kind of an error, and of ours what it says."""
    return f"{type(why).__name__}: {why}" if isinstance(why, BuutaError) else type(why).__name__


def shown(exc_info: Raised) -> str:
    """A traceback with those of its causes before it."""
    return "\n".join(reversed([_one(each) for each in _chain(exc_info[1])]))


def _chain(why: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = why
    for _ in range(MOST):
        if each is None:
            return
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _one(why: BaseException) -> str:
    inner = [_indented(shown((type(each), each, each.__traceback__))) for each in _inner(why)]
    frames = "".join(traceback.format_tb(why.__traceback__))
    return "\n".join([f"Traceback (most recent call last):\n{frames.rstrip()}", *inner, named(why)])


def _inner(why: BaseException) -> tuple[BaseException, ...]:
    return why.exceptions[:MOST] if isinstance(why, BaseExceptionGroup) else ()


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.splitlines())
