"""Packed request bodies, unpacked up to a limit: a few bytes can hold gigabytes."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from backports import zstd

from buuta.web.problems import Problem

GZIP_WINDOW: Final = 31
PIECE: Final = 65_536
MOST_MEMBERS: Final = 1_000
"""Gzip members or zstd frames in a row; tools that pack in parallel make one of some 100 kB."""


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
    member: Any = None
    members = 0
    for first in range(0, len(body), PIECE):
        # Behind the end of a member the rest of a piece is copied, so pieces are small.
        piece = body[first : first + PIECE]
        while piece:
            if member is None or member.eof:
                member, members = new(), members + 1
                _check_members(members)
            parts.append(member.decompress(piece, limit + 1))
            limit -= len(parts[-1])
            if limit < 0:
                raise Problem(
                    413, "body_too_large", "the body unpacks to more than is taken at once; send less"
                )
            piece = member.unused_data if member.eof else b""
    if member is not None and not member.eof:
        raise EOFError("it ends before its end")
    return b"".join(parts)


def _check_members(members: int) -> None:
    if members > MOST_MEMBERS:
        raise Problem(
            413, "too_many_members", f"the body is packed in more than {MOST_MEMBERS} parts; pack it as one"
        )


UNPACKERS: Final[Mapping[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(GZIP_WINDOW),
    "deflate": zlib.decompressobj,
    "zstd": zstd.ZstdDecompressor,
}
