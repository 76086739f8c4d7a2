"""Numbers, parcel keys and event ids."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from buuta.errors import BadItem
from buuta.model.issued import is_issued
from buuta.model.persons import has_telephone
from buuta.model.shapes import WANTED, is_number

CARRIER: Final = re.compile(r"[a-z][a-z0-9]{1,15}")
SHIPPER: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""It goes into the log and is shown to carriers, so it is a code: no e-mail, no telephone number."""
S10: Final = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
SHARED: Final = "s10"
"""The name under which posts share parcels; no carrier has this code."""
S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
LONGEST_RAW: Final = 200
CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
"""Control characters, but for those that are space."""


UNSEEN: Final = dict.fromkeys(
    (0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
"""Signs without a width, that copying from pages and messages brings along: soft hyphens, joiners, directions."""
_UNSEEN: Final = re.compile(f"[{''.join(map(chr, UNSEEN))}]")
AS_TYPED: Final[dict[int, int | None]] = {
    **UNSEEN,
    **{0xFF01 + place: 0x21 + place for place in range(94)},
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2043, 0x2212, 0xFE58, 0xFE63), ord("-")),
}
"""What people paste for letters, digits and hyphens: full-width forms and typographers' hyphens are the same signs.
Nothing else is: no letter of another alphabet that looks like one, and none that becomes ASCII in upper case."""
SMALL: Final = {ord(small): small.upper() for small in "abcdefghijklmnopqrstuvwxyz"}
BETWEEN: Final = str.maketrans("", "", "-._")

_as_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def one_spelling(raw: str) -> str:
    """A number in its one spelling, whatever it is: as it stands in the key of a parcel.

    In upper case, without spaces and signs that nobody sees. Hyphens, dots and low lines are part of a number, but
    for one that has the form of a carrier's only without them: `EJ-012345678-VN` is EJ012345678VN.
    """
    return _joined(_typed(raw).split())


def _joined(words: Sequence[str]) -> str:
    number = "".join(words)
    # Of ASCII `upper` is the same, at a twentieth of what a table costs.
    number = number.upper() if number.isascii() else number.translate(SMALL)
    if number.isalnum():
        return number
    plain = number.translate(BETWEEN)
    is_written_apart = (
        plain != number and not plain.isdigit() and is_issued(plain) and not is_issued(number)
    )
    return plain if is_written_apart else number


def normalise_number(raw: str) -> str:
    """A tracking number in its one spelling: every door, page and command reads numbers by this.

    Raises:
        BadItem: `number_invalid`, when no number remains (`is_number`), or its words are no number's.
    """
    words = [] if len(raw) > LONGEST_RAW or CONTROL.search(raw) else _typed(raw).split()
    number = _joined(words)
    if not (number.isascii() and is_number(number)) or (len(words) > 1 and _is_typed(words, number)):
        raise BadItem("number_invalid", f"a tracking number must have {WANTED['number']}", "number")
    return number


def _typed(raw: str) -> str:
    return raw if raw.isascii() else raw.translate(AS_TYPED)


def one_place(raw: str) -> str:
    """A place's text in its one spelling: case, Unicode form, spaces and unseen signs make no other place."""
    folded = unicodedata.normalize("NFD", _UNSEEN.sub("", raw)).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def _is_typed(words: Sequence[str], number: str) -> bool:
    """Whether the words say what the number that they become does not show."""
    return number.isalpha() or (not is_issued(number) and has_telephone(".".join(words).upper()))


def parcel_key(carrier: str, number: str) -> str:
    """The key of a parcel's log: `carrier:number`, both normalised."""
    return f"{carrier}:{number}"


def split_key(key: str) -> tuple[str, str]:
    """Carrier and number of a parcel key."""
    carrier, _, number = key.partition(":")
    return carrier, number


def event_id(carrier: str, identity: Sequence[str]) -> str:
    """The id of a scan: 32 hex digits of SHA-256 over the carrier's identity columns.

    The columns are taken after normalisation (number, raw code, UTC time, place in its one spelling), so one event
    that comes through two doors gets one id. JSON keeps `["a","bc"]` and `["ab","c"]` apart.
    """
    text = _as_json([carrier, *identity])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def owner_of(carrier: str, number: str, *, is_post: bool) -> tuple[str, str | None]:
    """Under whose name a parcel is kept, and who reports it where that is another.

    Posts hand items with S10 numbers over to each other, and the UPU gives no number twice within a year: such an
    item is one parcel, `s10:NUMBER`, whichever post reports it. Nobody else's scans come near it.
    """
    if is_post and S10.fullmatch(number):
        return SHARED, carrier
    return carrier, None


def s10_check_digit(serial: str) -> int:
    """The check digit of an 8-digit UPU S10 serial (S10 standard: weights 8 6 4 2 3 5 9 7)."""
    remainder = (
        11 - sum(int(digit) * weight for digit, weight in zip(serial, S10_WEIGHTS, strict=True)) % 11
    )
    return {10: 0, 11: 5}.get(remainder, remainder)


def s10_flag(number: str) -> str | None:
    """`"check_digit"` where an S10 number fails its check, else None; a flag, never a refusal.

    VNPost-EMS prints a failing sample in its own documents, so refusing would lose real parcels.
    """
    if not S10.fullmatch(number):
        return None
    return None if s10_check_digit(number[2:10]) == int(number[10]) else "check_digit"
