"""Whose code it is that a stack shows, and what is exempt.

A stack runs from the event loop through the coroutines that wait for each other to the innermost call. The
innermost frame of a service or of the library is blamed. Exempt are

- the tests' own work: a stack whose innermost frame of ours is a test's or a stand-in's (`buuta/embedded`,
  `buuta/demo`), and a plain function that a test calls itself; what a test awaits is not exempt;
- start-up: imports, and what `wire` of a service does before it serves.

A stack without a frame of ours is a library's callback, and nobody's work but the service's that uses it.
"""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

ROOT: Final = f"{Path(__file__).parents[2]}/"
OURS: Final = ("buuta/", "services/")
GUARDS: Final = "tests/guards/"
STANDS_IN: Final = ("tests/", "benchmarks/", "buuta/embedded/", "buuta/demo/")
AWAITED: Final = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
IMPORT: Final = "<frozen importlib._bootstrap>"
LIBRARY: Final = "a library"


class Step(NamedTuple):
    """A frame of a stack: file (below the repository if it is ours), line, function, and whether it is awaited."""

    file: str
    line: int
    function: str
    awaited: bool

    @property
    def of_tests(self) -> bool:
        """Whether a test or a stand-in runs here."""
        return self.file.startswith(STANDS_IN) and not self.file.startswith(GUARDS)

    @property
    def of_service(self) -> bool:
        """Whether a service or the library runs here."""
        return self.file.startswith(OURS) and not self.of_tests

    @property
    def starts_up(self) -> bool:
        """Whether a module is imported, or a service is wired."""
        wires = self.function == "wire" and self.file.startswith("services/")
        return wires or self.file == IMPORT

    def __str__(self) -> str:
        return f"  {self.file}:{self.line} in {self.function}"


def steps(frame: FrameType | None) -> list[Step]:
    """A stack, the outermost frame first."""
    return list(_outwards(frame))[::-1]


def _outwards(frame: FrameType | None) -> Iterator[Step]:
    while frame is not None:
        code = frame.f_code
        yield Step(
            _below(code.co_filename), frame.f_lineno or 0, code.co_name, bool(code.co_flags & AWAITED)
        )
        frame = frame.f_back


def _below(file: str) -> str:
    inside = file.startswith(ROOT) and not file.startswith(f"{ROOT}.venv/")
    return file.removeprefix(ROOT) if inside else file


def blamed(stack: Sequence[Step]) -> str | None:
    """Where to look, as `file:function`; None if the stack is exempt."""
    last_test = max((place for place, step in enumerate(stack) if step.of_tests), default=-1)
    inner = [step for step in stack[last_test + 1 :] if step.of_service]
    if any(step.starts_up for step in stack):
        return None
    if not inner:
        return LIBRARY if last_test < 0 else None
    if last_test >= 0 and not inner[0].awaited:
        return None
    return f"{inner[-1].file}:{inner[-1].function}"


def shown(stack: Sequence[Step]) -> list[str]:
    """A stack for people: ours, and what is called last."""
    ours = [step for step in stack if step.of_service or step.of_tests]
    return [str(step) for step in (*ours, *(stack[-1:] if stack[-1:] != ours[-1:] else ()))]
