"""What a report is not refused for: fields that are left out where they do not fit, with a note.

A report tells that a parcel moved; a code of a place that is none is no reason to refuse that. What would make it
another report is never left out: its number, code and time, an id that knows it, that it is provisional, and what
it corrects and how.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.checked import RULE_OF
from buuta.model.identifiers import normalise_number
from services.ingest.domain.notes import LEFT_OUT, Note
from services.ingest.domain.recipe import Report


def _is_number(said: Any) -> bool:
    try:
        normalise_number(said)
    except BadItem:
        return False
    return True


OPTIONAL: Final[Mapping[str, Callable[[Any], object]]] = {
    "facility": RULE_OF["facility"].fits,
    "province": RULE_OF["province"].fits,
    "commune": RULE_OF["commune"].fits,
    "attempt": RULE_OF["attempt"].fits,
    "distance_bucket": RULE_OF["distance_bucket"].fits,
    "proof_present": RULE_OF["proof_present"].fits,
    "linked_number": _is_number,
}
"""The fields of a `Report` that are left out where they do not fit, and what tells that they do."""

_said: Final = attrgetter(*OPTIONAL)


def fitted(report: Report) -> Report:
    """The report without what does not fit, and with a note of it."""
    wrong = _misfits(*_said(report))
    if not wrong:
        return report
    notes = [
        Note(name, f"{name}_invalid", f"{name} must be {RULE_OF[name].wanted}; {LEFT_OUT}")
        for name in wrong
    ]
    left_out: dict[str, Any] = dict.fromkeys(wrong)
    return report._replace(**left_out, notes=(*report.notes, *notes))


@lru_cache(maxsize=8_192, typed=True)
def _misfits(*said: Any) -> tuple[str, ...]:
    """The names of what does not fit; what the fields hold comes again and again."""
    fields = zip(OPTIONAL.items(), said, strict=True)
    return tuple(name for (name, fits), each in fields if each is not None and not fits(each))
