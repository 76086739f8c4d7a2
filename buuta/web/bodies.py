"""Request bodies with a limit, and JSON that a hostile sender cannot break us with."""

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from buuta.web.problems import Problem


async def read_body(request: Request, limit: int) -> bytes:
    """The body, never holding more than `limit` bytes.

    Raises:
        Problem: 413 when it is longer, 400 when the sender went away.
    """
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise Problem(
                    413,
                    "body_too_large",
                    f"the body is larger than {limit} bytes; send less at once",
                )
            chunks.append(chunk)
    except ClientDisconnect as gone:
        raise Problem(400, "body_incomplete", "the body ended before its time") from gone
    return b"".join(chunks)


def parse_json(body: bytes) -> Any:
    """JSON text as Python values; what is odd in a single value is for the item's own check.

    Raises:
        Problem: 400 with the place where the text stops being JSON.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_int=_integer)
    except UnicodeDecodeError as wrong:
        raise Problem(400, "body_not_utf8", f"the body is not UTF-8 at byte {wrong.start}") from None
    except json.JSONDecodeError as wrong:
        raise Problem(
            400, "body_not_json",
            f"the body is not JSON: {wrong.msg} at line {wrong.lineno} column {wrong.colno}",
        ) from None  # fmt: skip
    except RecursionError:
        raise Problem(400, "body_too_deep", "the body nests too deeply") from None


def _integer(digits: str) -> int | float:
    """Integers of any length: those beyond 64 bits become floats and fail the item's own check."""
    return int(digits) if len(digits) < 19 else float(digits)
