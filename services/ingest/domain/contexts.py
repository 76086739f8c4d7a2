"""JSON-LD contexts, resolved offline: GS1's own are known by their addresses, and nothing is fetched."""

from collections.abc import Mapping
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


def prefixes(context: Any) -> Mapping[str, str]:
    """What the prefixes of a `@context` stand for.

    Raises:
        BadItem: GS1's own context is not among it, or one that is not known here.
    """
    parts = context if isinstance(context, list) else [context]
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
    """What a context says itself of prefixes."""
    parts = context if isinstance(context, list) else [context]
    own: dict[str, str] = {}
    for part in parts:
        for name, meaning in part.items() if isinstance(part, Mapping) else ():
            uri = meaning.get("@id") if isinstance(meaning, Mapping) else meaning
            if isinstance(uri, str):
                own[str(name)] = uri
    return own


def expanded(text: str, known: Mapping[str, str]) -> str:
    """A compact URI written out."""
    prefix, colon, rest = text.partition(":")
    return f"{known[prefix]}{rest}" if colon and prefix in known and not rest.startswith("//") else text
