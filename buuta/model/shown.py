"""Names of fields as errors may show them: the first line of a file without names is somebody's data."""

import re
from typing import Final

from buuta.model.persons import is_person

NAME: Final = re.compile(r"[A-Za-z_@$][A-Za-z0-9_.:$/-]{0,59}")
MOST_DIGITS: Final = 6
OURS: Final = frozenset(
    {"bizLocation", "biz_location", "language", "latitude", "longitude", "transaction",
     "transit_as_of", "transit_p50", "transit_p90", "transit_p95"}
)  # fmt: skip
"""Names of fields of our own that read as people's, by their syllables."""


def has_few_digits(text: str) -> bool:
    """Whether it has too few digits for a telephone number, wherever they stand."""
    return sum(map(str.isdigit, text)) <= MOST_DIGITS


def shown_name(name: str) -> str:
    """The name of a field as an error may show it; no sentence, no telephone number, no e-mail and no person."""
    if name in OURS:
        return name
    is_one = NAME.fullmatch(name) is not None and has_few_digits(name)
    return name if is_one and not is_person(name.upper()) else "(not shown)"


def shown_place(parts: tuple[str | int, ...]) -> str:
    """Where something is wrong, as names and places with dots."""
    return ".".join(shown_name(part) if isinstance(part, str) else str(part) for part in parts)
