"""Carriers as people know them: by name, with a hotline (`carriers.toml`)."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from buuta.wording.words import Language, tables


class KnownCarrier(NamedTuple):
    """A carrier's name in full and in short, its hotline as people dial it, and its site."""

    name: str
    short: str
    hotline: str | None
    site: str | None


@cache
def directory() -> Mapping[str, KnownCarrier]:
    """The carriers that people know, by each of their codes."""
    text = (resources.files("buuta.wording") / "carriers.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["carrier"]
    return {
        code: KnownCarrier(row["name"], row["short"], row["hotline"], row["site"])
        for row in rows
        for code in row["codes"]
    }


def known_carrier(code: str, named: str | None, language: Language) -> KnownCarrier:
    """How people know a carrier, of which an operator may have said a name; of an unknown one that, or its code."""
    shared = tables(language)["carriers"].get(code)
    if shared is not None:
        return KnownCarrier(shared, shared, None, None)
    is_a_name = named is not None and named.casefold() != code
    found = directory().get(code)
    if found is None:
        name = named if named is not None and is_a_name else code.upper()
        return KnownCarrier(name, name, None, None)
    if named is None or not is_a_name or named.casefold() == found.short.casefold():
        return found
    return found._replace(name=named)


def short_name(code: str, language: Language) -> str:
    """A carrier's name for a sentence, where no operator's is at hand."""
    return known_carrier(code, None, language).short
