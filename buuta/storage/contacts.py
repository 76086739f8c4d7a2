"""Contacts in the vault: who is to be told, under a key per person and shipper."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from buuta.errors import Unopenable
from buuta.model.contact_points import one_mailbox, one_spelling
from buuta.storage import locks
from buuta.storage.unlocking import unlock
from buuta.storage.vault import Owned, Place, Vault

CHANNELS: Final = ("sms", "email")


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
        return [channel for channel in CHANNELS if self.address(channel)]


@dataclass(frozen=True)
class Unreadable:
    """A contact that does not open, and why; its neighbours do."""

    person: bytes
    why: str


def person_hash(vault: Vault, shipper: str, contact: Contact) -> bytes:
    """The person, as this shipper knows them: found again by phone, or by e-mail without one, however spelt."""
    return vault.find_by("person", shipper, one_spelling(contact.phone or contact.email or ""))


def recipient_hash(vault: Vault, channel: str, address: str) -> bytes:
    """Whom an address reaches, found again without being known; all tags of a mailbox reach one recipient."""
    return vault.find_by("recipient", channel, one_mailbox(address))


def recipients(vault: Vault, contact: Contact | Unreadable) -> list[tuple[str, bytes]]:
    """A contact's channels, each with the hash of its address there.

    Of one that does not open: every channel, and the person; who sends tries once more, and says what is wrong.
    """
    if isinstance(contact, Unreadable):
        return [(channel, contact.person) for channel in CHANNELS]
    reached = ((channel, contact.address(channel)) for channel in contact.channels)
    return [(channel, recipient_hash(vault, channel, address or "")) for channel, address in reached]


def _place(registration_id: UUID) -> Place:
    return Place("registrations.contacts", registration_id.bytes)


async def hold(con: Any, vault: Vault, shipper: str, contact: Contact, before: bytes | None) -> None:
    """Hold a person and the one before up to the end of the transaction, in one order.

    Who seals one first and forgets the other at last would wait for whoever does it the other way round.
    """
    await unlock(con, vault)
    both = {person_hash(vault, shipper, contact), *([] if before is None else [before])}
    for person in sorted(both):
        await locks.hold(con, locks.Lock.PERSON, person.hex())


async def store(
    con: Any, vault: Vault, shipper: str, registration_id: UUID, contact: Contact
) -> tuple[bytes, bytes]:
    """Make or find the person's key, and seal the contact for a registration; returns person hash and sealed bytes.

    Raises:
        Unopenable: the person's key is wrapped by a master key that we were not given.
    """
    await unlock(con, vault)
    person = person_hash(vault, shipper, contact)
    wrapped = await con.fetchval(
        "insert into persons (person_hash, shipper, wrapped_key) values ($1, $2, $3) "
        "on conflict (person_hash) do update set shipper = excluded.shipper returning wrapped_key",
        person, shipper, vault.new_key(person),
    )  # fmt: skip
    plain = json.dumps({"phone": contact.phone, "email": contact.email}).encode()
    return person, vault.seal(Owned(person, wrapped), _place(registration_id), plain)


async def forget_unused(con: Any, person: bytes) -> None:
    """Destroy a person's key when no registration needs it any more: that erases the person.

    The row is held first: a registration of the same person that is being made is seen only once it is committed.
    """
    await con.execute("select from persons where person_hash = $1 for update", person)
    await con.execute(
        "delete from persons p where person_hash = $1 and not exists "
        "(select 1 from registrations r where r.person_hash = p.person_hash)",
        person,
    )


async def load(con: Any, vault: Vault, ids: Collection[UUID]) -> dict[UUID, Contact | Unreadable]:
    """The contacts of these registrations; withdrawn and erased ones are missing."""
    await unlock(con, vault)
    rows = await con.fetch(
        "select registration_id, language, contacts, person_hash, wrapped_key "
        "from registrations join persons using (person_hash) "
        "where registration_id = any($1) and contacts is not null",
        list(ids),
    )
    found = {row["registration_id"]: _contact(vault, row) for row in rows}
    return {registration_id: contact for registration_id, contact in found.items() if contact is not None}


def _contact(vault: Vault, row: Any) -> Contact | Unreadable | None:
    key = Owned(row["person_hash"], row["wrapped_key"])
    try:
        plain = vault.open(key, _place(row["registration_id"]), row["contacts"])
    except Unopenable as why:
        return Unreadable(row["person_hash"], str(why))
    if plain is None:
        return None
    said = json.loads(plain)
    return Contact(said["phone"], said["email"], row["language"])
