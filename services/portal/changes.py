"""What a request changes of a registration: what it names as it is already is no change, and counts for none."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from buuta.errors import Unopenable
from buuta.model.identifiers import parcel_key
from buuta.storage import contacts, secrets
from buuta.storage.contacts import Contact
from buuta.storage.vault import Place, Vault
from services.portal.domain.registration import Destination, ParcelChange, Recipient

DESTINATION: Final = "registrations.destination"


def destination_place(row: Mapping[str, Any]) -> Place:
    """Where a registration's destination lies."""
    return Place(DESTINATION, row["registration_id"].bytes)


def contact_of(recipient: Recipient) -> Contact:
    """A recipient as the vault keeps it."""
    return Contact(recipient.phone, recipient.email, recipient.language)


def ms_of(moment: datetime | None) -> int | None:
    """A moment as UTC milliseconds."""
    return None if moment is None else round(moment.timestamp() * 1000)


async def news(con: Any, vault: Vault, row: Mapping[str, Any], change: ParcelChange) -> ParcelChange:
    """Of a change what is not so already; what cannot be opened to be compared is as good as changed."""
    same = {
        "recipient": change.recipient and await _is_recipient(con, vault, row, change.recipient),
        "destination": change.destination and await _is_destination(con, vault, row, change.destination),
        "promised_at": change.promised_at and row["promised_at"] == ms_of(change.promised_at),
        "service": row["service"] == change.service,
    }
    return change.model_copy(update={name: None for name, is_same in same.items() if is_same})


async def _is_recipient(con: Any, vault: Vault, row: Mapping[str, Any], recipient: Recipient) -> bool:
    known = await contacts.load(con, vault, [row["registration_id"]])
    return known.get(row["registration_id"]) == contact_of(recipient)


async def _is_destination(con: Any, vault: Vault, row: Mapping[str, Any], to: Destination) -> bool:
    if (row["province"], row["commune"]) != (to.province, to.commune):
        return False
    if row["destination"] is None:
        return not to.private
    key = parcel_key(row["owner"], row["number"])
    try:
        plain = await secrets.open_sealed(con, vault, key, destination_place(row), row["destination"])
    except Unopenable:
        return False
    return plain is not None and json.loads(plain) == to.private
