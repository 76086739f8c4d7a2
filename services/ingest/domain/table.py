"""A carrier's format as a table: what of its payload is which field of a report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.statuses import Direction
from services.ingest.domain.codes import folded
from services.ingest.domain.details import Details
from services.ingest.domain.fields import LONGEST, as_exact, as_said, code
from services.ingest.domain.notes import Notes
from services.ingest.domain.origins import Origin, Part, names_of
from services.ingest.domain.recipe import Report
from services.ingest.domain.times import ISO, NOTHING, Apart, Times

REQUIRED: Final = ("number", "code", "time")
DETAILS: Final = ("digital_address", "latitude", "longitude", "plus_code", "note", "proof")
"""What goes to the vault; a table that names one of these reads them all."""
APART: Final = Apart._fields
LONGEST_NOTE, KEPT_OF_NOTE = 100_000, 1_000
"""A courier's essay is no reason to refuse a report."""
OPTIONAL: Final = (
    "place", "reason", "facility", "province", "commune", "attempt", "natural_id", "linked_number",
    "returning", "partial_return", *APART, *DETAILS,
)  # fmt: skip

MOST_DEGREES: Final = {"latitude": 90, "longitude": 180}
SAID: Final = frozenset({"true", "yes", "y", "1"})
DENIED: Final = frozenset({"false", "no", "n", "0", "", "null", "none"})


@dataclass(frozen=True)
class Ignored:
    """Where `origin` says one of `values` (`folded`), the payload is known to be no movement."""

    origin: Origin
    values: frozenset[str]

    def holds(self, payload: Any) -> bool:
        """Whether the payload is one of these."""
        said = as_exact(self.origin.value(payload))
        return said is not None and folded(said) in self.values


@dataclass(frozen=True)
class Table:
    """Where each field comes from, those of `REQUIRED` and some of `OPTIONAL`, and how times are written.

    The clock of a time, its offset from UTC and the name of its zone may stand in fields of their own.
    """

    fields: Mapping[str, Origin]
    times: Times = ISO
    ignored: Sequence[Ignored] = ()

    def parse(self, payload: Any) -> Report | None:
        """Read a payload of one event, or a line of a file by its columns; None where it is to be ignored.

        Raises:
            BadItem: a missing or malformed field, named as the carrier names it.
        """
        if self.ignored and any(each.holds(payload) for each in self.ignored):
            return None
        notes = Notes()
        spare = self._spare(payload, notes)
        if self._details_readers:
            spare["details"] = self._details(payload, notes)
        return Report(
            number=self._read(payload, "number"),
            raw_code=self._read(payload, "code"),
            time=self.times.read(self._moment(payload, "time"), self._apart(payload)),
            **spare,
            notes=tuple(notes),
        )

    def _spare(self, payload: Any, notes: Notes) -> dict[str, Any]:
        """The fields that need not be there, as a report names them; what does not fit is left out, with a note."""
        found = self._found(self._readers, payload, notes)
        if len(found.get("place", "")) > LONGEST:
            found["place"] = notes.cut("place", found["place"], LONGEST)
        return found

    def _found(self, readers: Sequence["Reader"], payload: Any, notes: Notes) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field, name, read in readers:
            try:
                found[name] = read(self, payload, field)
            except BadItem as bad:
                notes.left_out(field, bad)
        return found

    @cached_property
    def _readers(self) -> Sequence["Reader"]:
        return [(field, *SPARE[field]) for field in SPARE if field in self.fields]

    @cached_property
    def _details_readers(self) -> Sequence["Reader"]:
        return [(field, field, SPARE_DETAILS[field]) for field in DETAILS if field in self.fields]

    @cached_property
    def _has_apart(self) -> bool:
        return not self.fields.keys().isdisjoint(APART)

    def _details(self, payload: Any, notes: Notes) -> Details | None:
        found = self._found(self._details_readers, payload, notes)
        latitude, longitude = (found.get(each) for each in MOST_DEGREES)
        is_whole = latitude is not None and longitude is not None
        proof = found.get("proof")
        said = Details(
            found.get("digital_address") or None,
            latitude if is_whole else None,
            longitude if is_whole else None,
            found.get("plus_code") or None,
            found.get("note", "")[:KEPT_OF_NOTE] or None,
            (proof,) if proof else (),
        )
        return None if said == Details() else said

    def _degrees(self, payload: Any, field: str) -> float | None:
        """Degrees as a number or as text."""
        most = MOST_DEGREES[field]
        origin = self.fields.get(field)
        found = None if origin is None else origin.value(payload)
        if origin is None or found in (None, ""):
            return None
        try:
            degrees = float(found)
        except (TypeError, ValueError, OverflowError):
            degrees = nan
        if not -most <= degrees <= most:
            name = names_of(origin)
            raise BadItem(f"{field}_invalid", f"{name} must be degrees from -{most} to {most}", field)
        return degrees

    def _read(self, payload: Any, field: str, most: int = LONGEST) -> str:
        origin = self.fields.get(field)
        found = "" if origin is None else origin.read(payload, most)
        if not found and origin is not None and field in REQUIRED:
            name = names_of(origin)
            raise BadItem("field_missing", f"{name} is missing", origin.paths[0].text)
        return found

    def _text(self, payload: Any, field: str) -> str:
        """A text that may be long."""
        return self._read(payload, field, LONGEST_NOTE)

    def _code(self, payload: Any, field: str) -> str | None:
        """A field that goes on as it is, so that it must be a code and no text that somebody typed."""
        return code(field, self._read(payload, field))

    def _number(self, payload: Any, field: str) -> str | None:
        return self._read(payload, field) or None

    def _direction(self, payload: Any, field: str) -> Direction | None:
        """That it goes back, where the carrier says so; that it does not say so is no word of a way outward."""
        return Direction.RETURN if self._flag(payload, field) else None

    def _flag(self, payload: Any, field: str) -> bool:
        """Whether the carrier says so: true, one of `SAID` in any case, or what a pattern looks for.

        Raises:
            BadItem: it says neither that nor the contrary.
        """
        origin = self.fields.get(field)
        if origin is None:
            return False
        found = origin.value(payload)
        if isinstance(found, bool):
            return found
        if isinstance(origin, Part):
            return found is not None
        said = "" if found is None else as_said(found)
        word = None if said is None else folded(said)
        if word in SAID or word in DENIED:
            return word in SAID
        raise BadItem(f"{field}_invalid", f"{names_of(origin)} must be true or false", field)

    def _apart(self, payload: Any) -> Apart:
        """What of the time stands in fields of its own."""
        if not self._has_apart:
            return NOTHING
        return Apart(*(self._moment(payload, field) for field in APART))

    def _moment(self, payload: Any, field: str) -> str:
        """A field of the time; a count since 1970 may be a number with a fraction."""
        origin = self.fields.get(field)
        found = None if origin is None else origin.value(payload)
        if isinstance(found, float) and isfinite(found):
            return repr(found)
        return self._read(payload, field)

    def _attempt(self, payload: Any, field: str) -> int | None:
        raw = self._read(payload, field)
        if not raw:
            return None
        if raw.isascii() and raw.isdigit() and len(raw) <= 2 and int(raw) >= 1:
            return int(raw)
        raise BadItem("attempt_invalid", "an attempt is a number from 1 to 99", field)


Read = Callable[[Table, Any, str], Any]
Reader = tuple[str, str, Read]
"""A field, how a report names it, and how it is read."""
SPARE: Final[Mapping[str, tuple[str, Read]]] = {
    "place": ("place", Table._text),
    "reason": ("raw_reason", Table._read),
    "facility": ("facility", Table._code),
    "province": ("province", Table._code),
    "commune": ("commune", Table._code),
    "attempt": ("attempt", Table._attempt),
    "natural_id": ("natural_id", Table._read),
    "linked_number": ("linked_number", Table._number),
    "returning": ("direction", Table._direction),
    "partial_return": ("partial_return", Table._flag),
}
"""Fields that need not be there: how a report names each, and how it is read."""
SPARE_DETAILS: Final[Mapping[str, Read]] = {
    **dict.fromkeys(DETAILS, Table._read),
    **dict.fromkeys(MOST_DEGREES, Table._degrees),
    "note": Table._text,
}
