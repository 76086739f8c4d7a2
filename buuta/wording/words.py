"""The table of words (`vi.toml`, `en.toml`), and the language that somebody reads."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, Literal

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")
Table = Mapping[str, str]
MOST_ASKED: Final = 20
"""Of an `Accept-Language` header so many are looked at."""


@cache
def tables(language: Language) -> Mapping[str, Table]:
    """All tables of a language, by their names."""
    text = (resources.files("buuta.wording") / f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def word(table: str, key: str, language: Language) -> str:
    """What a key of a table is called.

    Raises:
        KeyError: no table has it; a test holds that all that can be asked for is there.
    """
    return tables(language)[table][key]


def status_word(status: str, reason: str | None, language: Language) -> str:
    """What a status is called; for its reason where the two together are called something else."""
    every = tables(language)
    return every["status_for"].get(f"{status}.{reason}") or every["status"][status]


def next_step(status: str, reason: str | None, language: Language) -> str:
    """What comes next after a status, for its reason where that has words of its own."""
    table = tables(language)["next"]
    return table.get(f"{status}.{reason}") or table[status]


def as_language(name: str) -> Language | None:
    """The language of a tag such as `en-GB`, or None where we do not speak it."""
    primary = name.strip().lower().replace("_", "-").partition("-")[0]
    return next((each for each in LANGUAGES if each == primary), None)


def spoken(name: str) -> Language:
    """The language of a tag, or Vietnamese where we do not speak it."""
    return as_language(name) or "vi"


def choose(asked: str | None, accepted: str) -> Language:
    """The language: asked by a link, else the best of the `Accept-Language` header, else Vietnamese."""
    known = as_language(asked or "")
    if known is not None:
        return known
    best: tuple[float, Language] = (0.0, "vi")
    for part in accepted.split(",")[:MOST_ASKED]:
        name, _, quality = part.strip().partition(";q=")
        language, weight = as_language(name), _weight(quality)
        if language is not None and weight > best[0]:
            best = (weight, language)
    return best[1]


def _weight(quality: str) -> float:
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
