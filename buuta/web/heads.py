"""Heads of requests that two readers would read differently: refused before anybody asks what they want.

A proxy that takes the first of two headers and an application that takes the last see two requests. HTTP says of
most of these headers that there is one (RFC 9110, section 5.3; RFC 9112, sections 3.2 and 6.3); of the others we
read one.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

ONCE: Final = frozenset({
    b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding", b"authorization",
    b"idempotency-key", b"webhook-id", b"webhook-timestamp", b"webhook-signature",
})  # fmt: skip
ONCE_BEGIN: Final = b"gs1-"
"""Headers that a request has once, by name and by how names begin (EPCIS 2.0)."""
HOST: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?"
)
"""RFC 3986, section 3.2.2, without a user; none of http is empty (RFC 9110, section 4.2.1)."""
LENGTH: Final = re.compile(rb"[0-9]+")


def wrong_in(version: str, headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """What is wrong with a head, as a sentence; names are in small letters, values are not repeated."""
    found = Counter(name for name, _ in headers if name in ONCE or name.startswith(ONCE_BEGIN))
    twice = next((name for name, count in found.items() if count > 1), None)
    if twice is not None:
        return f"send the header {twice.decode('latin-1')[:60]} once"
    said = {name: value.strip(b" \t") for name, value in headers if name in found}
    if b"host" not in said and version != "1.0":
        return "send the header host"
    if not HOST.fullmatch(said.get(b"host", b"x")):
        return "host is a name or an address, and a port or none"
    if not LENGTH.fullmatch(said.get(b"content-length", b"0")):
        return "content-length is a number of bytes"
    if said.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return "transfer-encoding is chunked; what is packed says so by content-encoding"
    if b"content-length" in said and b"transfer-encoding" in said:
        return "send content-length or transfer-encoding, not both"
    return None
