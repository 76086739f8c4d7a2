"""What a scan may hold: one table, for every door and for whatever is sent once more.

A scan that passes can be stored by PostgreSQL, shown on a page and worded in a message. The table says nothing of
what is true or sensible: a delivery in the year 2000 passes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem
from buuta.model.identifiers import CARRIER
from buuta.model.scan import SCAN_FIELDS, Scan
from buuta.model.shapes import UNITS, WANTED, is_facility, is_number
from buuta.model.statuses import (
    CorrectionKind,
    DeliveryMode,
    Direction,
    DistanceBucket,
    Door,
    OffsetSource,
    Reason,
    Status,
)
from buuta.model.times import END_MS, FIRST_MS
from buuta.model.zones import is_zone

MOST_OFFSET: Final = 14 * 60
"""Minutes; no place on Earth is further from UTC."""
MOST_ATTEMPTS: Final = 99
EVENT_ID: Final = re.compile(r"[0-9a-f]{32}")
TEXT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}")
"""One line of text that UTF-8 and PostgreSQL can write."""
Fits = Callable[[Any], object]


class Rule(NamedTuple):
    """What a field must be, in code and in words; `code` is what an error says of it."""

    field: str
    fits: Fits
    wanted: str
    code: str = ""


def _like(pattern: re.Pattern[str]) -> Fits:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value)


def _text(is_one: Callable[[str], bool]) -> Fits:
    return lambda value: isinstance(value, str) and is_one(value)


def _among(values: type[StrEnum]) -> Fits:
    known = frozenset(each.value for each in values)
    return lambda value: isinstance(value, str) and value in known


def _between(least: int, most: int) -> Fits:
    return lambda value: type(value) is int and least <= value <= most


def _optional(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


def _flag(value: object) -> bool:
    return type(value) is bool


RULES: Final = (
    Rule("event_id", _like(EVENT_ID), "32 hex digits"),
    Rule("carrier", _like(CARRIER), "a carrier's code"),
    Rule("number", _text(is_number), WANTED["number"]),
    Rule("status", _among(Status), "a status"),
    Rule("reason", _optional(_among(Reason)), "a reason"),
    Rule("delivery_mode", _optional(_among(DeliveryMode)), "a delivery mode"),
    Rule("provisional", _flag, "true or false"),
    Rule("corrects_event_id", _optional(_like(EVENT_ID)), "32 hex digits: the event id of your scan"),
    Rule("correction_kind", _optional(_among(CorrectionKind)), "did_not_occur or incorrect_data"),
    Rule(
        "occurred_at",
        _between(FIRST_MS, END_MS - 1),
        "a time of the years 2000 to 2099",
        "time_out_of_range",
    ),
    Rule("offset_minutes", _between(-MOST_OFFSET, MOST_OFFSET), "an offset from UTC from -14:00 to +14:00"),
    Rule("offset_source", _among(OffsetSource), "carrier or assumed"),
    Rule("received_at", _between(0, END_MS - 1), "a time before the year 2100", "time_out_of_range"),
    Rule("facility", _optional(_text(is_facility)), WANTED["facility"]),
    Rule("province", _optional(_like(UNITS["province"])), WANTED["province"]),
    Rule("commune", _optional(_like(UNITS["commune"])), WANTED["commune"]),
    Rule("attempt", _optional(_between(1, MOST_ATTEMPTS)), f"a number from 1 to {MOST_ATTEMPTS}"),
    Rule("distance_bucket", _optional(_among(DistanceBucket)), "a step of distance"),
    Rule("proof_present", _optional(_flag), "true or false"),
    Rule("raw_code", _like(TEXT), "1 to 100 characters, no control characters among them", "code_invalid"),
    Rule("door", _among(Door), "a door"),
    Rule("mapping_version", _like(TEXT), "1 to 100 characters, no control characters among them"),
    Rule("reporter", _optional(_like(CARRIER)), "a carrier's code"),
    Rule("day_only", _flag, "true or false"),
    Rule("zone", _optional(_text(is_zone)), "a time zone such as Asia/Tokyo"),
    Rule("direction", _optional(_among(Direction)), "outward or return"),
    Rule("partial_return", _flag, "true or false"),
    Rule("linked_number", _optional(_text(is_number)), WANTED["number"]),
)
"""In the order of the scan's fields."""
RULE_OF: Final = {rule.field: rule for rule in RULES}
OWN: Final = ("event_id", "number", "corrects_event_id", "occurred_at", "received_at")
"""The fields that differ from scan to scan; what the others hold comes again and again and is checked once."""
_own_rules: Final = tuple(RULE_OF[name] for name in OWN)
_own: Final = itemgetter(*map(SCAN_FIELDS.index, OWN))
_others: Final = tuple(rule for rule in RULES if rule.field not in OWN)
_other_values: Final = itemgetter(*(SCAN_FIELDS.index(rule.field) for rule in _others))


def checked(scan: Scan) -> Scan:
    """The same scan, if it can be stored, shown and told of.

    Raises:
        BadItem: names the field and says what it must be; the value is not repeated, since it may be personal.
    """
    try:
        if not _own_fit(scan):
            _check(_own_rules, _own(scan))
        _check_others(*_other_values(scan))
    except TypeError:
        # A value of another kind altogether: the table has words for it.
        _check(RULES, scan)
    if (scan.corrects_event_id is None) != (scan.correction_kind is None):
        raise BadItem("correction_invalid", "corrects and correction come together", "corrects")
    return scan


def _own_fit(scan: Scan) -> bool:
    """Whether the usual scan passes: the rules of `OWN` written out, at a third of what the table costs."""
    return bool(
        scan.corrects_event_id is None
        and EVENT_ID.fullmatch(scan.event_id)
        and is_number(scan.number)
        and type(scan.occurred_at) is int
        and FIRST_MS <= scan.occurred_at < END_MS
        and type(scan.received_at) is int
        and 0 <= scan.received_at < END_MS
    )


def check_field(name: str, value: object) -> None:
    """Check what is to be one field of a scan, before a scan is made of it.

    Raises:
        BadItem: as `checked`.
    """
    rule = RULE_OF[name]
    if not rule.fits(value):
        raise _bad(rule)


@lru_cache(maxsize=8_192, typed=True)
def _check_others(*values: object) -> None:
    _check(_others, values)


def _check(rules: Sequence[Rule], values: Iterable[object]) -> None:
    for rule, value in zip(rules, values, strict=True):
        if not rule.fits(value):
            raise _bad(rule)


def _bad(rule: Rule) -> BadItem:
    return BadItem(rule.code or f"{rule.field}_invalid", f"{rule.field} must be {rule.wanted}", rule.field)
