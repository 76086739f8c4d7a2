"""Signed requests by the Standard Webhooks scheme: the secret itself never travels.

`webhook-signature` holds `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.payload`; several are separated by
spaces. The payload is the request, so that a signature is good for nothing else: the line `METHOD PATH?QUERY`, a
line `NAME:VALUE` for each header of `STEERING` that is sent, an empty line, and the body as it is sent; each line
ends with a line feed. A request of another time than now may be one that was overheard and is sent again.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from buuta.errors import Forbidden

PREFIX: Final = "whsec_"
TOLERANCE_SECONDS: Final = 300
NAMES: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


STEERING: Final = ("content-encoding", "content-type", "idempotency-key")
STEERING_BEGIN: Final = "gs1-"
"""The headers that change what a request does, by name and by how names begin (EPCIS 2.0 has many, and will have
more): whoever adds one, takes one out or changes it makes another request."""
Header = tuple[bytes, bytes]
"""Name in small letters and value, as they came."""


class Target(NamedTuple):
    """What a request asks for: its method, path with query as they are sent, and all its headers."""

    method: bytes
    path_and_query: bytes
    headers: Iterable[Header]

    def signed(self, body: bytes) -> bytes:
        """The payload of the signature."""
        steering = sorted(each for each in self.headers if steers(each[0].decode("latin-1")))
        first = b"%b %b\n" % (self.method, self.path_and_query)
        return first + b"".join(b"%b:%b\n" % each for each in steering) + b"\n" + body


def steers(name: str) -> bool:
    """Whether a header, by its name in small letters, changes what a request does."""
    return name in STEERING or name.startswith(STEERING_BEGIN)


def check(secret: str, headers: Mapping[str, str], payload: bytes, now: float) -> None:
    """Compare the signature with our own, in constant time.

    Raises:
        Forbidden: a header is missing, the time is not now, or no signature fits.
    """
    missing = [name for name in NAMES if name not in headers]
    if missing:
        raise Forbidden(f"a signed request has the header {missing[0]}")
    identity, stamp, signatures = (headers[name] for name in NAMES)
    if not stamp.isascii() or not stamp.isdigit() or abs(now - int(stamp[:12])) > TOLERANCE_SECONDS:
        raise Forbidden("webhook-timestamp must be the Unix time in seconds, within five minutes of ours")
    expected = signature(secret, identity, stamp, payload)
    if not any(_same(each, expected) for each in signatures.split(" ")[:10]):
        raise Forbidden(
            "no signature of webhook-signature fits: HMAC-SHA256 over id.timestamp.payload, base64; the payload is "
            "the line METHOD PATH?QUERY, a line name:value for each header that steers, an empty line, and the body"
        )


def signature(secret: str, identity: str, stamp: str, payload: bytes) -> str:
    """The signature of a request, as it stands in the header."""
    key = b64decode(secret.removeprefix(PREFIX))
    signed = f"{identity}.{stamp}.".encode("utf-8", "surrogateescape") + payload
    return f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
