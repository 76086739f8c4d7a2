"""Paths into a payload: `DATA.ORDER_NUMBER`, `shipments[].events[].code`, `lines[0].id`, `events[-1]."at.local"`.

Names stand between dots; `[0]` is the first of a list and `[-1]` its last; `[]` is each of a list. A name that has
a dot or a bracket in it stands in quotation marks. An object where a list could be is a list of that one: XML has
no other way to say one, and some vendors do the same in JSON.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

LONGEST: Final = 300
MOST_STEPS: Final = 20
EACH: Final = None
Step = str | int | None
"""A name, a place in a list, or each of a list."""
Get = Callable[[Any], Any]
STEP: Final = re.compile(r'(?:\A|\.)(?:"([^"]+)"|([^."\[\]]+))|\[(-?[0-9]{1,4})?\]')


class BadPath(ValueError):
    """What is no path; the message says why."""


@dataclass(frozen=True)
class Path:
    """A path as it is written, and the steps that it takes."""

    text: str
    steps: Sequence[Step]

    @property
    def chain(self) -> Sequence[Step]:
        """The steps up to its last list of which it goes through each; none where it goes through none."""
        ends = [place for place, step in enumerate(self.steps, 1) if step is EACH]
        return self.steps[: ends[-1]] if ends else ()

    @cached_property
    def last(self) -> str:
        """What it is called where a value is missing or wrong."""
        return next((step for step in reversed(self.steps) if isinstance(step, str)), self.text)

    @cached_property
    def get(self) -> Get:
        """Finds what lies there in a payload of one event; None where the way ends before."""
        return getter(self.steps)


def read_path(text: str) -> Path:
    """A path from its text.

    Raises:
        BadPath: says what is wrong with it.
    """
    if not text or len(text) > LONGEST:
        raise BadPath(f"a path has 1 to {LONGEST} characters")
    steps = list(_steps(text))
    if len(steps) > MOST_STEPS:
        raise BadPath(f"{text}: a path has at most {MOST_STEPS} steps")
    if not isinstance(steps[0], str):
        raise BadPath(f"{text}: begin with a name; an array of bodies is read as each of them")
    return Path(text, tuple(steps))


def _steps(text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        found = None if text.startswith(".") else STEP.match(text, at)
        if found is None:
            raise BadPath(
                f'{text}: a path is names with dots between, [0], [-1] or [] behind a name; "…" around an odd name'
            )
        quoted, plain, place = found.groups()
        yield quoted or plain or (EACH if place is None else int(place))
        at = found.end()


def getter(steps: Sequence[Step]) -> Get:
    """Finds what lies at these steps; of each of a list it takes the first, since one event has one."""
    if len(steps) == 1 and isinstance(steps[0], str):
        return _named(steps[0])
    ways = [_named(step) if isinstance(step, str) else _placed(step or 0) for step in steps]

    def get(payload: Any) -> Any:
        for way in ways:
            payload = way(payload)
            if payload is None:
                return None
        return payload

    return get


def _named(name: str) -> Get:
    """Of an object, or of a line of a file, whose columns may be written otherwise."""

    def get(payload: Any) -> Any:
        # A dictionary is told at once; any other mapping by its class.
        is_mapping = isinstance(payload, dict) or isinstance(payload, Mapping)  # noqa: SIM101
        return payload.get(name) if is_mapping else None

    return get


def _placed(place: int) -> Get:
    def get(payload: Any) -> Any:
        if not isinstance(payload, list):
            return payload if isinstance(payload, dict) and place in (0, -1) else None
        return payload[place] if -len(payload) <= place < len(payload) else None

    return get
