"""How vendors sign: the forms that carriers and aggregators publish, each with what it is made of."""

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any

import pytest

from buuta.errors import Forbidden
from services.ingest.domain.patterns import read_pattern
from services.ingest.domain.vendor_signature import (
    Seen,
    Stamp,
    VendorSignature,
    Where,
    check_vendor,
    faults_of,
)

SECRET = "s3cret-of-a-vendor"
BODY = b'{"id":"A","at":"B"}'
NOW = 1_795_000_000
MAC = hmac.digest(SECRET.encode(), BODY, "sha256")
AT = str(NOW).encode()


def seen(headers: dict[str, str] | None = None, **more: Any) -> Seen:
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    whole: dict[str, Any] = {"query": {}, "fields": json.loads(BODY), "body": BODY} | more
    return Seen("POST", "/v1/webhooks/x", lower, **whole)


def header(name: str, pattern: str | None = None) -> Where:
    return Where("header", name, None if pattern is None else read_pattern(pattern))


STRIPED = f"t={NOW},v1={hmac.digest(SECRET.encode(), AT + b'.' + BODY, 'sha256').hex()}"
DATA = '{"billCode":"1"}'
KINDS = {
    "hex of the body": (VendorSignature("hmac", header("X-Sign")), seen({"X-Sign": MAC.hex().upper()})),
    "base64 of the body": (
        VendorSignature("hmac", header("X-Sign"), encoding="base64"),
        seen({"x-sign": b64encode(MAC).decode()}),
    ),
    "behind a word": (
        VendorSignature("hmac", header("X-Sign", r"^hmac-sha256-hex=(?P<value>[0-9a-f]{64})$")),
        seen({"X-Sign": f"hmac-sha256-hex={MAC.hex()}"}),
    ),
    "with a time in the same header": (
        VendorSignature(
            "hmac", header("Sig", r"v1=(?P<value>[0-9a-f]+)"), "{timestamp}.{body}",
            stamp=Stamp(header("Sig", r"t=(?P<value>[0-9]+)")),
        ),
        seen({"Sig": STRIPED}),
    ),
    "base64 of the md5 of a field and the secret": (
        VendorSignature("digest", Where("field", "digest"), "{field:data}{secret}", "md5", "base64"),
        seen(fields={"data": DATA, "digest": b64encode(hashlib.md5((DATA + SECRET).encode()).digest()).decode()}),
    ),
    "base64 of the hex of the md5 of the body and the secret": (
        VendorSignature("digest", header("x-datadigest"), "{body}{secret}", "md5", "base64_of_hex"),
        seen({"x-datadigest": b64encode(hashlib.md5(BODY + SECRET.encode()).hexdigest().encode()).decode()}),
    ),
    "sha256 of the body, a slash and the secret": (
        VendorSignature("digest", header("sign"), "{body}/{secret}"),
        seen({"sign": hashlib.sha256(BODY + b"/" + SECRET.encode()).hexdigest()}),
    ),
    "the secret in the query": (VendorSignature("token", Where("query", "hash")), seen(query={"hash": SECRET})),
    "the secret as a bearer": (
        VendorSignature("token", header("Authorization", r"^Bearer (?P<value>.+)$")),
        seen({"Authorization": f"Bearer {SECRET}"}),
    ),
    "basic": (
        VendorSignature("basic", header("Authorization")),
        seen({"Authorization": f"Basic {b64encode(SECRET.encode()).decode()}"}),
    ),
    "method, path and time": (
        VendorSignature(
            "hmac", Where("field", "signature"), "{timestamp}\r\n{method}\r\n{path}\r\n\r\n{field:data}",
            stamp=Stamp(Where("field", "timestamp"), "ms"),
        ),
        seen(fields={
            "timestamp": NOW * 1000, "data": DATA,
            "signature": hmac.digest(
                SECRET.encode(), f"{NOW * 1000}\r\nPOST\r\n/v1/webhooks/x\r\n\r\n{DATA}".encode(), "sha256").hex(),
        }),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_signature_that_fits_passes_and_any_other_secret_does_not(name: str) -> None:
    signature, request = KINDS[name]
    check_vendor(signature, SECRET, request, NOW + 10)
    with pytest.raises(Forbidden, match="does not fit") as refused:
        check_vendor(signature, SECRET + "x", request, NOW)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", KINDS)
def test_an_unsigned_request_and_a_token_without_a_secret_are_refused(name: str) -> None:
    signature, request = KINDS[name]
    with pytest.raises(Forbidden, match="not signed"):
        check_vendor(signature, SECRET, seen(fields={}), NOW)
    with pytest.raises(Forbidden, match="--vendor-secret-file"):
        check_vendor(signature, "", request, NOW)


def test_another_body_does_not_fit() -> None:
    signature, request = KINDS["hex of the body"]
    with pytest.raises(Forbidden, match="does not fit"):
        check_vendor(signature, SECRET, request._replace(body=BODY + b" "), NOW)


@pytest.mark.parametrize("ahead", [301, -301])
def test_a_request_of_another_time_was_overheard(ahead: int) -> None:
    signature, request = KINDS["with a time in the same header"]
    with pytest.raises(Forbidden, match="within 300 seconds"):
        check_vendor(signature, SECRET, request, NOW + ahead)


def test_a_token_is_compared_with_its_case() -> None:
    with pytest.raises(Forbidden, match="does not fit"):
        check_vendor(
            *KINDS["the secret in the query"][:1], SECRET.upper(), KINDS["the secret in the query"][1], NOW
        )


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        (VendorSignature("hmac", header("x"), "{bdy}"), "there is no {bdy}"),
        (VendorSignature("hmac", header("x"), "{body:x}"), "there is no {body}"),
        (VendorSignature("digest", header("x"), "{body}"), "{secret} must stand in it"),
        (VendorSignature("hmac", header("x"), "{timestamp}{body}"), "wants a section timestamp"),
    ],
)
def test_a_template_that_cannot_be_filled_is_said_when_the_recipe_loads(
    signature: VendorSignature, says: str
) -> None:
    assert any(says in fault for fault in faults_of(signature))
