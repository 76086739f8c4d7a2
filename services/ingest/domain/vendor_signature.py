"""How vendors prove that a request is theirs: a keyed hash, a hash with the secret in it, or the secret itself.

What is hashed is a template, since no two vendors agree: `{body}`, `{timestamp}.{body}`, `{field:data}{secret}`.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from buuta.errors import Forbidden
from services.ingest.domain.fields import as_exact
from services.ingest.domain.paths import Path, read_path
from services.ingest.domain.patterns import Pattern

PLACES: Final = ("header", "query", "field")
WORDS: Final = ("body", "secret", "timestamp", "method", "path")
PLACEHOLDER: Final = re.compile(r"\{([a-z]+)(?::([^{}]{1,200}))?\}")
ENCODINGS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base64": lambda made: b64encode(made).decode(),
    "base64_of_hex": lambda made: b64encode(made.hex().encode()).decode(),
}
SECRETS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "text": str.encode,
    "hex": bytes.fromhex,
    "base64": b64decode,
}
UNITS: Final = {"s": 1, "ms": 1000}


class Seen(NamedTuple):
    """A request as its signature sees it: headers by small letters, `fields` as the body says them."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    fields: Any
    body: bytes


@dataclass(frozen=True)
class Where:
    """A place of a request, and the part of what stands there that is meant."""

    place: str
    name: str
    pattern: Pattern | None = None

    def find(self, seen: Seen) -> str:
        """What stands there; empty where nothing does."""
        found = FINDERS[self.place](seen, self)
        return found if self.pattern is None else self.pattern.part_of(found)

    @property
    def path(self) -> Path:
        """The path of a field."""
        return read_path(self.name)

    def __str__(self) -> str:
        return f"{self.place} {self.name}"


def _field(seen: Seen, where: Where) -> str:
    return as_exact(where.path.get(seen.fields)) or ""


FINDERS: Final[Mapping[str, Callable[[Seen, Where], str]]] = {
    "header": lambda seen, where: seen.headers.get(where.name.lower(), ""),
    "query": lambda seen, where: seen.query.get(where.name, ""),
    "field": _field,
}


@dataclass(frozen=True)
class Stamp:
    """Where a vendor writes when it sent a request, in what unit, and how far that may be from now."""

    where: Where
    unit: str = "s"
    seconds: int = 300


@dataclass(frozen=True)
class VendorSignature:
    """How a vendor signs.

    `hmac` hashes `over` with the secret for its key, `digest` hashes `over`, in which the secret stands, `token` is
    the secret itself, and `basic` is HTTP's own way to send `user:password`.
    """

    kind: str
    where: Where
    over: str = "{body}"
    algorithm: str = "sha256"
    encoding: str = "hex"
    secret_as: str = "text"  # noqa: S105 - how one is written
    stamp: Stamp | None = None


def check_vendor(signature: VendorSignature, secret: str, seen: Seen, now: float) -> None:
    """Compare what a request says with what it should say, in constant time.

    Raises:
        Forbidden: it is not signed, or not with this secret, or not now; neither of them is repeated.
    """
    if not secret:
        raise Forbidden(
            "this webhook's token has no secret of the vendor: buuta carrier key add CODE --kind webhook "
            "--vendor-secret-file FILE makes one that has"
        )
    given = signature.where.find(seen)
    if not given:
        raise Forbidden(f"the request is not signed: nothing stands in its {signature.where}")
    stamp = _stamp(signature.stamp, seen, now)
    if not _same(signature, given, _expected(signature, secret, seen, stamp)):
        raise Forbidden(f"what stands in the {signature.where} does not fit this request and our secret")


def _stamp(stamp: Stamp | None, seen: Seen, now: float) -> str:
    if stamp is None:
        return ""
    said = stamp.where.find(seen)
    if not (said.isascii() and said.isdigit()) or len(said) > 15:
        raise Forbidden(f"the {stamp.where} must say when the request was sent")
    if abs(now - int(said) / UNITS[stamp.unit]) > stamp.seconds:
        raise Forbidden(f"the {stamp.where} must lie within {stamp.seconds} seconds of our time")
    return said


def _expected(signature: VendorSignature, secret: str, seen: Seen, stamp: str) -> str:
    if signature.kind == "token":
        return secret
    if signature.kind == "basic":
        return f"Basic {b64encode(secret.encode()).decode()}"
    text = _written(signature.over, secret, seen, stamp)
    if signature.kind == "digest":
        made = hashlib.new(signature.algorithm, text, usedforsecurity=False).digest()
    else:
        made = hmac.digest(_key(signature, secret), text, signature.algorithm)
    return ENCODINGS[signature.encoding](made)


def _key(signature: VendorSignature, secret: str) -> bytes:
    try:
        return SECRETS[signature.secret_as](secret)
    except ValueError:
        raise Forbidden(f"the vendor's secret that we keep is no {signature.secret_as}") from None


def _written(over: str, secret: str, seen: Seen, stamp: str) -> bytes:
    """The template with what stands for its placeholders; the body as it came, byte for byte."""
    parts, at = [], 0
    for found in PLACEHOLDER.finditer(over):
        parts += [over[at : found.start()].encode(), _part(found, secret, seen, stamp)]
        at = found.end()
    return b"".join([*parts, over[at:].encode()])


def _part(found: re.Match[str], secret: str, seen: Seen, stamp: str) -> bytes:
    word, name = found.groups()
    if word == "body":
        return seen.body
    if word in PLACES:
        return Where(word, name).find(seen).encode("utf-8", "surrogatepass")
    words = {"secret": secret, "timestamp": stamp, "method": seen.method, "path": seen.path}
    return words[word].encode()


def faults_of(signature: VendorSignature) -> Sequence[str]:
    """What is wrong with a template, before any request comes."""
    wrong = []
    for word, name in PLACEHOLDER.findall(signature.over):
        if word not in (PLACES if name else WORDS):
            wrong.append(f"over: there is no {{{word}}}; there are {', '.join(_placeholders())}")
    if signature.kind == "digest" and "{secret}" not in signature.over:
        wrong.append("over: a digest holds the secret, so that {secret} must stand in it")
    if "{timestamp}" in signature.over and signature.stamp is None:
        wrong.append("over: {timestamp} wants a section timestamp, which says where it stands")
    return wrong


def _placeholders() -> list[str]:
    return [*(f"{{{word}}}" for word in WORDS), *(f"{{{place}:NAME}}" for place in PLACES)]


def _same(signature: VendorSignature, given: str, expected: str) -> bool:
    if signature.kind in ("hmac", "digest") and signature.encoding == "hex":
        given, expected = given.lower(), expected.lower()
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))
