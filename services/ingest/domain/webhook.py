"""How a vendor calls us, and what it wants to hear."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ingest.domain.vendor_signature import VendorSignature


@dataclass(frozen=True)
class Reply:
    """What a vendor wants to hear for what is kept: JSON `fields` or a `text`, with fields of the report in it."""

    fields: Mapping[str, Any] | None = None
    text: str | None = None
    media_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Webhook:
    """How a vendor calls us.

    `body` is `json`, `form` where it may be a form as well, or `xml`; of a GET the query is the payload. Of the
    request's headers those in `headers`, and of its query those in `query`, are fields of the payload, too.
    `json_in` are fields whose text is JSON. `never_refuse` is for one that repeats for ever whatever is not
    answered 200. `signature` is how it proves that it is the vendor, beside the address that it knows.
    """

    body: str = "json"
    methods: Sequence[str] = ("POST",)
    headers: Sequence[str] = ()
    query: Sequence[str] = ()
    json_in: Sequence[str] = ()
    reply: Reply | None = None
    never_refuse: bool = False
    signature: VendorSignature | None = None
