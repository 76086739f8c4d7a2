"""Whether two EPCIS events of one `eventID` say the same, and in which fields they do not.

Everything that the standard has counts: an id names one event (EPCIS 2.0, 7.4.1.1), and who sends another one under
it must hear of that. When it was recorded does not count, nor that it was declared wrong: an error declaration
repeats the event under its id (7.4.1.4).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.ingest.domain.epcis import Event
from services.ingest.domain.single import time_of

LEFT_OUT: Final = frozenset({"event_id", "error", "recorded_at", "turn", "event_time"})
UNORDERED: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
MARK_BYTES: Final = 6
"""Of a field's mark; the chance that two contents have the same is 1 in 10^14."""


def said(event: Event, key: bytes) -> Sequence[str]:
    """What an event says, a field each as `name mark`, in the order of their names.

    `key` is a secret of the event's id, so that no content can be found by trying.
    """
    return sorted(f"{name} {_mark(text, key)}" for name, text in _fields(event))


def _mark(text: str, key: bytes) -> str:
    return hashlib.blake2b(text.encode(), key=key, digest_size=MARK_BYTES).hexdigest()


def _fields(event: Event) -> Iterator[tuple[str, str]]:
    yield "eventTime", str(time_of(event).ms)
    for name, value in event.model_dump(by_alias=True, exclude=set(LEFT_OUT)).items():
        if value not in (None, []):
            plain: Any = sorted(value) if name in UNORDERED else value
            yield name, json.dumps(plain, sort_keys=True)


def differing(one: Sequence[str], other: Sequence[str]) -> Sequence[str]:
    """The names of the fields in which two events differ; none where they say the same."""
    if one == other:
        return ()
    first, second = _by_name(one), _by_name(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _by_name(fields: Sequence[str]) -> Mapping[str, str]:
    return dict(field.rsplit(" ", 1) for field in fields)


def told(names: Sequence[str]) -> str:
    """What the sender of the second hears."""
    return (
        f"an event of this eventID was captured before with another {', '.join(names)}; it stands, and this one "
        "was not captured: give it an id of its own, or declare the first one wrong (errorDeclaration)"
    )
