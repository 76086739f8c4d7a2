"""What every answer of ours says, also where no application gives it."""

import json
from http import HTTPStatus
from typing import Final

ALWAYS: Final = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-frame-options": b"DENY",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"private, no-store",
}
"""Headers of every answer; what a route says itself takes precedence."""


def closing_problem(code: str, status: int, detail: str) -> bytes:
    """A whole answer that is a problem document (RFC 9457), and the last one of its connection."""
    said = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "code": code}
    body = json.dumps({**said, "detail": detail}).encode()
    headers = {
        b"content-type": b"application/problem+json",
        b"content-length": b"%d" % len(body),
        b"connection": b"close",
        **ALWAYS,
    }
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return first + b"".join(b"%b: %b\r\n" % each for each in headers.items()) + b"\r\n" + body
