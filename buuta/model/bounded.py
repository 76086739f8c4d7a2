"""What senders write, bounded before it is looked at field by field; and a moment, as every door reads it.

pydantic finds all that is wrong before it says anything, and holds the interpreter meanwhile: an object of
a hundred thousand unknown names would stop the whole service for a second.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, model_validator

from buuta.model.times import EARLIEST, LATEST

MOST_FIELDS: Final = 200
LONGEST_MOMENT: Final = 40
DATE_FIRST: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


class Bounded(BaseModel):
    """An object that has at most `MOST_FIELDS` fields, whatever they are."""

    @model_validator(mode="before")
    @classmethod
    def few(cls, raw: Any) -> Any:
        """Refuse here what would take long to refuse name by name."""
        if isinstance(raw, Mapping) and len(raw) > MOST_FIELDS:
            raise ValueError(f"has more than {MOST_FIELDS} fields; it may have {len(cls.model_fields)}")
        return raw


def _written(raw: object) -> object:
    """Only a date and a time: a bare number may be seconds or milliseconds, and nobody could tell."""
    if isinstance(raw, datetime):
        return raw
    if not isinstance(raw, str) or len(raw) > LONGEST_MOMENT or not DATE_FIRST.match(raw):
        raise ValueError("a moment is ISO 8601 text such as 2026-11-24T09:30:00+07:00")
    return raw


def _in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"the year must lie in {EARLIEST.year} to {LATEST.year - 1}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_range), BeforeValidator(_written)]
"""A time that somebody writes, with its offset from UTC, of the years that can be."""
