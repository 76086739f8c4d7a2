"""Contacts in the vault: who is to be told, under a key per person and shipper."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from buuta.storage.vault import Vault


@dataclass(frozen=True, repr=False)
class Contact:
    """A recipient: phone (E.164) and/or e-mail, and the language to write in. Never printed."""

    phone: str | None
    email: str | None
    language: str

    def address(self, channel: str) -> str | None:
        """Where a message goes by this channel; None where the recipient has no such address."""
        return {"sms": self.phone, "email": self.email}[channel]

    @property
    def channels(self) -> list[str]:
        """The channels by which the recipient can be reached."""
        return [channel for channel in ("sms", "email") if self.address(channel)]


def person_hash(vault: Vault, shipper: str, contact: Contact) -> bytes:
    """The person, as this shipper knows them: found again by phone, or by e-mail without one."""
    return vault.find_by("person", shipper, contact.phone or contact.email or "")


def recipient_hash(vault: Vault, channel: str, address: str) -> bytes:
    """An address, found again without being known."""
    return vault.find_by("recipient", channel, address)


def recipients(vault: Vault, contact: Contact) -> list[tuple[str, bytes]]:
    """A contact's channels, each with the hash of its address there."""
    reached = ((channel, contact.address(channel)) for channel in contact.channels)
    return [(channel, recipient_hash(vault, channel, address or "")) for channel, address in reached]


async def store(con: Any, vault: Vault, shipper: str, contact: Contact) -> tuple[bytes, bytes]:
    """Make or find the person's key, and seal the contact; returns person hash and sealed bytes."""
    person = person_hash(vault, shipper, contact)
    wrapped = await con.fetchval(
        "insert into persons (person_hash, shipper, wrapped_key) values ($1, $2, $3) "
        "on conflict (person_hash) do update set shipper = excluded.shipper returning wrapped_key",
        person, shipper, vault.new_person_key(person),
    )  # fmt: skip
    plain = json.dumps({"phone": contact.phone, "email": contact.email}).encode()
    return person, vault.seal(wrapped, person, plain)


async def forget_unused(con: Any, person: bytes) -> None:
    """Destroy a person's key when no registration needs it any more: that erases the person."""
    await con.execute(
        "delete from persons p where person_hash = $1 and not exists "
        "(select 1 from registrations r where r.person_hash = p.person_hash)",
        person,
    )


async def load(con: Any, vault: Vault, ids: Collection[UUID]) -> dict[UUID, Contact]:
    """The contacts of these registrations; withdrawn and erased ones are missing."""
    rows = await con.fetch(
        "select registration_id, language, contacts, person_hash, wrapped_key "
        "from registrations join persons using (person_hash) "
        "where registration_id = any($1) and contacts is not null",
        list(ids),
    )
    return {row["registration_id"]: _contact(vault, row) for row in rows}


def _contact(vault: Vault, row: Any) -> Contact:
    plain = json.loads(vault.open(row["wrapped_key"], row["person_hash"], row["contacts"]))
    return Contact(plain["phone"], plain["email"], row["language"])
