"""Numbers, parcel keys and event ids."""

import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from buuta.errors import BadItem

MOBILE: Final = r"(?:(?:\+|00)?84|0)[._/-]?[35789](?:[._/-]?[0-9]){8}"
LANDLINE: Final = r"0[._/-]?2(?:[._/-]?[0-9]){9}"
_TELEPHONE: Final = rf"(?:{MOBILE}|{LANDLINE})(?:[._/-]|\Z)"
NO_TELEPHONE: Final = rf"(?!{_TELEPHONE})(?!(?:[^._/-]*+[._/-])+?{_TELEPHONE})"
"""No telephone number of Vietnam stands in it by itself: a mobile one, also from abroad, or that of a house."""
NO_IDENTITY: Final = r"(?!(?:.*[^0-9])?[0-9]{9,12}(?:[^0-9]|\Z))(?!(?:[0-9][._/-]?){9,12}\Z)"
"""Nor 9 to 12 digits in a row, as identity cards and telephones have; a GLN has 13."""
NUMBER: Final = re.compile(rf"{NO_TELEPHONE}(?=[^0-9]*+[0-9]|[A-Z]{{3,8}}\Z)[A-Z0-9][A-Z0-9._-]{{2,49}}")
"""No `/`: a number is a segment of its page's address, and no carrier that we know has one (decision 0052). Nor
what a telephone number or a longer name fits (0067); GHN's numbers of 5 or 8 may happen to have no digit."""
CODES: Final = {
    "facility": re.compile(
        rf"{NO_TELEPHONE}{NO_IDENTITY}(?=[^0-9]*+[0-9]|[A-Z]{{2,6}}\Z|[A-Z]{{2,4}}[._-][A-Z]{{2,4}}\Z)[A-Za-z0-9_./-]{{1,40}}",
    ),
    "province": re.compile(r"[0-9]{2,5}"),
    "commune": re.compile(r"[0-9]{2,5}"),
}
"""What goes on as it is, so that it must be a code and no text that somebody typed."""
WANTED: Final = {
    "number": "3 to 50 letters, digits or . _ -, begin with a letter or digit, have a digit or at most 8 letters, "
    "and be no telephone number",
    "facility": "a code such as BC-00070 or VNHANA: at most 40 letters, digits or . _ / -, with a digit or else at "
    "most 6 capitals, and no telephone or identity number",
    "province": "a code of 2 to 5 digits",
    "commune": "a code of 2 to 5 digits",
}
"""The same in words."""
CARRIER: Final = re.compile(r"[a-z][a-z0-9]{1,15}")
S10: Final = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
SHARED: Final = "s10"
"""The name under which posts share parcels; no carrier has this code."""
S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
LONGEST_RAW: Final = 200
CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
"""Control characters, but for those that are space."""


_as_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@lru_cache(maxsize=8_192)
def is_number(number: str) -> bool:
    """Whether it is a normalised number; remembered, since a number is asked for at several places of its way."""
    return NUMBER.fullmatch(number) is not None


def normalise_number(raw: str) -> str:
    """Upper-case the tracking number and take its spaces out; UPU S10 asks for both.

    Raises:
        BadItem: `number_invalid`, when no number remains (`NUMBER`), or what has several words and no digit.
    """
    words = [] if len(raw) > LONGEST_RAW or CONTROL.search(raw) else raw.split()
    number = "".join(words)
    # Before upper case is made of it: some letters of other alphabets become ASCII by that.
    fits = number.isascii() and is_number(number.upper())
    if not fits or (len(words) > 1 and number.isalpha()):
        raise BadItem("number_invalid", f"a tracking number must have {WANTED['number']}", "number")
    return number.upper()


def parcel_key(carrier: str, number: str) -> str:
    """The key of a parcel's log: `carrier:number`, both normalised."""
    return f"{carrier}:{number}"


def split_key(key: str) -> tuple[str, str]:
    """Carrier and number of a parcel key."""
    carrier, _, number = key.partition(":")
    return carrier, number


def event_id(carrier: str, identity: Sequence[str]) -> str:
    """The id of a scan: 32 hex digits of SHA-256 over the carrier's identity columns.

    The columns are taken after normalisation (number, raw code, UTC time, raw place), so one event
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
