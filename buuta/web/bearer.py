"""Bearer keys in the `Authorization` header."""

from fastapi import Request
from fastapi.security import HTTPBearer

from buuta.errors import Forbidden

scheme = HTTPBearer(auto_error=False, description="The API key that was shown once, `bk_…`.")


def bearer_key(request: Request) -> str:
    """The key that the request carries.

    Raises:
        Forbidden: there is none.
    """
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not key.strip():
        raise Forbidden("send your API key as the header Authorization: Bearer KEY")
    return key.strip()
