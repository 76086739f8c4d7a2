"""JSON-LD contexts, resolved offline: GS1's own are known by their addresses, and nothing is fetched."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from buuta.errors import BadItem

GS1: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
CONTEXTS: Final = frozenset(
    {
        GS1,
        "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "https://gs1.github.io/EPCIS/epcis-context.jsonld",
        "https://id.gs1.org/epcis-context.jsonld",
    }
)
PREFIXES: Final[Mapping[str, str]] = {
    "cbv": "https://ref.gs1.org/cbv/",
    "epcis": "https://ref.gs1.org/epcis/",
    "gs1": "https://ref.gs1.org/voc/",
}
"""What GS1's own context defines."""
MOST_PARTS: Final = 100
MOST_TERMS: Final = 100
LONGEST_MEANING: Final = 500
"""Characters, as in any URI of an event: what a prefix stands for is written once for each field that has it."""


def prefixes(context: Any) -> Mapping[str, str]:
    """What the prefixes of a `@context` stand for.

    Raises:
        BadItem: GS1's own context is not among it, or one that is not known here, or it is larger than may be.
    """
    parts = _parts(context)
    remote = [part for part in parts if isinstance(part, str)]
    if any(part not in CONTEXTS for part in remote):
        raise BadItem(
            "context_unknown",
            "contexts are not fetched: beside GS1's own, write prefixes into the document itself",
            "@context",
        )
    if not remote:
        raise BadItem("context_missing", f"@context must name {GS1}", "@context")
    return {**PREFIXES, **own_prefixes(parts)}


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
