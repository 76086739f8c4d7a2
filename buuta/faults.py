"""Faults in words: what a person reads where a value does not fit, in place of pydantic's own sentence."""

from collections.abc import Mapping
from typing import Any, Final

OBJECT: Final = "it must be an object"
WHOLE: Final = "it must be a whole number"
NUMBER: Final = "it must be a number"
YES_OR_NO: Final = "it must be true or false"
TIME: Final = "it must be a time such as 2026-11-24T09:30:00+07:00"
DAY: Final = "it must be a day such as 2026-11-24"
WORDS: Final[Mapping[str, str]] = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such field",
    "model_attributes_type": OBJECT, "model_type": OBJECT, "dict_type": OBJECT, "mapping_type": OBJECT,
    "list_type": "it must be a list", "tuple_type": "it must be a list",
    "string_type": "it must be a text", "string_unicode": "it must be a text in Unicode",
    "bool_type": YES_OR_NO, "bool_parsing": YES_OR_NO,
    "int_type": WHOLE, "int_parsing": WHOLE, "int_from_float": WHOLE, "int_parsing_size": WHOLE,
    "finite_number": NUMBER, "float_type": NUMBER, "float_parsing": NUMBER,
    "uuid_parsing": "it must be a UUID", "uuid_type": "it must be a UUID",
    "date_from_datetime_parsing": DAY, "date_from_datetime_inexact": DAY, "date_parsing": DAY, "date_type": DAY,
    "datetime_parsing": TIME, "datetime_from_date_parsing": TIME, "datetime_type": TIME,
    "timezone_aware": "it has no timezone: write its offset from UTC, such as 2026-11-24T09:30:00+07:00",
    "enum": "it must be {expected}", "literal_error": "it must be {expected}",
    "string_too_short": "it must have {min_length} characters or more",
    "string_too_long": "it must have {max_length} characters or less",
    "greater_than_equal": "it must be {ge} or more", "less_than_equal": "it must be {le} or less",
    "greater_than": "it must be more than {gt}", "less_than": "it must be less than {lt}",
}  # fmt: skip
"""By the type of an error."""


def said_of(error: Any) -> str:
    """What is wrong, as a clause; never the value itself, which may be personal."""
    if words := WORDS.get(error["type"]):
        return words.format_map(error.get("ctx", {}))
    said: str = error["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]
