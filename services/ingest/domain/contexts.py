"""JSON-LD contexts, resolved offline: GS1's own are known by their addresses, and nothing is fetched."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem

GS1: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
CONTEXT: Final = re.compile(
    r"https?://(?:ref\.gs1\.org/standards/epcis/(?:2\.[0-9]+(?:\.[0-9]+)*/)?"
    r"|gs1\.github\.io/EPCIS/|id\.gs1\.org/|www\.gs1\.org/standards/epcis/)epcis-context\.jsonld"
)
"""GS1's own, of whichever edition of EPCIS 2 (2.0.0 and 2.0.1 are published), and where it lay before."""
PREFIXES: Final[Mapping[str, str]] = {
    "cbv": "https://ref.gs1.org/cbv/",
    "epcis": "https://ref.gs1.org/epcis/",
    "gs1": "https://ref.gs1.org/voc/",
    "cbvmda": "urn:epcglobal:cbv:mda:",
}
"""What GS1's own context defines."""
MOST_PARTS: Final = 100
MOST_TERMS: Final = 100
LONGEST_MEANING: Final = 500
"""Characters, as in any URI of an event: what a prefix stands for is written once for each field that has it."""


class Context(NamedTuple):
    """What a `@context` says: what its prefixes stand for, and what its sender should know of how it was read."""

    prefixes: Mapping[str, str]
    notes: Sequence[str] = ()


def read_context(context: Any) -> Context:
    """What a `@context` says, as far as it can be told without fetching anything.

    Raises:
        BadItem: there is none, or it is larger than may be.
    """
    parts = [part for part in _parts(context) if part]
    if not parts:
        raise BadItem("context_missing", f"@context must name {GS1}", "@context")
    remote = [part for part in parts if isinstance(part, str)]
    own = [part for part in remote if CONTEXT.fullmatch(part)]
    notes = [NOT_FETCHED] if len(own) < len(remote) else []
    return Context({**PREFIXES, **own_prefixes(parts)}, notes if own else [*notes, NOT_NAMED])


NOT_FETCHED: Final = (
    "contexts are not fetched: what one that is not GS1's own defines is not known here; write the prefixes that "
    "matter into the document"
)
NOT_NAMED: Final = f"@context does not name {GS1}: the fields were read as if it did"


def own_prefixes(context: Any) -> dict[str, str]:
    """What a context says itself of prefixes.

    Raises:
        BadItem: it has more parts or terms than may be, or one stands for more than a URI is long.
    """
    own: dict[str, str] = {}
    defining = [part for part in _parts(context) if isinstance(part, Mapping)]
    if sum(map(len, defining)) > MOST_TERMS:
        raise _too_large(f"a context defines at most {MOST_TERMS} terms")
    for part in defining:
        for name, meaning in part.items():
            uri = meaning.get("@id") if isinstance(meaning, Mapping) else meaning
            if isinstance(uri, str):
                own[str(name)] = _short(uri)
    return own


def _parts(context: Any) -> Sequence[Any]:
    parts = context if isinstance(context, list) else [context]
    if len(parts) > MOST_PARTS:
        raise _too_large(f"a context has at most {MOST_PARTS} parts")
    return parts


def _short(uri: str) -> str:
    if len(uri) > LONGEST_MEANING:
        raise _too_large(f"a prefix stands for at most {LONGEST_MEANING} characters")
    return uri


def _too_large(why: str) -> BadItem:
    return BadItem("context_too_large", why, "@context")


def expanded(text: str, known: Mapping[str, str]) -> str:
    """A compact URI written out."""
    prefix, colon, rest = text.partition(":")
    return f"{known[prefix]}{rest}" if colon and prefix in known and not rest.startswith("//") else text
