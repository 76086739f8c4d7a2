"""SMS in pieces: GSM 03.38 (7 bit) where the text allows it, else UCS-2; no character is ever split.

3GPP TS 23.038 (alphabets) and TS 23.040 (concatenation by user data header).
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E,
    "|": 0x40, "€": 0x65,
}  # fmt: skip
ESCAPE: Final = 0x1B
GSM: Final = {
    **{character: bytes([code]) for code, character in enumerate(BASIC) if code != ESCAPE},
    **{character: bytes([ESCAPE, code]) for character, code in EXTENSION.items()},
}
ALONE_SEPTETS, JOINED_SEPTETS = 160, 153
ALONE_BYTES, JOINED_BYTES = 140, 134
MOST_SEGMENTS: Final = 10


@dataclass(frozen=True)
class Segments:
    """An SMS ready to be submitted: whether as UCS-2, and the payload of each piece.

    With more than one piece, each begins with its user data header.
    """

    ucs2: bool
    parts: Sequence[bytes]


def segment(text: str, reference: int) -> Segments:
    """Cut a text into pieces; `reference` (0 to 255) ties the pieces of one message together.

    The text is normalised to NFC first: a decomposed Vietnamese letter would cost three characters.

    Raises:
        ValueError: more than ten pieces, which no phone should be sent.
    """
    composed = unicodedata.normalize("NFC", text)
    ucs2 = any(character not in GSM for character in composed)
    encode: Callable[[str], bytes] = _utf16 if ucs2 else GSM.__getitem__
    alone, joined = (ALONE_BYTES, JOINED_BYTES) if ucs2 else (ALONE_SEPTETS, JOINED_SEPTETS)
    units = [encode(character) for character in composed]
    if sum(map(len, units)) <= alone:
        return Segments(ucs2, [b"".join(units)])
    parts = _packed(units, joined)
    if len(parts) > MOST_SEGMENTS:
        raise ValueError(f"the text needs {len(parts)} pieces; {MOST_SEGMENTS} are the most")
    headers = [bytes([5, 0, 3, reference & 0xFF, len(parts), place + 1]) for place in range(len(parts))]
    return Segments(ucs2, [header + part for header, part in zip(headers, parts, strict=True)])


def _utf16(character: str) -> bytes:
    return character.encode("utf-16-be")


def _packed(units: Sequence[bytes], room: int) -> list[bytes]:
    parts, part = [], b""
    for unit in units:
        if len(part) + len(unit) > room:
            parts.append(part)
            part = b""
        part += unit
    return [*parts, part]


def unaccented(text: str) -> str:
    """Vietnamese without its accents: one piece of GSM-7 instead of three of UCS-2."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(character for character in plain if not unicodedata.combining(character))
