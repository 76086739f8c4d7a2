"""Packed request bodies, unpacked up to a limit: a few bytes can hold gigabytes."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from backports import zstd

from buuta.web.problems import Problem

GZIP_WINDOW: Final = 31


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was packed by `Content-Encoding`; several members in a row are one body.

    Raises:
        Problem: 415 for an encoding that is not read, 400 for bytes that are not packed by it, 413 when more
            than `limit` bytes come out.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    new = UNPACKERS.get(name)
    if new is None:
        raise Problem(415, "encoding_unknown", f"pack by one of {', '.join(UNPACKERS)}, or not at all")
    try:
        return _unpack(new, body, limit)
    except (zlib.error, zstd.ZstdError, EOFError) as wrong:
        raise Problem(400, "body_not_packed", f"the body is not {name}: {wrong}") from None


def _unpack(new: Callable[[], Any], body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    while body:
        member = new()
        parts.append(member.decompress(body, limit + 1))
        if len(parts[-1]) > limit:
            raise Problem(
                413, "body_too_large", "the body unpacks to more than is taken at once; send less"
            )
        limit -= len(parts[-1])
        if not member.eof:
            raise EOFError("it ends before its end")
        body = member.unused_data
    return b"".join(parts)


UNPACKERS: Final[Mapping[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(GZIP_WINDOW),
    "zstd": zstd.ZstdDecompressor,
}
