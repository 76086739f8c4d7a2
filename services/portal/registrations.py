"""Registering, changing and withdrawing parcels: contacts to the vault, the rest to the parcel's log."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from buuta.contracts.codec import Codec
from buuta.errors import BadItem
from buuta.model.identifiers import parcel_key
from buuta.storage import contacts, outbox, secrets, set_aside
from buuta.storage.background import Fault, each_alone
from buuta.storage.set_aside import Aside
from buuta.storage.sharing import At
from buuta.storage.vault import Vault
from buuta.telemetry.clock import now_ms
from buuta.web.problems import Problem
from services.portal import changes, standing, storage
from services.portal.changes import contact_of, destination_place, ms_of
from services.portal.domain.registration import (
    Destination,
    NewParcel,
    ParcelChange,
    Recipient,
    Registered,
    standing_of,
)
from services.portal.limits import Limits, Written, is_full
from services.portal.settings import PortalSettings
from services.portal.standing import Parcel

log = structlog.get_logger()
COLUMNS: Final = (
    "registration_id, shipper, carrier, number, version, language, province, commune, promised_at, "
    "withdrawn, person_hash, contacts, service, destination, owner, confirmed, registered_at"
)
PARCEL_OF: Final = """
select owner, carrier, number from registrations where registration_id = $1 and shipper = $2
"""
LOCK_ONE: Final = (
    f"select {COLUMNS} from registrations where registration_id = $1 and shipper = $2 for update"  # noqa: S608
)
LOCK_SAME: Final = f"""
select {COLUMNS} from registrations where shipper = $1 and number = $2 and (owner = $3 or carrier = $4)
order by withdrawn or registered_at < $5, carrier <> $4, registration_id limit 1 for update
"""  # noqa: S608 - names from this file
ALL_OF: Final = f"""
select {COLUMNS} from registrations where owner = $1 and number = $2 and registered_at >= $3 for update
"""  # noqa: S608
"""Those of the parcel that a number has now; nothing moves a registration of one before it into this one."""
WRITE: Final = f"""
insert into registrations ({COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
on conflict (registration_id) do update set version = excluded.version, carrier = excluded.carrier,
  language = excluded.language, province = excluded.province, commune = excluded.commune,
  promised_at = excluded.promised_at, withdrawn = excluded.withdrawn,
  person_hash = excluded.person_hash, contacts = excluded.contacts, service = excluded.service,
  destination = excluded.destination, owner = excluded.owner, confirmed = excluded.confirmed,
  registered_at = excluded.registered_at, changed_at = now()
"""  # noqa: S608 - names from this file

NAMINGS: Final = "namings"


class Registrar:
    """Writes registrations; each method runs in the caller's transaction."""

    def __init__(self, vault: Vault, codec: Codec, settings: PortalSettings) -> None:
        self._vault = vault
        self._codec = codec
        self._topic = settings.events_topic
        self._gaps = settings.epoch_gaps
        self._limits = Limits(vault, settings)

    def at(self, now_ms: int) -> At:
        """A moment, and how long numbers rest."""
        return At(now_ms, self._gaps.usual_ms)

    async def register(self, con: Any, shipper: str, new: NewParcel, now_ms: int) -> Registered:
        """Register a parcel; one that was withdrawn, or whose parcel has ended, comes back.

        Only so can one be of another parcel than before: its shipper says anew who is told, and where to.

        Raises:
            Problem: 404 for a carrier that we do not know, 409 for a parcel that is registered, or by too many;
                429 where a limit is reached.
        """
        owner = await storage.owner(con, new.carrier, new.number)
        if owner is None:
            raise Problem(404, "carrier_unknown", "no carrier has this code; GET /v1/carriers lists them")
        parcel = await standing.place(con, owner, new.number, self._gaps.of(owner), now_ms)
        same = await con.fetchrow(LOCK_SAME, shipper, new.number, owner, new.carrier, parcel.since)
        again = same is not None and (
            _is_past(parcel, same)
            or await standing.has_ended(con, owner, new.number, same["registered_at"])
        )
        if same is not None and not same["withdrawn"] and not again:
            raise Problem(
                409, "already_registered",
                f"this parcel is registered: change it by PATCH /v1/parcels/{same['registration_id']}",
            )  # fmt: skip
        row: dict[str, Any] = dict(same) if same is not None else {
            "registration_id": uuid.uuid4(), "shipper": shipper, "number": new.number,
            "version": 0, "registered_at": now_ms, "person_hash": None,
        }  # fmt: skip
        self._limits.versions(row)
        before = row["person_hash"]
        if again:
            row["registered_at"] = now_ms
        destination = new.destination
        row |= {
            "owner": owner,
            "carrier": new.carrier,
            "withdrawn": False,
            "province": destination.province if destination else None,
            "commune": destination.commune if destination else None,
            "promised_at": ms_of(new.promised_at),
            "service": new.service,
        }
        row["destination"] = await self._sealed(con, row, destination)
        await self._seal(con, row, new.recipient)
        registered = await self._write(con, parcel, row)
        await self._limits.room(con, parcel, registered.standing)
        await self._limits.count(con, Written(shipper, registered, new.recipient), now_ms)
        if before not in (None, row["person_hash"]):
            await contacts.forget_unused(con, before)
        return registered

    async def change(
        self, con: Any, shipper: str, registration_id: uuid.UUID, change: ParcelChange, now_ms: int
    ) -> Registered:
        """Change what the request names; what is so already is no change, writes no version and counts for none.

        Raises:
            Problem: 404 where this shipper has no such registration, 409 where it was withdrawn or its parcel ended
                so long ago that the number is free for another one.
        """
        parcel, row = await self._mine(con, shipper, registration_id, now_ms)
        if row["withdrawn"]:
            raise Problem(409, "withdrawn", "this registration was withdrawn; register the parcel again")
        if _is_past(parcel, row):
            raise Problem(
                409, "parcel_ended", "that parcel has ended; register anew if the number is used again"
            )
        new = await changes.news(con, self._vault, row, change)
        stands_as_before = row["confirmed"] == await standing.is_confirmed(con, parcel, row)
        if new == ParcelChange() and stands_as_before:
            return shown(row, await standing.is_behind(con, registration_id))
        self._limits.versions(row)
        before = row["person_hash"]
        await self._alter(con, row, new)
        registered = await self._write(con, parcel, row)
        await self._limits.count(con, Written(shipper, registered, new.recipient), now_ms)
        if before != row["person_hash"]:
            await contacts.forget_unused(con, before)
        return registered

    async def withdraw(self, con: Any, shipper: str, registration_id: uuid.UUID, now_ms: int) -> Registered:
        """End the messages and erase what this registration sealed, and nothing else; once is as good as twice.

        Raises:
            Problem: 404 where this shipper has no such registration.
        """
        parcel, row = await self._mine(con, shipper, registration_id, now_ms)
        if row["withdrawn"]:
            return shown(row, await standing.is_behind(con, registration_id))
        before = row["person_hash"]
        row |= {"withdrawn": True, "contacts": None, "person_hash": None, "destination": None}
        registered = await self._write(con, parcel, row)
        await contacts.forget_unused(con, before)
        return registered

    async def confirm(self, con: Any, carrier: str, number: str, shipper: str, now_ms: int) -> int:
        """Note that a carrier names a parcel's shipper; returns how many registrations that changes.

        Raises:
            BadItem: no such carrier, or no such shipper.
        """
        owner = await storage.owner(con, carrier, number)
        if owner is None or not await storage.is_shipper(con, shipper):
            raise BadItem("name_unknown", f"there is no carrier {carrier!r}, or no shipper {shipper!r}")
        parcel = await standing.place(con, owner, number, self._gaps.of(owner), now_ms)
        await standing.name(con, parcel, shipper, now_ms)
        return await self._follow(con, parcel)

    async def follow_namings(self, pool: Any) -> bool:
        """Let registrations follow the shippers that carriers named; returns whether there may be more."""
        waiting = await standing.to_apply(pool, self._gaps.usual_ms, now_ms())

        async def apply(some: Sequence[Any]) -> None:
            for named in some:
                async with pool.acquire() as con, con.transaction():
                    await self._apply(con, named)

        outcome = await each_alone(waiting, apply)
        faults = [Fault(Aside(_named(each.element)), each.why) for each in outcome.faults]
        await set_aside.settle(pool, NAMINGS, [_named(each) for each in waiting], faults)
        return bool(waiting)

    async def _apply(self, con: Any, named: Any) -> None:
        parcel = await standing.place(
            con, named["owner"], named["number"], self._gaps.of(named["owner"]), now_ms()
        )
        await self._follow(con, parcel)
        await standing.applied(con, named)

    async def _follow(self, con: Any, parcel: Parcel) -> int:
        """Write a next version of every registration whose confirmation has changed; returns how many.

        One that was confirmed to and fro until it has no more versions stays as it was last.
        """
        changed = 0
        for row in await con.fetch(ALL_OF, parcel.owner, parcel.number, parcel.since):
            if row["confirmed"] == await standing.is_confirmed(con, parcel, row):
                continue
            if is_full(row):
                log.warning("registration_full", registration=str(row["registration_id"]))
                continue
            await self._write(con, parcel, dict(row))
            changed += 1
        return changed

    async def _mine(
        self, con: Any, shipper: str, registration_id: uuid.UUID, now_ms: int
    ) -> tuple[Parcel, dict[str, Any]]:
        """A shipper's own registration and its parcel, both locked."""
        of = await con.fetchrow(PARCEL_OF, registration_id, shipper)
        if of is None:
            raise Problem(404, "registration_unknown", "you have no registration of this id")
        owner = of["owner"] or of["carrier"]
        parcel = await standing.place(con, owner, of["number"], self._gaps.of(owner), now_ms)
        return parcel, {**await con.fetchrow(LOCK_ONE, registration_id, shipper), "owner": owner}

    async def _alter(self, con: Any, row: dict[str, Any], new: ParcelChange) -> None:
        if new.recipient is not None:
            await self._seal(con, row, new.recipient)
        if new.destination is not None:
            row |= {"province": new.destination.province, "commune": new.destination.commune}
            row["destination"] = await self._sealed(con, row, new.destination)
        if new.promised_at is not None:
            row["promised_at"] = ms_of(new.promised_at)
        if new.service is not None:
            row["service"] = new.service

    async def _sealed(self, con: Any, row: dict[str, Any], to: Destination | None) -> bytes | None:
        """Where exactly it goes, under the parcel's key; None where that is not said."""
        if to is None or not to.private:
            return None
        place, plain = destination_place(row), json.dumps(to.private).encode()
        _, sealed = await secrets.seal(con, self._vault, _key(row), place, plain)
        return sealed

    async def _seal(self, con: Any, row: dict[str, Any], recipient: Recipient) -> None:
        contact = contact_of(recipient)
        await contacts.hold(con, self._vault, row["shipper"], contact, row["person_hash"])
        person, sealed = await contacts.store(
            con, self._vault, row["shipper"], row["registration_id"], contact
        )
        row |= {"person_hash": person, "contacts": sealed, "language": contact.language,
                "channels": contact.channels}  # fmt: skip

    async def _write(self, con: Any, parcel: Parcel, row: dict[str, Any]) -> Registered:
        """Write the next version, of the parcel that its registration was made for, whenever that was."""
        row["version"] += 1
        if not _is_past(parcel, row):
            row["confirmed"] = await standing.is_confirmed(con, parcel, row)
        await con.execute(WRITE, *(row[name.strip()] for name in COLUMNS.split(",")))
        await standing.rank(con, parcel)
        key = _key(row)
        event = {
            "registration_id": str(row["registration_id"]), "version": row["version"],
            "carrier": row["owner"], "number": row["number"], "shipper": row["shipper"],
            "province": row["province"], "commune": row["commune"],
            "promised_at": row["promised_at"], "language": row["language"],
            "channels": row.get("channels", []), "withdrawn": row["withdrawn"],
            "registered_at": row["registered_at"], "service": row["service"], "confirmed": row["confirmed"],
        }  # fmt: skip
        value = self._codec.encode("ParcelRegistration", event)
        await outbox.put(con, self._topic, key.encode(), value)
        return shown(row, await standing.is_behind(con, row["registration_id"]))


def shown(row: dict[str, Any], is_behind: bool) -> Registered:  # noqa: FBT001 - as the table has it
    """A registration as the shipper sees it."""
    return Registered(
        registration_id=str(row["registration_id"]), carrier=row["carrier"], number=row["number"],
        version=row["version"], withdrawn=row["withdrawn"], standing=standing_of(row["confirmed"], is_behind),
        tracking_page=f"/t/{row['carrier']}/{row['number']}",
    )  # fmt: skip


def _is_past(parcel: Parcel, row: Mapping[str, Any]) -> bool:
    """Whether a registration was made for a parcel that the number had before this one."""
    return bool(row["registered_at"] < parcel.since)


def _key(row: dict[str, Any]) -> str:
    return parcel_key(row["owner"], row["number"])


def _named(naming: Any) -> str:
    return f"{naming['owner']}:{naming['number']}"
