"""Registering, changing and withdrawing parcels: contacts to the vault, the rest to the parcel's log."""

import json
import uuid
from datetime import datetime
from typing import Any, Final

from buuta.contracts.codec import Codec
from buuta.model.identifiers import parcel_key
from buuta.storage import contacts, outbox, secrets
from buuta.storage.contacts import Contact
from buuta.storage.vault import Vault
from buuta.web.problems import Problem
from services.portal import storage
from services.portal.domain.registration import Destination, NewParcel, ParcelChange, Recipient, Registered

COLUMNS: Final = (
    "registration_id, shipper, carrier, number, version, language, province, commune, promised_at, "
    "withdrawn, person_hash, contacts, service, destination"
)
LOCK_ONE: Final = (
    f"select {COLUMNS} from registrations where registration_id = $1 and shipper = $2 for update"  # noqa: S608
)
LOCK_SAME: Final = (
    f"select {COLUMNS} from registrations where shipper = $1 and carrier = $2 and number = $3 for update"  # noqa: S608
)
WRITE: Final = """
insert into registrations (registration_id, shipper, carrier, number, version, language, province,
  commune, promised_at, withdrawn, person_hash, contacts, service, destination)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (registration_id) do update set version = excluded.version,
  language = excluded.language, province = excluded.province, commune = excluded.commune,
  promised_at = excluded.promised_at, withdrawn = excluded.withdrawn,
  person_hash = excluded.person_hash, contacts = excluded.contacts, service = excluded.service,
  destination = excluded.destination
"""


class Registrar:
    """Writes registrations; each method runs in the caller's transaction."""

    def __init__(self, vault: Vault, codec: Codec, topic: str) -> None:
        self._vault = vault
        self._codec = codec
        self._topic = topic

    async def register(self, con: Any, shipper: str, new: NewParcel, now_ms: int) -> Registered:
        """Register a parcel; one that was withdrawn comes back with the next version.

        Raises:
            Problem: 404 for a carrier that we do not know, 409 for a parcel that is registered.
        """
        owner = await storage.owner(con, new.carrier, new.number)
        if owner is None:
            raise Problem(404, "carrier_unknown", "no carrier has this code; GET /v1/carriers lists them")
        same = await con.fetchrow(LOCK_SAME, shipper, new.carrier, new.number)
        if same is not None and not same["withdrawn"]:
            raise Problem(
                409, "already_registered",
                f"this parcel is registered: change it by PATCH /v1/parcels/{same['registration_id']}",
            )  # fmt: skip
        row: dict[str, Any] = dict(same) if same is not None else {
            "registration_id": uuid.uuid4(), "shipper": shipper, "carrier": new.carrier,
            "number": new.number, "version": 0,
        }  # fmt: skip
        destination = new.destination
        row |= {
            "owner": owner,
            "withdrawn": False,
            "province": destination.province if destination else None,
            "commune": destination.commune if destination else None,
            "promised_at": _ms(new.promised_at),
            "service": new.service,
        }
        row["destination"] = await self._sealed(con, row, destination)
        await self._seal(con, row, new.recipient)
        return await self._write(con, row, now_ms)

    async def change(
        self, con: Any, shipper: str, registration_id: uuid.UUID, change: ParcelChange, now_ms: int
    ) -> Registered:
        """Change what the request names.

        Raises:
            Problem: 404 where this shipper has no such registration, 409 where it was withdrawn.
        """
        row = await self._mine(con, shipper, registration_id)
        if row["withdrawn"]:
            raise Problem(409, "withdrawn", "this registration was withdrawn; register the parcel again")
        before = row["person_hash"]
        if change.recipient is not None:
            await self._seal(con, row, change.recipient)
        if change.destination is not None:
            row |= {"province": change.destination.province, "commune": change.destination.commune}
            row["destination"] = await self._sealed(con, row, change.destination)
        if change.promised_at is not None:
            row["promised_at"] = _ms(change.promised_at)
        if change.service is not None:
            row["service"] = change.service
        registered = await self._write(con, row, now_ms)
        if before != row["person_hash"]:
            await contacts.forget_unused(con, before)
        return registered

    async def withdraw(self, con: Any, shipper: str, registration_id: uuid.UUID, now_ms: int) -> Registered:
        """End the messages and erase what this registration sealed, and nothing else; once is as good as twice.

        Raises:
            Problem: 404 where this shipper has no such registration.
        """
        row = await self._mine(con, shipper, registration_id)
        if row["withdrawn"]:
            return _registered(row)
        before = row["person_hash"]
        row |= {"withdrawn": True, "contacts": None, "person_hash": None, "destination": None}
        registered = await self._write(con, row, now_ms)
        await contacts.forget_unused(con, before)
        return registered

    async def _mine(self, con: Any, shipper: str, registration_id: uuid.UUID) -> dict[str, Any]:
        row = await con.fetchrow(LOCK_ONE, registration_id, shipper)
        if row is None:
            raise Problem(404, "registration_unknown", "you have no registration of this id")
        owner = await storage.owner(con, row["carrier"], row["number"])
        return {**row, "owner": owner or row["carrier"]}

    async def _sealed(self, con: Any, row: dict[str, Any], to: Destination | None) -> bytes | None:
        """Where exactly it goes, under the parcel's key; None where that is not said."""
        if to is None or not to.private:
            return None
        _, sealed = await secrets.seal(con, self._vault, _key(row), json.dumps(to.private).encode())
        return sealed

    async def _seal(self, con: Any, row: dict[str, Any], recipient: Recipient) -> None:
        contact = Contact(recipient.phone, recipient.email, recipient.language)
        person, sealed = await contacts.store(con, self._vault, row["shipper"], contact)
        row |= {"person_hash": person, "contacts": sealed, "language": contact.language,
                "channels": contact.channels}  # fmt: skip

    async def _write(self, con: Any, row: dict[str, Any], now_ms: int) -> Registered:
        row["version"] += 1
        await con.execute(WRITE, *(row[name.strip()] for name in COLUMNS.split(",")))
        key = _key(row)
        event = {
            "registration_id": str(row["registration_id"]), "version": row["version"],
            "carrier": row["owner"], "number": row["number"], "shipper": row["shipper"],
            "province": row["province"], "commune": row["commune"],
            "promised_at": row["promised_at"], "language": row["language"],
            "channels": row.get("channels", []), "withdrawn": row["withdrawn"],
            "registered_at": now_ms, "service": row["service"],
        }  # fmt: skip
        value = self._codec.encode("ParcelRegistration", event)
        await outbox.put(con, self._topic, key.encode(), value)
        return _registered(row)


def _registered(row: dict[str, Any]) -> Registered:
    return Registered(
        registration_id=str(row["registration_id"]), carrier=row["carrier"], number=row["number"],
        version=row["version"], withdrawn=row["withdrawn"],
        tracking_page=f"/t/{row['carrier']}/{row['number']}",
    )  # fmt: skip


def _key(row: dict[str, Any]) -> str:
    return parcel_key(row["owner"], row["number"])


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
