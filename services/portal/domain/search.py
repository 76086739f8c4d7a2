"""What somebody looks for who pastes something: a number however it is spaced, a message, a link."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from buuta.errors import BadItem
from buuta.model.identifiers import CARRIER, normalise_number

LONGEST: Final = 2_000
MOST: Final = 6
"""So many numbers of a text are looked for; each is a guess."""
SHORTEST_WORD: Final = 5
"""Of a text of several words a number has so many letters and digits, or more."""
LINK: Final = re.compile(r"(?:https?://|www\.)\S+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)+/\S+", re.I | re.UNICODE)
DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-")
ENDS: Final = " .,;:!?'\"“”‘’«»()[]{}<>#*|/\\=…"
NAMES: Final = ("bill", "code", "order", "number", "track", "key", "waybill", "vandon", "mvd")
"""Parts of names of parameters that carriers and shops give to a number in a link."""


class Sought(NamedTuple):
    """A number that may be meant, and its carrier where a link of ours names it."""

    number: str
    carrier: str | None = None


def sought(text: str) -> list[Sought]:
    """The numbers that a text may mean, the likeliest first; none where it has none."""
    plain = cleaned(text)
    found: dict[Sought, None] = {}
    for link in LINK.findall(plain):
        found.update(dict.fromkeys(_of_link(link)))
    if not found and "://" not in plain:
        found.update(dict.fromkeys(map(Sought, _of_words(plain))))
    return list(found)[:MOST]


def cleaned(text: str) -> str:
    """A text as it was meant: full-width characters as usual ones, no invisible ones, one space between words."""
    usual = unicodedata.normalize("NFKC", text[:LONGEST]).translate(DASHES)
    seen = "".join(character for character in usual if unicodedata.category(character) != "Cf")
    return " ".join(seen.split())


def _number(raw: str) -> Iterator[str]:
    """A text as a number, as it stands, without a sentence's signs around it, and without its hyphens.

    Nothing where no parcel can have it: dots and low lines may be part of a number, also its last.
    """
    for each in dict.fromkeys((raw, raw.strip(ENDS), raw.replace("-", "").strip(ENDS))):
        try:
            yield normalise_number(each)
        except BadItem:
            continue


def _of_words(plain: str) -> Iterator[str]:
    yield from _number(plain)
    # What stands before a colon says what it is: "SPX: SPXVN 0343 ...".
    yield from _number(plain.rpartition(":")[2])
    words = [word.strip(ENDS) for word in re.split(r"[\s,;:|()\[\]\"'“”]+", plain, flags=re.UNICODE)]
    for word in words:
        if len(words) > 1 and len(word) >= SHORTEST_WORD and any(map(str.isdigit, word)):
            yield from _number(word)


def _of_link(link: str, *, wrapped: bool = False) -> Iterator[Sought]:
    try:
        parts = urlsplit(link if "://" in link else f"//{link}")
    except ValueError:
        return
    yield from _of_ours(parts)
    for value in _values(parts):
        inner = LINK.search(value)
        if inner and not wrapped:
            yield from _of_link(inner[0], wrapped=True)
        elif not inner:
            yield from map(Sought, _number(value))


def _of_ours(parts: SplitResult) -> Iterator[Sought]:
    """The parcel of a page of ours, `/t/CARRIER/NUMBER`, whatever its host is called."""
    at = re.search(r"/t/([^/]+)/([^/]+)", parts.path)
    if at and CARRIER.fullmatch(at[1].lower()):
        for number in _number(cleaned(unquote(at[2]))):
            yield Sought(number, at[1].lower())


def _values(parts: SplitResult) -> Iterator[str]:
    """What a link says: parameters that sound like a number's first, then others, then its path from the end."""
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *_pairs(parts.fragment)]
    named = [pair for pair in pairs if pair[1] and any(name in pair[0].lower() for name in NAMES)]
    for _, value in named:
        yield from _parts(value)
    for name, value in pairs:
        yield from _with_digits(value or name)
    for segment in reversed(f"{parts.path}/{parts.fragment}".split("/")):
        yield from _with_digits(unquote(segment))


def _pairs(fragment: str) -> list[tuple[str, str]]:
    return parse_qsl(fragment.rpartition("?")[2], keep_blank_values=True) if "=" in fragment else []


def _parts(value: str) -> list[str]:
    """A value of several numbers one by one; a link in a value as it is."""
    return [value] if LINK.search(value) else re.split(r"[,;\s]+", cleaned(value), flags=re.UNICODE)


def _with_digits(value: str) -> Iterator[str]:
    """The parts of a value of which one may be a number: each has a digit, so that no word is taken for one."""
    yield from (part for part in _parts(value) if any(map(str.isdigit, part)))
