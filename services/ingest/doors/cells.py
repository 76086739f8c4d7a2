"""Cells of tables as people meant them, and what spreadsheets do to names of columns and to long numbers."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from buuta.errors import BadItem

UNSEEN: Final = "\u200b\u200c\u200d\u2060\ufeff"
"""What nobody sees, and what stays behind where texts are copied."""
BETWEEN: Final = re.compile(r"[\s_.-]+", re.UNICODE)
AS_TEXT: Final = re.compile(r'="(.*)"', re.DOTALL)
"""How people keep a spreadsheet from reading digits as a number."""
APOSTROPHE: Final = re.compile(r"'(?=[=+@0-9-])")
WHOLE: Final = re.compile(r"(-?[0-9]{1,15})\.0+")
"""A whole number as a program writes it that takes all numbers for fractions."""
LOST: Final = re.compile(
    r"[+-]?(?:[0-9]+(?:[.,][0-9]+)?e\+[0-9]{1,3}|[0-9][.,][0-9]+e[0-9]{1,3}|[0-9]{16,}[.,]0+)", re.I
)
"""A number of which a spreadsheet has kept 15 digits at most: 1.68406E+12, or 893123450000000000.0."""


def clean(cell: str) -> str:
    """A cell without what spreadsheets put around it; accents in one form."""
    if not cell.isascii():
        cell = unicodedata.normalize("NFC", cell)
    text = cell.strip().strip(UNSEEN)
    if as_text := AS_TEXT.fullmatch(text):
        return as_text[1]
    if APOSTROPHE.match(text):
        return text[1:]
    whole = WHOLE.fullmatch(text)
    return whole[1] if whole else text


THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:[.,\u00a0\u202f'][0-9]{3}){2,}")
"""A whole number with a sign between its thousands, as a spreadsheet shows it."""
SERIAL: Final = re.compile(r"[1-9][0-9]{4}(?:[.,][0-9]+)?")
"""A time as a spreadsheet counts it: days since 1900 or, on old Macs, 1904."""


def written_time(name: str, cell: str) -> None:
    """Refuse a time that is a spreadsheet's count of days: from which day on, the file does not say.

    Raises:
        BadItem: it is.
    """
    if SERIAL.fullmatch(cell.strip()):
        raise BadItem(
            "time_invalid",
            f"{name} is a spreadsheet's count of days: format the column as date and time",
            name,
        )


def whole_digits(name: str, cell: str) -> None:
    """Refuse a number or a code that has lost digits: it would be another parcel's.

    Raises:
        BadItem: it has.
    """
    if LOST.fullmatch(cell.strip()):
        raise BadItem(
            "field_lost_digits",
            f"{name} is a number of which a spreadsheet has lost digits: format the column as text, enter it anew",
            name,
        )
    if THOUSANDS.fullmatch(cell.strip()):
        raise BadItem(
            "field_lost_digits", f"{name} has signs between its thousands: format the column as text", name
        )


@lru_cache(maxsize=4_096)
def folded(name: str) -> str:
    """The name of a column in whatever case, accents' form, and with spaces, hyphens or underscores."""
    plain = unicodedata.normalize("NFC", name).casefold().strip().strip(UNSEEN)
    return BETWEEN.sub("_", plain).strip("_")


def known_as(columns: Collection[str], known: Collection[str]) -> Mapping[str, str]:
    """Which of the known names each column has, written as it may be; those that have none are left out."""
    names = {folded(name): name for name in known}
    return {column: names[folded(column)] for column in columns if folded(column) in names}


class Line(dict[str, Any]):
    """A line by its columns, found by their names however these are written."""

    def __init__(self, cells: Mapping[str, Any]) -> None:
        super().__init__(cells)
        self._folded = {folded(name): name for name in cells}

    def __missing__(self, name: str) -> Any:
        return super().__getitem__(self._folded[folded(name)])

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and folded(name) in self._folded)

    def get(self, name: str, default: Any = None) -> Any:
        """What stands in a column, or `default`."""
        try:
            return self[name]
        except KeyError:
            return default
