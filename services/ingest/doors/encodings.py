"""In which encoding a file of text is: what its first bytes say, or else what all of it can be.

Spreadsheets write UTF-8, UTF-16 with a mark ("Unicode Text"), and in Vietnam Windows-1258, which has no mark: a
file that is no UTF-8 is read as such where all of it is Vietnamese then.
"""

import codecs
import re
import unicodedata
from io import BufferedReader
from typing import Final, NamedTuple

from buuta.errors import BadItem

CHUNK: Final = 1 << 20
MARKS: Final = (
    (codecs.BOM_UTF32_LE, ""), (codecs.BOM_UTF32_BE, ""), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""The longer first: UTF-32 begins as UTF-16 does."""
OTHERS: Final = (
    (b"PK\x03\x04", "this is a packed file or a workbook: name a workbook .xlsx"),
    (b"\xd0\xcf\x11\xe0", "this is a workbook of the old form (.xls): save it as XLSX, or as CSV UTF-8"),
    (b"\x1f\x8b", "this is a packed file: unpack it"),
    (b"%PDF", "this is a PDF: send the table itself, as CSV or XLSX"),
)
MARKUP: Final = re.compile(rb"\s*<(?:!doctype|html|table|\?xml|meta|style)", re.IGNORECASE)
SAVE: Final = "save it as CSV UTF-8"
BAD: Final = re.compile("[\udc80-\udcff]")
OTHER_LETTER: Final = re.compile("[^\x00-\x7f\udc80-\udcff]")
GOOD_FOR_BAD: Final = 3
"""So many letters of UTF-8 beside a byte that is none: then the file is UTF-8, and a line of it is damaged."""
WINDOWS: Final = "cp1258"
WINDOWS_NOTE: Final = (
    f"the file is not UTF-8 and was read as Windows-1258, which it can be: {SAVE} to be sure"
)


def _vietnamese() -> frozenset[str]:
    """All letters of Vietnamese that are not ASCII, and the signs that its texts have."""
    tones = ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
    vowels = [f"{vowel}{tone}" for vowel in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" for tone in tones]
    letters = (unicodedata.normalize("NFC", each) for each in (*vowels, "đ", "Đ"))
    return frozenset(letters) | frozenset("\xa0«»°·–—‘’“”…•€₫")


VIETNAMESE: Final = _vietnamese()


class Encoding(NamedTuple):
    """How a file is decoded, and what its sender should know of that."""

    name: str
    note: str = ""


def encoding_of(source: BufferedReader) -> Encoding:
    """The encoding of a file; it is read through, and stands at its begin again.

    Raises:
        BadItem: it is no text, or in an encoding that cannot be told; says what to do.
    """
    try:
        return _by_mark(source.peek(CHUNK)) or _by_bytes(source)
    finally:
        source.seek(0)


def _by_mark(head: bytes) -> Encoding | None:
    for mark, name in MARKS:
        if head.startswith(mark):
            if not name:
                raise BadItem("file_not_utf8", f"this file is not UTF-8 (it is UTF-32): {SAVE}")
            return Encoding(name) if name != "utf-8-sig" else None
    for begin, why in OTHERS:
        if head.startswith(begin):
            raise BadItem("file_unreadable", why)
    if MARKUP.match(head):
        raise BadItem("file_unreadable", f"this is a web page or XML and no table: open it, and {SAVE}")
    if b"\x00" in head:
        raise BadItem("file_not_utf8", f"this file is not UTF-8 (UTF-16 needs its mark, FF FE): {SAVE}")
    return None


def _by_bytes(source: BufferedReader) -> Encoding:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    bad, good, line, first = 0, 0, 1, 0
    while chunk := source.read(CHUNK):
        text = decoder.decode(chunk)
        if not text.isascii():
            bad += (found := len(BAD.findall(text)))
            good += len(OTHER_LETTER.findall(text))
            if found and not first:
                first = line + text.count("\n", 0, _place(text))
        line += text.count("\n")
    bad += len(decoder.decode(b"", final=True))
    if not bad or (first > 1 and bad * GOOD_FOR_BAD <= good):
        return Encoding("utf-8-sig")
    source.seek(0)
    if _is_windows(source):
        return Encoding(WINDOWS, WINDOWS_NOTE)
    raise BadItem("file_not_utf8", f"this file is not UTF-8 (line {first or line}): {SAVE}")


def _place(text: str) -> int:
    found = BAD.search(text)
    return 0 if found is None else found.start()


def _is_windows(source: BufferedReader) -> bool:
    """Whether every letter is Vietnamese when the file is read as Windows-1258, and none stands alone."""
    while part := source.readline(CHUNK):
        try:
            text = unicodedata.normalize("NFC", part.decode(WINDOWS))
        except UnicodeDecodeError:
            return False
        if not text.isascii() and not {each for each in text if each > "\x7f"} <= VIETNAMESE:
            return False
    return True
