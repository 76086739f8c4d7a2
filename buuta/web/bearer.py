"""Bearer keys in the `Authorization` header: whose they are, and how each begins."""

from typing import Final

from fastapi import Request
from fastapi.security import HTTPBearer

from buuta.errors import Forbidden

SAMPLES: Final = {"carrier_key": "bk_…", "shipper_key": "bs_…", "operator_key": "bo_…"}
"""How keys begin, by their names in descriptions of the API."""


def _scheme(name: str, whose: str) -> HTTPBearer:
    said = f"{whose} API key, {SAMPLES[name]}, that was shown once."
    return HTTPBearer(auto_error=False, scheme_name=name, description=said)


CARRIER_KEY: Final = _scheme("carrier_key", "A carrier's")
SHIPPER_KEY: Final = _scheme("shipper_key", "A shipper's")
OPERATOR_KEY: Final = _scheme("operator_key", "An operator's")


def bearer_key(request: Request) -> str:
    """The key that the request carries.

    Raises:
        Forbidden: there is none.
    """
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not key.strip():
        raise Forbidden("send your API key as the header Authorization: Bearer KEY")
    return key.strip()
