"""Packed request bodies, unpacked up to a limit: a few bytes can hold gigabytes."""

import zlib
from collections.abc import Callable, Mapping
from typing import Final

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
    unpack = UNPACKERS.get(name)
    if unpack is None:
        raise Problem(415, "encoding_unknown", f"pack by one of {', '.join(UNPACKERS)}, or not at all")
    try:
        return unpack(body, limit)
    except (zlib.error, zstd.ZstdError, EOFError) as wrong:
        raise Problem(400, "body_not_packed", f"the body is not {name}: {wrong}") from None


def _gzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while body:
        member = zlib.decompressobj(GZIP_WINDOW)
        parts.append(member.decompress(body, left + 1))
        left = _room(left, parts[-1])
        if not member.eof:
            raise EOFError("it ends before its end")
        body = member.unused_data
    return b"".join(parts)


def _zstd(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while body:
        frame = zstd.ZstdDecompressor()
        parts.append(frame.decompress(body, left + 1))
        left = _room(left, parts[-1])
        if not frame.eof:
            raise EOFError("it ends before its end")
        body = frame.unused_data
    return b"".join(parts)


def _room(left: int, part: bytes) -> int:
    if len(part) > left:
        raise Problem(413, "body_too_large", "the body unpacks to more than is taken at once; send less")
    return left - len(part)


UNPACKERS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {"gzip": _gzip, "zstd": _zstd}
