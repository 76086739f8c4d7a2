"""The words of a message: a sentence per milestone and language, from `templates/sentences.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buuta.model.times import local_text

Sentences = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Words:
    """A message before it is laid out for a channel."""

    sentence: str
    page: str


def words(sentences: Sentences, milestone: Mapping[str, Any], language: str, portal: str) -> Words:
    """Say a milestone (a `ParcelMilestone` as a mapping) in a language.

    An attempt is told by its ordinal and a delivery by its mode, where the table has words for them.
    """
    kind = milestone["kind"]
    mode = milestone.get("delivery_mode")
    row = sentences.get(f"{kind}_{mode}") or sentences[kind]
    carrier, number = milestone["carrier"], milestone["number"]
    sentence = row[language].format(
        number=number,
        carrier=carrier.upper(),
        ordinal=milestone["ordinal"],
        when=local_text(milestone["occurred_at"], milestone["offset_minutes"]),
    )
    return Words(sentence, f"{portal}/t/{carrier}/{number}?lang={language}")
