"""A carrier's format as a table: which path or column of its payload is which field of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.times import VIETNAM_MINUTES, BusinessTime, parse_epoch, parse_iso, parse_pattern
from services.ingest.domain.details import Details
from services.ingest.domain.fields import LONGEST, at, code, text
from services.ingest.domain.recipe import Report

REQUIRED: Final = ("number", "code", "time")
DETAILS: Final = ("digital_address", "latitude", "longitude", "plus_code", "note", "proof")
"""What goes to the vault; a table that names one of these reads them all."""
LONGEST_NOTE, KEPT_OF_NOTE = 100_000, 1_000
"""A courier's essay is no reason to refuse a report."""
OPTIONAL: Final = (
    "place", "reason", "facility", "province", "commune", "attempt", "natural_id", *DETAILS,
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Paths of each field, those of `REQUIRED` and some of `OPTIONAL`, and how times are written.

    A field may have several paths, since vendors misspell and rename: the first that holds something counts.
    A path is a name, or names with dots (`DATA.ORDER_NUMBER`). `times` are tried in order: `iso`,
    `epoch_s`, `epoch_ms` or a `strptime` pattern; a time without an offset has `assumed_minutes`.
    """

    fields: Mapping[str, Sequence[str]]
    times: Sequence[str] = ("iso",)
    assumed_minutes: int = VIETNAM_MINUTES

    def parse(self, payload: Mapping[str, Any]) -> Report:
        """Read a payload, or a line of a file by its columns.

        Raises:
            BadItem: a missing or malformed field, named as the carrier names it.
        """
        attempt = self._read(payload, "attempt")
        return Report(
            number=self._read(payload, "number"),
            raw_code=self._read(payload, "code"),
            time=self._time(self._read(payload, "time")),
            place=self._read(payload, "place"),
            raw_reason=self._read(payload, "reason"),
            facility=self._code(payload, "facility"),
            province=self._code(payload, "province"),
            commune=self._code(payload, "commune"),
            attempt=self._attempt(attempt) if attempt else None,
            natural_id=self._read(payload, "natural_id"),
            details=self._details(payload) if self.fields.keys() & set(DETAILS) else None,
        )

    def _details(self, payload: Mapping[str, Any]) -> Details | None:
        proof = self._read(payload, "proof")
        said = Details(
            self._read(payload, "digital_address") or None, self._degrees(payload, "latitude", 90),
            self._degrees(payload, "longitude", 180), self._read(payload, "plus_code") or None,
            self._read(payload, "note", LONGEST_NOTE)[:KEPT_OF_NOTE] or None, (proof,) if proof else (),
        )  # fmt: skip
        return None if said == Details() else said

    def _degrees(self, payload: Mapping[str, Any], field: str, most: int) -> float | None:
        """Degrees as a number or as text."""
        for path in self.fields.get(field, ()):
            found = at(payload, path)
            if found in (None, ""):
                continue
            try:
                degrees = float(found)
            except (TypeError, ValueError, OverflowError):
                degrees = nan
            if not -most <= degrees <= most:
                raise BadItem(f"{field}_invalid", f"{path} must be degrees from -{most} to {most}", field)
            return degrees
        return None

    def _read(self, payload: Mapping[str, Any], field: str, most: int = LONGEST) -> str:
        paths = self.fields.get(field, ())
        for path in paths:
            found = text(_holder(payload, path), path.rpartition(".")[2], "", most)
            if found:
                return found
        if field in REQUIRED:
            raise BadItem("field_missing", f"{' or '.join(paths)} is missing", paths[0])
        return ""

    def _code(self, payload: Mapping[str, Any], field: str) -> str | None:
        """A field that goes on as it is, so that it must be a code and no text that somebody typed."""
        return code(field, self._read(payload, field))

    def _time(self, raw: str) -> BusinessTime:
        for way in self.times:
            try:
                return self._by(way, raw)
            except BadItem as bad:
                if bad.code != "time_invalid":
                    raise
        raise BadItem("time_invalid", f"the time has none of the forms {', '.join(self.times)}", "time")

    def _by(self, way: str, raw: str) -> BusinessTime:
        if way == "iso":
            return parse_iso(raw, self.assumed_minutes)
        if way in ("epoch_s", "epoch_ms"):
            return parse_epoch(raw, 1000 if way == "epoch_s" else 1, self.assumed_minutes)
        return parse_pattern(raw, way, self.assumed_minutes)

    def _attempt(self, raw: str) -> int:
        if raw.isascii() and raw.isdigit() and len(raw) <= 2 and int(raw) >= 1:
            return int(raw)
        raise BadItem("attempt_invalid", "an attempt is a number from 1 to 99", "attempt")


def _holder(payload: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The object that holds the last name of a path; an empty one where the way ends before."""
    parent, dot, _ = path.rpartition(".")
    held = at(payload, parent) if dot else payload
    return held if isinstance(held, Mapping) else {}
