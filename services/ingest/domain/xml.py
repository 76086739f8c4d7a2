"""XML as the values that JSON has: an element is an object of its elements, `@name` an attribute, `#text` a text.

Prefixes of namespaces are left out: each sender chooses its own. A document type is refused, and with it every
entity of a sender's own: they are how a text of a few lines becomes gigabytes, or reads files.
"""

import xml.parsers.expat
from typing import Any, Final

import xmltodict

from buuta.errors import BadItem

DEEPEST: Final = 64
MOST_TAGS: Final = 20_000


class _Refused(Exception):
    """What is XML and is not read."""


def read_xml(body: bytes) -> dict[str, Any]:
    """The document as an object of its root.

    Raises:
        BadItem: it is no XML, has a document type, or is nested too deeply.
    """
    if b"<!DOCTYPE" in body or b"<!\x00D\x00" in body or b"\x00<\x00!\x00D" in body:
        raise BadItem("xml_refused", "the body has a document type; leave <!DOCTYPE …> out")
    if body.count(b"<") > MOST_TAGS:
        raise BadItem("too_many_values", f"the body has more than {MOST_TAGS} tags; send less at once")
    try:
        read: dict[str, Any] = xmltodict.parse(body, postprocessor=_plain, disable_entities=True)
    except xml.parsers.expat.ExpatError as wrong:
        raise BadItem("body_not_xml", f"the body is not XML: {wrong}") from None
    except _Refused as wrong:
        raise BadItem("xml_refused", str(wrong)) from None
    except (ValueError, LookupError) as wrong:
        raise BadItem("xml_refused", f"the body is not read: {type(wrong).__name__}") from None
    return read


def _plain(path: list[tuple[str, Any]], name: str, value: Any) -> tuple[str, Any] | None:
    """A name without its prefix; declarations of namespaces are no attributes."""
    if len(path) > DEEPEST:
        raise _Refused(f"the body nests deeper than {DEEPEST} levels")
    if name.startswith("@xmlns"):
        return None
    mark, plain = ("@", name[1:]) if name.startswith("@") else ("", name)
    return mark + plain.rpartition(":")[2], value
