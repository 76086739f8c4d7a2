"""Signed requests by the Standard Webhooks scheme: the secret itself never travels.

`webhook-signature` holds `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several are
separated by spaces. A request of another time than now may be one that was overheard and is sent again.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

from buuta.errors import Forbidden

PREFIX: Final = "whsec_"
TOLERANCE_SECONDS: Final = 300
NAMES: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether the request says that it is signed."""
    return NAMES[2] in headers


def check(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> None:
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
    expected = signature(secret, identity, stamp, body)
    if not any(_same(each, expected) for each in signatures.split(" ")[:10]):
        raise Forbidden(
            "no signature of webhook-signature fits: HMAC-SHA256 over id.timestamp.body, base64"
        )


def signature(secret: str, identity: str, stamp: str, body: bytes) -> str:
    """The signature of a request, as it stands in the header."""
    key = b64decode(secret.removeprefix(PREFIX))
    signed = f"{identity}.{stamp}.".encode("utf-8", "surrogateescape") + body
    return f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
