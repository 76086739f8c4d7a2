"""Messages: what a milestone says by SMS and by e-mail, with the link to its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buuta.model.zones import told_time
from buuta.wording.carriers import known_carrier, short_name
from buuta.wording.words import Language, spoken, tables, word


@dataclass(frozen=True)
class Words:
    """A message before it is laid out for a channel."""

    sentence: str
    page: str


def words(milestone: Mapping[str, Any], tag: str, portal: str) -> Words:
    """Say a milestone (a `ParcelMilestone` as a mapping) in the language of a tag; `portal` is where its page is.

    An attempt is told by its ordinal and a delivery by its mode, where the table has words for them. Its time is
    that of the place.
    """
    language = spoken(tag)
    carrier, number = milestone["carrier"], milestone["number"]
    sentence = _sentence(milestone, tables(language)["told"]).format(
        number=number,
        carrier=short_name(carrier, language),
        call=_whom_to_call(carrier, language),
        ordinal=milestone["ordinal"],
        at=_at(milestone, language),
    )
    return Words(sentence, f"{portal}/t/{carrier}/{number}?lang={language}")


def _sentence(milestone: Mapping[str, Any], told: Mapping[str, str]) -> str:
    kind = milestone["kind"]
    if milestone.get("partial_return") and f"{kind}_in_part" in told:
        return told[f"{kind}_in_part"]
    apart = (f"{kind}_{milestone.get(what)}" for what in ("delivery_mode", "reason"))
    return next((told[key] for key in apart if key in told), told[kind])


def _whom_to_call(carrier: str, language: Language) -> str:
    known = known_carrier(carrier, None, language)
    return known.short if known.hotline is None else f"{known.short} ({known.hotline})"


def _at(milestone: Mapping[str, Any], language: Language) -> str:
    day_only = bool(milestone.get("day_only"))
    when = told_time(milestone["occurred_at"], milestone.get("zone"), day_only=day_only)
    return word("time", "on_day" if day_only else "at_moment", language).format(when=when)
