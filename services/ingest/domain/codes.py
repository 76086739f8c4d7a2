"""Code tables: what a carrier's codes mean, where they are from, and how what is said is found in them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from unicodedata import normalize

from buuta.model.statuses import DeliveryMode, Direction, Reason, Status

NUMBER: Final = re.compile(r"([+-]?)0*([0-9]+)(?:\.0+)?", re.ASCII)


class Source(StrEnum):
    """Where it is known from that a carrier has a code; what the four are of a format says its `[sources]`."""

    VENDOR = "vendor"
    PUBLIC_CODE = "public_code"
    OBSERVED = "observed"
    OWN = "own"


@dataclass(frozen=True)
class CodeRow:
    """What one of a carrier's codes means; `status=None` is known and is no movement.

    `direction` is the way that the parcel goes from then on, where the code says so. `source` is where the code is
    from, None where a person mapped it; `words` is what it means there.
    """

    status: Status | None
    reason: Reason | None = None
    provisional: bool = False
    mode: DeliveryMode | None = None
    direction: Direction | None = None
    source: Source | None = None
    words: str = ""


def folded(said: str) -> str:
    """A word or number of a vendor's list as it is compared: in any case and Unicode form, with any space, and of
    numbers without the zeros that say nothing (`04`, `4.0`)."""
    word = " ".join(normalize("NFC", said).casefold().split())
    found = NUMBER.fullmatch(word)
    return word if found is None else found[1].removeprefix("+") + found[2]


def spellings_of(table: Iterable[str]) -> dict[str, str]:
    """How a table writes its words, by the words as they are compared; without those that would be one."""
    words = [*table]
    counts = Counter(map(folded, words))
    return {folded(word): word for word in words if counts[folded(word)] == 1}
